// Routes that prove what there is, and mend a store that is not what it should be.

import {
  nameParameters,
  rebuildRequest,
  type RebuildRequest,
  verifyRequest,
  type VerifyRequest,
} from '@pamina/wire';
import type { FastifyInstance } from 'fastify';
import { answerLines } from './line-answer.js';
import type { Named, RouteContext } from './route-context.js';

export function verifyRoutes(app: FastifyInstance, { clock, served }: RouteContext): void {
  app.post<Named & { Body: VerifyRequest }>(
    '/databases/:name/verify',
    {
      config: {
        role: 'backup',
        serverFields: ['backup', 'from', 'credentialsFile', 'identityFile'],
      },
      schema: { params: nameParameters, body: verifyRequest },
    },
    ({ body, params }, reply) =>
      answerLines(reply, clock, (answer) =>
        served.verify(params.name, body, answer.progress, answer.signal),
      ),
  );

  app.post<Named & { Body: RebuildRequest }>(
    '/databases/:name/rebuild',
    { config: { role: 'admin' }, schema: { params: nameParameters, body: rebuildRequest } },
    ({ body, params }, reply) =>
      answerLines(reply, clock, (answer) =>
        served.rebuild(params.name, body, answer.progress, answer.signal),
      ),
  );
}
