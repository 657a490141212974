// What every request has: an id, which is in its answer and in the log; its place in the figures; one line in the log.

import { bytesToHex } from '@pamina/format';
import type { Env } from '@pamina/env';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failureOf } from './error-answer.js';
import type { RequestFigures } from './request-figures.js';
import type { LogLevel, ServerLog } from './server-log.js';

type IncomingMessage = FastifyRequest['raw'];
type ServerResponse = FastifyReply['raw'];

const requestIdHeader = 'x-request-id';
const requestIdPattern = /^[A-Za-z0-9][A-Za-z0-9._:+/=@-]{0,127}$/;
/** What a name of a database may be made of: anything else that stands in its place is not repeated. */
const safeName = /^[a-z0-9][a-z0-9._-]{0,127}$/i;
const framesMax = 10;

/** The id that came, if it is one; else one of this run of the server, counted. */
export function requestIds({ random }: Pick<Env, 'random'>): (raw: IncomingMessage) => string {
  const run = bytesToHex(random.bytes(6));
  let count = 0;
  return ({ headers }) => {
    const given = headers[requestIdHeader];
    if (typeof given === 'string' && requestIdPattern.test(given)) return given;
    count += 1;
    return `${run}-${count.toString(36)}`;
  };
}

export interface Watched {
  readonly clock: Env['clock'];
  readonly figures: RequestFigures;
  readonly log: ServerLog;
}

export type Watch = (request: FastifyRequest, reply: FastifyReply) => void;

/** Called with each request before anything else sees it, so that what is refused is counted and told too. */
export function requestWatch({ clock, figures, log }: Watched): Watch {
  return (request, reply) => {
    const begun = clock.monotonic();
    figures.underWay += 1;
    // Not by `reply.header`: answers that are streamed take the raw response over.
    reply.raw.setHeader(requestIdHeader, request.id);
    // Also where the client went away before the end, of which fastify says nothing.
    reply.raw.once('close', () => {
      figures.underWay -= 1;
      const { method, url = '' } = request.routeOptions;
      const { statusCode } = reply.raw;
      const verb = typeof method === 'string' ? method : request.method;
      const ms = clock.monotonic() - begun;
      figures.note(verb, url, statusCode, ms / 1000);
      const level = levelOf(statusCode, url);
      if (log.isOn(level)) log.write(level, 'request', lineOf(request, reply, { ms, route: url }));
    });
  };
}

/** A health check that says no is an answer like others, and comes every second. */
function levelOf(status: number, route: string): Exclude<LogLevel, 'silent'> {
  if (route === '/health') return 'debug';
  // Somebody tries tokens, or one that is used has too few roles: to be seen without a line for each request.
  if (status === 401 || status === 403) return 'warn';
  if (status < 500) return 'info';
  return status === 500 ? 'error' : 'warn';
}

function lineOf(
  request: FastifyRequest,
  reply: FastifyReply,
  { ms, route }: { readonly ms: number; readonly route: string },
): object {
  const { id, ip, method, params, principal } = request;
  const name = (params as { name?: unknown } | null)?.name;
  return {
    requestId: id,
    method,
    route: route === '' ? null : route,
    ...(typeof name === 'string' && safeName.test(name) && { database: name }),
    status: reply.raw.statusCode,
    ms: Math.round(ms * 10) / 10,
    remote: ip,
    ...(principal?.kind === 'user' && { user: principal.user }),
    ...(!reply.raw.writableFinished && { cut: true }),
    ...failureFields(reply.raw),
  };
}

/** The code, and of a fault of this program where it was: messages may name keys. */
function failureFields(raw: ServerResponse): object {
  const failure = failureOf(raw);
  if (failure === null) return {};
  const { cause, code, stack } = failure;
  if (code !== 'INTERNAL') return { code };
  const of = cause instanceof Error ? cause.stack : stack;
  const at = of?.split('\n').filter((line) => /^\s+at /.test(line)) ?? [];
  const kind = cause instanceof Error ? cause.name : undefined;
  return { code, kind, at: at.slice(0, framesMax).map((line) => line.trim()) };
}
