// The HTTP face of a host: access before anything else, routes by topic, streams, the upgrade to
// a channel.

import type { Env, HttpListener } from '@pamina/env';
import type { PaminaError } from '@pamina/format';
import { apiPrefix, requestBytesMax, requireFewParts, type ServerAnswer } from '@pamina/wire';
import type { FastifyInstance } from 'fastify';
import type { Access } from './access.js';
import { admitAll } from './admission.js';
import { acceptChannels } from './channels.js';
import { boundBodies } from './body-budget.js';
import { answerErrors, errorOf, sendError } from './error-answer.js';
import { lazyValidation } from './lazy-validation.js';
import type { OriginCheck } from './origin.js';
import type { RouteContext } from './route-context.js';
import { type ListedRoute, requireRoles } from './route-role.js';
import { databaseRoutes } from './routes-databases.js';
import { failoverRoutes, followingRoutes } from './routes-following.js';
import { archiveRoutes } from './routes-archives.js';
import { dataRoutes } from './routes-data.js';
import { inspectRoutes } from './routes-inspect.js';
import { backupRoutes, logRoutes, replicaRoutes } from './routes-peers.js';
import { transactionRoutes } from './routes-transactions.js';
import { userRoutes } from './routes-users.js';
import { verifyRoutes } from './routes-verify.js';
import type { Served } from './served.js';

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
}

/** Ready to be listened for; does not listen. */
export async function httpApplication(options: HttpApplicationOptions): Promise<FastifyInstance> {
  const { access, env, identity, listener, origin, served } = options;
  // Loaded by who serves alone: every verb of the command loads this package, and half would be fastify.
  const { fastify } = await import('fastify');
  const app = fastify({
    serverFactory: (handler) => listener.server.on('request', handler),
    bodyLimit: requestBytesMax,
    // What is wrong before a route is found, such as a path that cannot be decoded.
    frameworkErrors: (error, _request, reply) => {
      sendError(reply, errorOf(error));
    },
    routerOptions: { maxParamLength: pathPartLengthMax, ignoreTrailingSlash: false },
  });
  app.decorate('listedRoutes', requireRoles(app));
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
  const context: RouteContext = { served, clock: env.clock };
  app.register(
    async (v1) => {
      // Who is here may be asked by anybody who may connect; the answer names nothing but the process.
      v1.get('/server', { config: { role: 'open' } }, () => identity);
      databaseRoutes(v1, context);
      followingRoutes(v1, context);
      failoverRoutes(v1, context);
      dataRoutes(v1, context);
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
  acceptChannels(options);
  return app;
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
