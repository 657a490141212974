// Errors as answers: the status from the table, the body { error }. Fastify's own errors are put
// into the same words.

import { isPaminaError, PaminaError, toPaminaError } from '@pamina/format';
import type { FastifyInstance, FastifyReply } from 'fastify';

type ServerResponse = FastifyReply['raw'];

/** For the log: why a request failed. */
const failures = new WeakMap<ServerResponse, PaminaError>();

export function failureOf(raw: ServerResponse): PaminaError | null {
  return failures.get(raw) ?? null;
}

export function noteFailure(raw: ServerResponse, error: PaminaError): void {
  failures.set(raw, error);
}

export function answerErrors(app: FastifyInstance): void {
  app.setErrorHandler((error, _request, reply) => sendError(reply, errorOf(error)));
  app.setNotFoundHandler((request, reply) => {
    const what = `${request.method} ${request.url.slice(0, 200)}`;
    return sendError(reply, new PaminaError('REQUEST_INVALID', `there is no ${what} here`), 404);
  });
}

export function sendError(reply: FastifyReply, error: PaminaError, status?: number): FastifyReply {
  noteFailure(reply.raw, error);
  if (error.httpStatus === 401) reply.header('www-authenticate', 'Bearer');
  const { retryAfterMs } = error.context;
  if (typeof retryAfterMs === 'number') {
    reply.header('retry-after', Math.ceil(retryAfterMs / 1000));
  }
  return reply
    .code(status ?? error.httpStatus)
    .type('application/json')
    .send(errorBody(error, reply.request.id));
}

/** With the id under which the log has it. */
export function errorBody(error: PaminaError, requestId?: string): string {
  return JSON.stringify({ error, requestId });
}

export function errorOf(error: unknown): PaminaError {
  if (isPaminaError(error) || !(error instanceof Error)) return toPaminaError(error);
  const status = 'statusCode' in error ? error.statusCode : undefined;
  if (status === 413) {
    return new PaminaError('REQUEST_TOO_LARGE', 'the body of the request is too large', {
      cause: error,
    });
  }
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new PaminaError('REQUEST_INVALID', error.message, { cause: error });
  }
  return toPaminaError(error);
}
