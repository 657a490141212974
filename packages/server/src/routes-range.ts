// Pages of a range, for clients that keep nothing open between two of them.

import { nameParameters, type RangeRequest, rangeRequest, valueBodyBytesMax } from '@pamina/wire';
import type { FastifyInstance } from 'fastify';
import type { Named, RouteContext } from './route-context.js';

export function rangeRoutes(app: FastifyInstance, { served }: RouteContext): void {
  app.post<Named & { Body: RangeRequest }>(
    '/databases/:name/range',
    {
      config: { role: 'read' },
      bodyLimit: valueBodyBytesMax,
      schema: { params: nameParameters, body: rangeRequest },
      // Who wants the first page of everything has nothing to say.
      preValidation: async (request) => {
        request.body ??= {};
      },
    },
    ({ body, params }) => served.operations.range(params.name, body),
  );
}
