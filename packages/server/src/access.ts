// Who may come in, and for what: the server's token is let in everywhere, a user's token where its roles reach. Where
// nobody has to show anything, the request must be from this machine's own programs and not from a web page in its
// browser (DNS rebinding, forged cross-site requests).

import type { User } from '@pamina/engine';
import type { Clock } from '@pamina/env';
import { PaminaError } from '@pamina/format';
import { createHash, timingSafeEqual } from 'node:crypto';
import { addressKey, FailedAttempts } from './failed-attempts.js';
import { isLoopbackHost } from './listen-address.js';
import { type Principal, requireRole } from './principal.js';
import { RequestRate } from './request-rate.js';
import type { RouteRole } from './route-role.js';
import type { UserAnswer, UserSource } from './user-tables.js';
import { tokenIdOf } from './user-token.js';

export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface AccessRequest {
  readonly headers: RequestHeaders;
  readonly remoteAddress: string;
}

export interface AccessOptions {
  /** The server's own. */
  readonly token: string | undefined;
  readonly users: UserSource;
  readonly clock: Pick<Clock, 'monotonic' | 'now'>;
  /** Of each principal; 0 = no limit. */
  readonly requestsPerSecond?: number | undefined;
}

const tokenPattern = /^[\x21-\x7e]{16,512}$/;

/** TOKEN_INVALID; the message never shows the token. */
export function validateToken(token: string): string {
  if (tokenPattern.test(token)) return token;
  throw new PaminaError('TOKEN_INVALID', `a token of ${token.length} characters is not usable`);
}

interface Shown {
  readonly isGiven: boolean;
  readonly digest: Buffer;
  /** Of the token of a user; null if it is none. */
  readonly id: string | null;
}

type Match = Pick<User, 'name' | 'roles'>;

export class Access {
  readonly #expected: Buffer | null;
  readonly #options: AccessOptions;
  readonly #attempts: FailedAttempts;
  readonly #rate: RequestRate;

  constructor(options: AccessOptions) {
    const { clock, requestsPerSecond, token } = options;
    this.#options = options;
    this.#expected = token === undefined ? null : digest(validateToken(token));
    this.#attempts = new FailedAttempts(clock);
    this.#rate = new RequestRate(clock, requestsPerSecond);
  }

