// Routes of a database's archives.

import {
  type AddArchiveRequest,
  addArchiveRequest,
  archiveParameters,
  nameParameters,
  type RunArchiveRequest,
  runArchiveRequest,
} from '@pamina/wire';
import type { FastifyInstance } from 'fastify';
import { answerLines } from './line-answer.js';
import type { Named, RouteContext } from './route-context.js';

interface NamedArchive {
  Params: { name: string; archive: string };
}

export function archiveRoutes(app: FastifyInstance, { clock, served }: RouteContext): void {
  app.get<Named>(
    '/databases/:name/archives',
    { config: { role: 'backup' }, schema: { params: nameParameters } },
    ({ params }) => served.archives(params.name),
  );

  app.post<Named & { Body: RunArchiveRequest }>(
    '/databases/:name/archives',
    { config: { role: 'backup' }, schema: { params: nameParameters, body: runArchiveRequest } },
    ({ body, params }, reply) =>
      answerLines(reply, clock, ({ signal }) =>
        served.runArchive(params.name, body.archive, signal),
      ),
  );

  app.put<NamedArchive & { Body: AddArchiveRequest }>(
    '/databases/:name/archives/:archive',
    { config: { role: 'server' }, schema: { params: archiveParameters, body: addArchiveRequest } },
    ({ body, params }, reply) =>
      answerLines(reply, clock, () => served.addArchive(params.name, params.archive, body)),
  );

  app.delete<NamedArchive>(
    '/databases/:name/archives/:archive',
    { config: { role: 'admin' }, schema: { params: archiveParameters } },
    async ({ params }) => {
      await served.removeArchive(params.name, params.archive);
      return {};
    },
  );
}
