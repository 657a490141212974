// Bodies that carry values are read whole before they are parsed: all that are under way share one
// bound, or as many clients as may connect could fill the memory together (P13).

import { PaminaError } from '@pamina/format';
import { requestBytesMax, valueBodyBytesMax } from '@pamina/wire';
import type { FastifyInstance, FastifyRequest } from 'fastify';

const bodiesBytesMax = 4 * valueBodyBytesMax;

/** Refuses what would go beyond the bound with BACKLOG_FULL; the client tries again later. */
export function boundBodies(app: FastifyInstance): void {
  let held = 0;
  app.addHook('preParsing', async (request, reply, payload) => {
    const bytes = bytesToCome(request);
    if (bytes === 0) return payload;
    if (held + bytes > bodiesBytesMax) {
      throw new PaminaError('BACKLOG_FULL', `requests of ${held} bytes are being read already`);
    }
    held += bytes;
    reply.raw.once('close', () => {
      held -= bytes;
    });
    return payload;
  });
}

/** As announced, else as many as the route lets in; 0 where that is too little to matter. */
function bytesToCome({ headers, routeOptions }: FastifyRequest): number {
  const limit = routeOptions.bodyLimit ?? requestBytesMax;
  if (limit <= requestBytesMax) return 0;
  const announced = headers['content-length'];
  const bytes = announced === undefined ? limit : Number(announced);
  return bytes <= requestBytesMax ? 0 : Math.min(bytes, limit);
}
