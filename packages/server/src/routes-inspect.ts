// Routes that look into a database: its job log, its log, its state hash.

import {
  type HashQuery,
  hashQuery,
  type JobLogQuery,
  jobLogQuery,
  type LocksQuery,
  locksQuery,
  type LogQuery,
  logQuery,
  nameParameters,
  type ReleaseRequest,
  releaseRequest,
} from '@pamina/wire';
import type { FastifyInstance } from 'fastify';
import { admittedAnswer } from './kept-admission.js';
import { answerItems, answerLines } from './line-answer.js';
import { requireRole } from './principal.js';
import type { Named, RouteContext } from './route-context.js';

export function inspectRoutes(app: FastifyInstance, context: RouteContext): void {
  const { clock, served } = context;
  app.get<Named & { Querystring: JobLogQuery }>(
    '/databases/:name/job-log',
    { config: { role: 'admin' }, schema: { params: nameParameters, querystring: jobLogQuery } },
    (request, reply) => {
      const { params, query } = request;
      const asked = { database: params.name, role: 'admin' } as const;
      const refused = admittedAnswer(context, request, reply, asked);
      return answerItems(reply, clock, async function* (gone) {
        const signal = AbortSignal.any([gone, refused]);
        const [lines, follow] = [numberOf(query.lines), query.follow === 'true'];
        yield* served.jobLog(params.name, { lines, follow, signal });
        refused.throwIfAborted();
      });
    },
  );

  app.get<Named & { Querystring: LogQuery }>(
    '/databases/:name/log',
    {
      config: { role: 'admin', serverFields: ['source'] },
      schema: { params: nameParameters, querystring: logQuery },
    },
    ({ params, query }, reply) =>
      answerItems(reply, clock, () =>
        served.log(params.name, {
          ...query,
          from: numberOf(query.from),
          limit: numberOf(query.limit),
          around: numberOf(query.around),
        }),
      ),
  );

  app.get<Named & { Querystring: LocksQuery }>(
    '/databases/:name/locks',
    { config: { role: 'read' }, schema: { params: nameParameters, querystring: locksQuery } },
    ({ params, query }) => served.locks(params.name, { limit: numberOf(query.limit) }),
  );

  app.post<Named & { Body: ReleaseRequest }>(
    '/databases/:name/locks/release',
    { config: { role: 'admin' }, schema: { params: nameParameters, body: releaseRequest } },
    async ({ body, params }) => {
      await served.releaseLocks(params.name, body.transaction);
      return { done: true };
    },
  );

  app.get<Named & { Querystring: HashQuery }>(
    '/databases/:name/hash',
    {
      config: { role: ['read', 'backup', 'replicate'] },
      schema: { params: nameParameters, querystring: hashQuery },
    },
    async ({ params: { name }, principal, query }, reply) => {
      const options = { at: query.at, verify: query.verify === 'true' };
      // A whole copy is recovered for it, as for a verification.
      const isRecovery = options.at !== undefined || options.verify;
      if (isRecovery && principal !== null) requireRole(principal, 'backup', name);
      await answerLines(reply, clock, ({ progress, signal }) =>
        served.hash(name, options, progress, signal),
      );
    },
  );
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