  /**
   * For a request of a route, or for a channel, of the database that its path names. UNAUTHORIZED, FORBIDDEN,
   * TOO_MANY_REQUESTS.
   */
  async admit(
    request: AccessRequest,
    role: RouteRole,
    database: string | undefined,
  ): Promise<Principal> {
    if (role === 'open') {
      if (this.#expected === null) requireOwnMachine(request.headers);
      return { kind: 'anybody' };
    }
    const shown = shownIn(request.headers);
    const text = shown.digest.toString('base64');
    // The 256 random bits of a user's token are not guessed, however often: one that was revoked keeps nobody waiting.
    const isGuess = shown.isGiven && shown.id === null;
    if (isGuess) this.#attempts.require(request.remoteAddress, text);
    const principal =
      this.#serverPrincipal(shown) ??
      (await this.#userPrincipal(shown, role, database)) ??
      (await this.#ownMachine(request.headers, role, database));
    if (principal === null) {
      if (isGuess) this.#attempts.failed(request.remoteAddress);
      throw this.#unauthorized(shown, database);
    }
    if (principal.kind === 'server') this.#attempts.succeeded(request.remoteAddress, text);
    requireRole(principal, role, database);
    return principal;
  }

  /** Of what is not a channel. TOO_MANY_REQUESTS. */
  count(principal: Principal, { remoteAddress }: AccessRequest): void {
    if (principal.kind === 'user') {
      // Users of two databases are two, also where they have one name.
      this.#rate.take(`the user ${principal.user} of ${principal.databases[0]}`);
    } else {
      const isServer = principal.kind === 'server';
      this.#rate.take(isServer ? 'the server token' : addressKey(remoteAddress));
    }
  }

  /** What names places of this machine, or another database. UNAUTHORIZED, FORBIDDEN. */
  async requireServer(principal: Principal, what: string): Promise<void> {
    if (principal.kind === 'server') return;
    if (principal.kind === 'own-machine' && !(await this.#anyHasUsers())) return;
    const message = `${what} asks for the token of the server`;
    throw new PaminaError(principal.kind === 'user' ? 'FORBIDDEN' : 'UNAUTHORIZED', message, {
      hint: serverTokenHint,
      context: { needed: 'server' },
    });
  }

  #serverPrincipal(shown: Shown): Principal | null {
    if (this.#expected === null) return null;
    // Digests have one length, so the comparison tells nothing about the token, not even its length.
    return timingSafeEqual(shown.digest, this.#expected) ? { kind: 'server' } : null;
  }

  async #userPrincipal(
    shown: Shown,
    role: RouteRole,
    database: string | undefined,
  ): Promise<Principal | null> {
    if (shown.id === null) return null;
    const { users } = this.#options;
    const asked = database === undefined ? await users.names() : [database];
    const mayWait = database !== undefined;
    const databases: string[] = [];
    let found: Match | null = null;
    for (const name of asked) {
      const user = this.#match(await users.tableOf(name, { mayWait }), shown);
      if (user === null) continue;
      found ??= user;
      databases.push(name);
    }
    if (found === null) return null;
    return { kind: 'user', user: found.name, roles: found.roles, databases };
  }

  /** An unknown id costs the same comparison. */
  #match(table: UserAnswer, { digest: given, id }: Shown): Match | null {
    const isKnown = id !== null && table !== null && table !== 'unreadable';
    const known = isKnown ? table.tokens.get(id) : undefined;
    const expected = known === undefined ? noDigest : Buffer.from(known.token.hash, 'hex');
    if (!timingSafeEqual(given, expected) || known === undefined) return null;
    const { expiresAt } = known.token;
    if (expiresAt !== null && expiresAt <= this.#options.clock.now()) return null;
    return known.user;
  }

  /**
   * Without a token of its own a server is open to this machine's programs, but for databases that have users, and for
   * what belongs to no database as soon as one of them has.
   */
  async #ownMachine(
    headers: RequestHeaders,
    role: RouteRole,
    database: string | undefined,
  ): Promise<Principal | null> {
    if (this.#expected !== null) return null;
    requireOwnMachine(headers);
    // Who only lists sees names: what is behind them asks again.
    if (role === 'listed') return { kind: 'own-machine' };
    if (role === 'server' || database === undefined) {
      return (await this.#anyHasUsers()) ? null : { kind: 'own-machine' };
    }
    // Who only asks how it is does not wait for what is being done to it, and is told why it does not open.
    const isStatus = role === 'any';
    const table = await this.#options.users.tableOf(database, { mayWait: !isStatus });
    if (table === 'unreadable') return isStatus ? { kind: 'own-machine' } : null;
    const isAsked = table === null ? await this.#anyHasUsers() : table.users.length > 0;
    return isAsked ? null : { kind: 'own-machine' };
  }

  /** One that cannot be read may. */
  async #anyHasUsers(): Promise<boolean> {
    const { users } = this.#options;
    for (const name of await users.names()) {
      const table = await users.tableOf(name, { mayWait: false });
      if (table === 'unreadable' || (table?.users.length ?? 0) > 0) return true;
    }
    return false;
  }

  #unauthorized({ isGiven }: Shown, database: string | undefined): PaminaError {
    const isServer = this.#expected !== null;
    const asks = isServer || database === undefined ? 'this server' : `the database ${database}`;
    const message = isGiven
      ? `the token is not one that ${asks} lets in`
      : `${asks} asks for a token, and none was sent`;
    const hint = isServer || database !== undefined ? undefined : serverTokenHint;
    return new PaminaError('UNAUTHORIZED', message, { hint });
  }
}

const serverTokenHint =
  'A database here has users, so what concerns the whole server, or files where it runs, takes the token of the server: `pamina serve --token-file FILE`, and the same file for this command.';

function shownIn({ authorization }: RequestHeaders): Shown {
  if (authorization === undefined) return { isGiven: false, digest: digest(''), id: null };
  const given = typeof authorization === 'string' ? /^Bearer +(\S+)$/i.exec(authorization) : null;
  const token = given?.[1] ?? '';
  return { isGiven: true, digest: digest(token), id: tokenIdOf(token) };
}

/** FORBIDDEN */
function requireOwnMachine(headers: RequestHeaders): void {
  const { host, origin } = headers;
  const site = headers['sec-fetch-site'];
  if (typeof host !== 'string' || !isLoopbackHost(hostNameOf(host))) {
    throw forbidden(
      `the request is for the host ${quote(host)}, and without a token only loopback is served`,
    );
  }
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
    throw forbidden(`a page of ${quote(origin)} sent the request`);
  }
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw forbidden(`a page of another origin sent the request (${quote(site)})`);
  }
}

function hostNameOf(host: string): string {
  return host.replace(/:[0-9]+$/, '');
}

function forbidden(why: string): PaminaError {
  return new PaminaError('FORBIDDEN', `refused: ${why}`, {
    hint: 'Use http://127.0.0.1:PORT from a program of this machine, or start the server with a token.',
  });
}

function quote(text: unknown): string {
  return JSON.stringify(String(text).slice(0, 100));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Of no text that anybody knows. */
const noDigest = digest(`no token: ${'-'.repeat(600)}`);
