// What every route says of who may use it, in `config: { role }`. A route that says nothing is a fault of
// the program: the application does not start with one.

import { type Role, roles } from '@pamina/format';
import type { FastifyInstance } from 'fastify';

/**
 * `open` = whoever may connect. A role, or one of several, on the database that the path names; `any` = whichever.
 * `listed` = a role on some database. `server` = what belongs to no database, or to the machine: the server's token.
 */
export type RouteRole = 'open' | 'any' | 'listed' | 'server' | Role | readonly Role[];

export interface RouteAccess {
  readonly role: RouteRole;
  /**
   * Fields of the body or the query that name places where the server runs, or another database: who gives one of
   * them needs the server's token, for the server reads and writes there with its own rights.
   */
  readonly serverFields?: readonly string[] | undefined;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    role?: RouteRole | undefined;
    serverFields?: readonly string[] | undefined;
  }
}

export interface ListedRoute extends RouteAccess {
  readonly method: string;
  /** With the prefix; parameters as `:name`. */
  readonly url: string;
}

/** Who asks for a role needs a database to have it on. */
const ofNoDatabase: readonly unknown[] = ['open', 'listed', 'server'];
const words: readonly unknown[] = [...ofNoDatabase, 'any', ...roles];

/** Holds every route that is registered after it to that; returns the list, which grows with them. */
export function requireRoles(app: FastifyInstance): readonly ListedRoute[] {
  const listed: ListedRoute[] = [];
  app.addHook('onRoute', ({ config, method, url }) => {
    const role = config?.role;
    const asked = Array.isArray(role) ? (role as readonly unknown[]) : [role];
    if (role === undefined || asked.length === 0 || !asked.every((one) => words.includes(one))) {
      throw new TypeError(`the route ${String(method)} ${url} does not say which role it needs`);
    }
    if (!ofNoDatabase.includes(role) && !url.includes('/databases/:name')) {
      throw new TypeError(`the route ${String(method)} ${url} names no database for its role`);
    }
    const { serverFields } = config ?? {};
    for (const one of [method].flat()) listed.push({ method: one, url, role, serverFields });
  });
  return listed;
}
