// Routes of what makes a database follow another, wait with what it receives, and follow no more.

import {
  type ApplyRequest,
  applyRequest,
  nameParameters,
  type ReplicateRequest,
  replicateRequest,
  type ResetRequest,
  resetRequest,
} from '@pamina/wire';
import type { FastifyInstance } from 'fastify';
import { answerLines } from './line-answer.js';
import type { Named, RouteContext } from './route-context.js';

export function followingRoutes(app: FastifyInstance, { clock, served }: RouteContext): void {
  app.post<Named & { Body: ReplicateRequest }>(
    '/databases/:name/replicate',
    { schema: { params: nameParameters, body: replicateRequest } },
    ({ body, params }, reply) =>
      answerLines(reply, clock, (answer) => served.replicate(params.name, body, answer.progress)),
  );

  app.post<Named & { Body: ApplyRequest }>(
    '/databases/:name/apply',
    { schema: { params: nameParameters, body: applyRequest } },
    ({ body, params }, reply) => answerLines(reply, clock, () => served.apply(params.name, body)),
  );

  app.post<Named & { Body: ResetRequest }>(
    '/databases/:name/reset',
    {
      schema: { params: nameParameters, body: resetRequest },
      // Who wants all that was received has nothing to say.
      preValidation: async (request) => {
        request.body ??= {};
      },
    },
    ({ body, params }, reply) => answerLines(reply, clock, () => served.reset(params.name, body)),
  );
}
