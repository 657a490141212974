// The HTTP face of a host: access before anything else, routes by topic, streams, the upgrade to a
// replication channel.

import type { Env, HttpListener, UpgradeRequest } from '@pamina/env';
import { PaminaError, toPaminaError, wireMessageBytesMax } from '@pamina/format';
import { channelPingMs } from '@pamina/replication';
import { apiPrefix, requestBytesMax, requireFewParts, type ServerAnswer } from '@pamina/wire';
import type { FastifyInstance } from 'fastify';
import { type AccessCheck } from './access.js';
import { boundBodies } from './body-budget.js';
import { answerErrors, errorBody, errorOf, sendError } from './error-answer.js';
import { lazyValidation } from './lazy-validation.js';
import type { OriginCheck } from './origin.js';
import type { RouteContext } from './route-context.js';
import { databaseRoutes } from './routes-databases.js';
import { failoverRoutes, followingRoutes } from './routes-following.js';
import { archiveRoutes } from './routes-archives.js';
import { dataRoutes } from './routes-data.js';
import { inspectRoutes } from './routes-inspect.js';
import { backupRoutes, logRoutes, replicaRoutes } from './routes-peers.js';
import { transactionRoutes } from './routes-transactions.js';
import { verifyRoutes } from './routes-verify.js';
import type { Served } from './served.js';

const pathPartLengthMax = 200;

export interface HttpApplicationOptions {
  readonly env: Env;
  readonly listener: HttpListener;
  readonly served: Served;
  readonly check: AccessCheck;
  readonly origin: OriginCheck;
  readonly identity: ServerAnswer;
}

/** Ready to be listened for; does not listen. */
export async function httpApplication(options: HttpApplicationOptions): Promise<FastifyInstance> {
  const { check, env, identity, listener, origin, served } = options;
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
    // Who is here may be asked by anybody who may connect; the answer names nothing but the process.
    const isOpen = request.routeOptions.url === `${apiPrefix}/server`;
    const refusal = isOpen ? openCheck(check, request.headers) : check(request.headers);
    if (refusal !== null) return sendError(reply, refusal);
    return undefined;
  });
  const context: RouteContext = { served, clock: env.clock };
  app.register(
    async (v1) => {
      v1.get('/server', () => identity);
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
    },
    { prefix: apiPrefix },
  );
  await app.ready();
  acceptFeeds(options);
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

/** A missing token is fine here; a web page's request without a token is not. */
function openCheck(check: AccessCheck, headers: Parameters<AccessCheck>[0]): PaminaError | null {
  const refusal = check(headers);
  return refusal?.code === 'UNAUTHORIZED' ? null : refusal;
}

function acceptFeeds({ check, listener, origin, served }: HttpApplicationOptions): void {
  listener.onUpgrade((request, accept, refuse) => {
    try {
      const refusal = origin(request.headers) ?? check(request.headers);
      if (refusal !== null) throw refusal;
      const name = feedNameOf(request);
      served.requireOnline(name);
      const channel = accept({
        messageBytesMax: wireMessageBytesMax,
        heartbeatMs: channelPingMs,
      });
      served.feed(name, channel).catch((error: unknown) => {
        // The feed reports its own failures; what comes out here is a fault, and ends the channel.
        channel.close(4500, toPaminaError(error).code);
      });
    } catch (error) {
      const refusal = toPaminaError(error);
      refuse(refusal.httpStatus, errorBody(refusal));
    }
  });
}

function feedNameOf(request: UpgradeRequest): string {
  const path = request.url.replace(/\?.*$/, '');
  const match = new RegExp(`^${apiPrefix}/databases/([^/]{1,${pathPartLengthMax}})/feed$`).exec(
    path,
  );
  if (match?.[1] === undefined) {
    throw new PaminaError('REQUEST_INVALID', `there is no channel at ${path.slice(0, 200)}`);
  }
  try {
    return decodeURIComponent(match[1]);
  } catch (cause) {
    throw new PaminaError('NAME_INVALID', 'the name in the path is not encoded rightly', { cause });
  }
}
