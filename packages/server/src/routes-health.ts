// Whether requests should be sent here: for load balancers and those who restart what is dead, who ask every second
// and without a token. So it tells yes or no and one of a few words, and asks no disk.

import { type HealthAnswer, type HealthQuery, healthQuery } from '@pamina/wire';
import type { FastifyInstance } from 'fastify';
import type { DatabaseCondition } from './host-condition.js';
import type { RouteContext } from './route-context.js';

/** Replicas in them do not come back by themselves. */
const terminal = new Set<DatabaseCondition['state']>([
  'failed',
  'pattern-mismatch',
  'not-permitted',
  'diverged',
  'log-gone',
  'version-mismatch',
  'clone',
]);

export function healthRoutes(
  app: FastifyInstance,
  { served }: Pick<RouteContext, 'served'>,
  draining: AbortSignal,
): void {
  app.get<{ Querystring: HealthQuery }>(
    '/health',
    { config: { role: 'open' }, schema: { querystring: healthQuery } },
    (request, reply) => {
      const reason = draining.aborted ? 'stopping' : unfit(served, request.query);
      reply.header('cache-control', 'no-store');
      const answer: HealthAnswer =
        reason === null ? { status: 'ok' } : { status: 'unavailable', reason };
      return reply.code(reason === null ? 200 : 503).send(answer);
    },
  );
}

/** Null: fit. Whether a database that does not serve is there at all is not told. */
function unfit(served: RouteContext['served'], query: HealthQuery): string | null {
  const { database, maxLagMs, type } = query;
  if (database === undefined) return null;
  const condition = served.operations.condition(database);
  if (!condition.online || terminal.has(condition.state)) return 'not-serving';
  if (type !== undefined && !isOfType(condition, type)) return 'other-type';
  if (condition.isFenced) return 'fenced';
  if (maxLagMs === undefined) return null;
  const { behindMs } = condition;
  if (behindMs === null) return 'lag-unknown';
  return behindMs > Number(maxLagMs) ? 'lag' : null;
}

function isOfType({ type }: DatabaseCondition, wanted: 'master' | 'replica'): boolean {
  return type === (wanted === 'master' ? 'normal' : 'replica');
}
