// Routes of what makes a database follow another, wait with what it receives, and follow no more.

import {
  type ApplyRequest,
  applyRequest,
  type FailoverOptions,
  failoverRequest,
  fenceRequest,
  type FenceRequest,
  nameParameters,
  type RejoinOptions,
  rejoinRequest,
  type ReplicateRequest,
  replicateRequest,
  type ResetRequest,
  resetRequest,
  type TakeOverRequest,
  takeOverRequest,
} from '@pamina/wire';
import type { FastifyInstance } from 'fastify';
import { answerLines } from './line-answer.js';
import type { Named, RouteContext } from './route-context.js';

export function followingRoutes(app: FastifyInstance, { clock, served }: RouteContext): void {
  app.post<Named & { Body: ReplicateRequest }>(
    '/databases/:name/replicate',
    { config: { role: 'server' }, schema: { params: nameParameters, body: replicateRequest } },
    ({ body, params }, reply) =>
      answerLines(reply, clock, (answer) => served.replicate(params.name, body, answer.progress)),
  );

  app.post<Named & { Body: ApplyRequest }>(
    '/databases/:name/apply',
    { config: { role: 'admin' }, schema: { params: nameParameters, body: applyRequest } },
    ({ body, params }, reply) => answerLines(reply, clock, () => served.apply(params.name, body)),
  );

  app.post<Named & { Body: ResetRequest }>(
    '/databases/:name/reset',
    {
      config: { role: 'admin' },
      schema: { params: nameParameters, body: resetRequest },
      // Who wants all that was received has nothing to say.
      preValidation: async (request) => {
        request.body ??= {};
      },
    },
    ({ body, params }, reply) => answerLines(reply, clock, () => served.reset(params.name, body)),
  );
}

/** What changes who the master is. */
export function failoverRoutes(app: FastifyInstance, { clock, served }: RouteContext): void {
  app.post<Named & { Body: FailoverOptions }>(
    '/databases/:name/failover',
    { config: { role: 'admin' }, schema: { params: nameParameters, body: failoverRequest } },
    ({ body, params }, reply) =>
      answerLines(reply, clock, (answer) => served.failover(params.name, body, answer.progress)),
  );

  app.post<Named & { Body: RejoinOptions }>(
    '/databases/:name/rejoin',
    {
      config: { role: 'admin', serverFields: ['as', 'master'] },
      schema: { params: nameParameters, body: rejoinRequest },
    },
    ({ body, params }, reply) =>
      answerLines(reply, clock, (answer) => served.rejoin(params.name, body, answer.progress)),
  );

  app.post<Named & { Body: FenceRequest }>(
    '/databases/:name/fence',
    { config: { role: 'admin' }, schema: { params: nameParameters, body: fenceRequest } },
    ({ body, params }, reply) =>
      answerLines(reply, clock, () => served.fence(params.name, body.successor)),
  );

  app.post<Named>(
    '/databases/:name/unfence',
    { config: { role: 'admin' }, schema: { params: nameParameters } },
    ({ params }, reply) => answerLines(reply, clock, () => served.unfence(params.name)),
  );

  app.post<Named & { Body: TakeOverRequest }>(
    '/databases/:name/take-over',
    { config: { role: 'admin' }, schema: { params: nameParameters, body: takeOverRequest } },
    ({ body, params }, reply) =>
      answerLines(reply, clock, () => served.takeOver(params.name, body)),
  );
}
