// Every request is admitted before anything of its body is read: by the role that its route asks for, and then, for
// the few fields that reach beyond one database, by the server's token.

import { namePattern, toPaminaError } from '@pamina/format';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Access } from './access.js';
import { sendError } from './error-answer.js';
import type { Principal } from './principal.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who was let in; null before that. */
    principal: Principal | null;
  }
}

/** Of these a word without a slash is an own one of the database: a backup's id or tag, the name of an archive. */
const ownWords: ReadonlySet<string> = new Set(['backup', 'from', 'source']);

export function admitAll(app: FastifyInstance, access: Access): void {
  app.decorateRequest('principal', null);
  app.addHook('onRequest', async (request, reply) => {
    try {
      // A path that is none asks for some credential: only who has one learns what paths there are.
      const role = request.routeOptions.config.role ?? 'listed';
      const asked = { headers: request.headers, remoteAddress: request.ip };
      request.principal = await access.admit(asked, role, databaseOf(request));
      access.count(request.principal, asked);
      return undefined;
    } catch (error) {
      return sendError(reply, toPaminaError(error));
    }
  });
  app.addHook('preHandler', async (request) => {
    const { serverFields = [] } = request.routeOptions.config;
    const given = { ...fieldsOf(request.query), ...fieldsOf(request.body) };
    const field = serverFields.find((name) => reachesBeyond(name, given[name]));
    if (field === undefined || request.principal === null) return;
    await access.requireServer(request.principal, `\`${field}\``);
  });
}

function databaseOf({ params }: FastifyRequest): string | undefined {
  const { name } = fieldsOf(params);
  return typeof name === 'string' ? name : undefined;
}

function reachesBeyond(field: string, value: unknown): boolean {
  if (value === undefined) return false;
  const isOwnWord = typeof value === 'string' && !/[\\/]/.test(value) && namePattern.test(value);
  return !(ownWords.has(field) && isOwnWord);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
