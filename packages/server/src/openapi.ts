// The routes as they are, gathered for the description of the API, and the route that gives it. The description itself
// is loaded and made when somebody asks for it: a server starts without it.

import type { FastifyInstance } from 'fastify';
import type { DescribedRoute, RouteSchema } from './described-route.js';

/** Gathers every route that is added from now on; its list is whole when the application is ready. */
export function gatherRoutes(app: FastifyInstance): readonly DescribedRoute[] {
  const routes: DescribedRoute[] = [];
  app.addHook('onRoute', ({ config, method, schema, url }) => {
    for (const one of [method].flat()) {
      // Fastify answers it for every GET.
      if (one === 'HEAD') continue;
      routes.push({ method: one, url, schema: (schema ?? {}) as RouteSchema, role: config?.role });
    }
  });
  return routes;
}

export function openapiRoutes(app: FastifyInstance, routes: readonly DescribedRoute[]): void {
  let text: string | null = null;
  app.get('/openapi.json', { config: { role: 'open' } }, async (_request, reply) => {
    const { openapiDocument } = await import('./openapi-document.js');
    text ??= JSON.stringify(openapiDocument(routes));
    return reply.type('application/json').send(text);
  });
}
