// The HTTP face of a host: access before anything else, routes by topic, streams, the upgrade to
// a channel.

import type { Env, HttpListener } from '@pamina/env';
import type { PaminaError } from '@pamina/format';
import { apiPrefix, requestBytesMax, requireFewParts, type ServerAnswer } from '@pamina/wire';
import type { FastifyInstance } from 'fastify';
import type { Access } from './access.js';
import { admitAll } from './admission.js';
import { CallFigures } from './call-figures.js';
import { acceptChannels } from './channels.js';
import { boundBodies } from './body-budget.js';
import { answerErrors, errorOf, sendError } from './error-answer.js';
import { lazyValidation } from './lazy-validation.js';
import { gatherRoutes, openapiRoutes } from './openapi.js';
import type { OriginCheck } from './origin.js';
import { RequestFigures } from './request-figures.js';
import { requestIds, requestWatch } from './request-watch.js';
import type { RouteContext } from './route-context.js';
import { type ListedRoute, requireRoles } from './route-role.js';
import { databaseRoutes } from './routes-databases.js';
import { eventRoutes } from './routes-events.js';
import { failoverRoutes, followingRoutes } from './routes-following.js';
import { archiveRoutes } from './routes-archives.js';
import { dataRoutes } from './routes-data.js';
import { healthRoutes } from './routes-health.js';
import { inspectRoutes } from './routes-inspect.js';
import { metricsRoutes } from './routes-metrics.js';
import { backupRoutes, logRoutes, replicaRoutes } from './routes-peers.js';
import { rangeRoutes } from './routes-range.js';
import { transactionRoutes } from './routes-transactions.js';
import { userRoutes } from './routes-users.js';
import { verifyRoutes } from './routes-verify.js';
import type { Served } from './served.js';
import { noLog, type ServerLog } from './server-log.js';

const pathPartLengthMax = 200;

declare module 'fastify' {
  interface FastifyInstance {
    readonly listedRoutes: readonly ListedRoute[];
  }
}

export interface HttpApplicationOptions {
  readonly env: Env;
  readonly listener: HttpListener;
  readonly served: Served;
  readonly access: Access;
  readonly origin: OriginCheck;
  readonly identity: ServerAnswer;
  readonly figures?: RequestFigures | undefined;
  readonly log?: ServerLog | undefined;
  /** Aborted when the server is about to end: it takes no new work. */
  readonly draining?: AbortSignal | undefined;
}

/** Ready to be listened for; does not listen. */
export async function httpApplication(options: HttpApplicationOptions): Promise<FastifyInstance> {
  const { access, env, identity, listener, log = noLog, origin, served } = options;
  const { draining = new AbortController().signal, figures = new RequestFigures() } = options;
  const watch = requestWatch({ clock: env.clock, figures, log });
  // Loaded by who serves alone: every verb of the command loads this package, and half would be fastify.
  const { fastify } = await import('fastify');
  const app = fastify({
    serverFactory: (handler) => listener.server.on('request', handler),
    bodyLimit: requestBytesMax,
    genReqId: requestIds(env),
    // What is wrong before a route is found, such as a path that cannot be decoded.
    frameworkErrors: (error, request, reply) => {
      watch(request, reply);
      sendError(reply, errorOf(error));
    },
    routerOptions: { maxParamLength: pathPartLengthMax, ignoreTrailingSlash: false },
  });
  app.decorate('listedRoutes', requireRoles(app));
  const routes = gatherRoutes(app);
  app.addHook('onRequest', async (request, reply) => watch(request, reply));
  app.setValidatorCompiler(await lazyValidation());
  app.removeContentTypeParser('text/plain');
  app.addContentTypeParser('application/x-ndjson', (_request, payload, done) => {
    done(null, payload);
  });
  readJson(app);
  answerErrors(app);
  boundBodies(app);
  app.addHook('onRequest', async (request, reply) => {
    const alien = origin(request.headers);
    if (alien !== null) return sendError(reply, alien);
    return undefined;
  });
  admitAll(app, access);
  leaveWhenDraining(app, draining);
  const context: RouteContext = { served, access, clock: env.clock };
  healthRoutes(app, context, draining);
  const callFigures = new CallFigures();
  metricsRoutes(app, context, { figures, callFigures, startedAt: identity.startedAt });
  app.register(
    async (v1) => {
      // Who is here may be asked by anybody who may connect; the answer names nothing but the process.
      v1.get('/server', { config: { role: 'open' } }, () => identity);
      openapiRoutes(v1, routes);
      databaseRoutes(v1, context);
      followingRoutes(v1, context);
      failoverRoutes(v1, context);
      eventRoutes(v1, context, draining);
      dataRoutes(v1, context);
      rangeRoutes(v1, context);
      transactionRoutes(v1, context);
      replicaRoutes(v1, context);
      backupRoutes(v1, context);
      archiveRoutes(v1, context);
      logRoutes(v1, context);
      inspectRoutes(v1, context);
      verifyRoutes(v1, context);
      userRoutes(v1, context);
    },
    { prefix: apiPrefix },
  );
  await app.ready();
  acceptChannels({ ...options, callFigures });
  return app;
}

/** Who keeps a connection is to take another server; who has a transaction open needs this one. */
function leaveWhenDraining(app: FastifyInstance, draining: AbortSignal): void {
  app.addHook('onRequest', async ({ params }, reply) => {
    const hasTransaction = (params as { transaction?: unknown } | null)?.transaction !== undefined;
    if (draining.aborted && !hasTransaction) reply.raw.setHeader('connection', 'close');
  });
}

/** As fastify reads it, after a look at how much it is. */
function readJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser<string>(
    'application/json',
    { parseAs: 'string' },
    (request, body, done) => {
      try {
        requireFewParts(body, 'REQUEST_INVALID');
      } catch (error) {
        done(error as PaminaError);
        return;
      }
      void parse(request, body, done);
    },
  );
}
