// Routes of databases as wholes: list, status, and the verbs that change what they are.

import {
  type CreateRequest,
  createRequest,
  type DeleteQuery,
  deleteQuery,
  nameParameters,
  propertyParameters,
  type RenameRequest,
  renameRequest,
  type RestoreOptions,
  restoreRequest,
  type SetRequest,
  setRequest,
  stopRequest,
  type StopRequest,
} from '@pamina/wire';
import type { FastifyInstance } from 'fastify';
import { answerLines } from './line-answer.js';
import type { Named, RouteContext } from './route-context.js';

export function databaseRoutes(app: FastifyInstance, { clock, served }: RouteContext): void {
  app.get('/databases', { config: { role: 'listed' } }, async ({ principal }) => {
    const all = await served.list();
    if (principal?.kind !== 'user') return all;
    return all.filter(({ name }) => principal.databases.includes(name));
  });

  app.post<{ Body: CreateRequest }>(
    '/databases',
    { config: { role: 'server' }, schema: { body: createRequest } },
    ({ body: { name, ...options } }, reply) =>
      answerLines(reply, clock, (answer) => served.create(name, options, answer.progress)),
  );

  app.get<Named>(
    '/databases/:name',
    { config: { role: 'any' }, schema: { params: nameParameters } },
    ({ params }) => served.status(params.name),
  );

  app.delete<Named & { Querystring: DeleteQuery }>(
    '/databases/:name',
    { config: { role: 'admin' }, schema: { params: nameParameters, querystring: deleteQuery } },
    ({ params, query }, reply) =>
      answerLines(reply, clock, () =>
        served.delete(params.name, {
          keepBackups: query.keepBackups === 'true',
          dryRun: query.dryRun === 'true',
        }),
      ),
  );

  runningRoutes(app, { clock, served });

  app.post<Named & { Body: RenameRequest }>(
    '/databases/:name/rename',
    { config: { role: 'server' }, schema: { params: nameParameters, body: renameRequest } },
    ({ body, params }, reply) =>
      answerLines(reply, clock, () => served.rename(params.name, body.to)),
  );

  app.post<Named & { Body: RestoreOptions }>(
    '/databases/:name/restore',
    {
      config: {
        role: 'admin',
        serverFields: ['as', 'backup', 'from', 'credentialsFile', 'identityFile'],
      },
      schema: { params: nameParameters, body: restoreRequest },
    },
    ({ body, params }, reply) =>
      answerLines(reply, clock, (answer) =>
        served.restore(params.name, body, answer.progress, answer.signal),
      ),
  );

  app.put<{ Params: { name: string; property: string }; Body: SetRequest }>(
    '/databases/:name/settings/:property',
    { config: { role: 'admin' }, schema: { params: propertyParameters, body: setRequest } },
    ({ body, params }) => served.set(params.name, params.property, body.value),
  );
}

function runningRoutes(
  app: FastifyInstance,
  { clock, served }: Pick<RouteContext, 'clock' | 'served'>,
): void {
  app.post<Named>(
    '/databases/:name/start',
    { config: { role: 'admin' }, schema: { params: nameParameters } },
    ({ params }, reply) => answerLines(reply, clock, () => served.start(params.name)),
  );

  app.post<Named & { Body: StopRequest }>(
    '/databases/:name/stop',
    {
      config: { role: 'admin' },
      schema: { params: nameParameters, body: stopRequest },
      preValidation: async (request) => {
        request.body ??= {};
      },
    },
    ({ body, params }, reply) =>
      answerLines(reply, clock, ({ signal }) => served.stop(params.name, { ...body, signal })),
  );
}
