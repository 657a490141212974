// /metrics, for Prometheus: gathered when it is asked for. Who asks while that is being done gets the same answer.

import type { FastifyInstance } from 'fastify';
import type { MetricsSource } from './metrics-gather.js';
import type { RouteContext } from './route-context.js';

const contentType = 'text/plain; version=0.0.4; charset=utf-8';

export function metricsRoutes(
  app: FastifyInstance,
  { served }: Pick<RouteContext, 'served'>,
  source: MetricsSource,
): void {
  let gathering: Promise<string> | null = null;
  // It tells the names and figures of all databases.
  app.get('/metrics', { config: { role: 'server' } }, async (_request, reply) => {
    // A server starts without it.
    const { gatherMetrics } = await import('./metrics-gather.js');
    gathering ??= gatherMetrics(served, source).finally(() => {
      gathering = null;
    });
    const text = await gathering;
    return reply.type(contentType).header('cache-control', 'no-store').send(text);
  });
}
