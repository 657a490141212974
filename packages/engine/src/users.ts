// Who may do what with a database: users with roles and the hashes of their tokens, as system data, so
// that a replica and every restored copy have the security settings of their origin. No token is kept here,
// only what proves one.
import {
  bytesToHex,
  PaminaError,
  type Position,
  packBytes,
  type Role,
  rolesIn,
  tokenLabelLengthMax,
  userTokensMax,
  usersMax,
  validateName,
} from '@pamina/format';
import type { Operation } from './operation.js';
import { documentsIn, momentOf, type SystemDataOwner } from './system-documents.js';

export interface UserToken {
  /** Names it; part of the token's text. Lower-case hex. */
  readonly id: string;
  /** SHA-256 of the token's text, hex. */
  readonly hash: string;
  /** ms since 1970. */
  readonly createdAt: number;
  readonly label: string | null;
  /** From then on it lets nobody in, ms since 1970; null = never. */
  readonly expiresAt: number | null;
}

export interface User {
  readonly name: string;
  readonly roles: readonly Role[];
  /** ms since 1970. */
  readonly since: number;
  readonly tokens: readonly UserToken[];
}

/** All users at one moment. */
export interface UserTable {
  /** By name. */
  readonly users: readonly User[];
  readonly tokens: ReadonlyMap<string, { readonly user: User; readonly token: UserToken }>;
}

const prefix = 'user/';
/** Changed in the same commit as any user, to a value that never comes again: what is remembered is good while it stays. */
const stampName = 'users';
const stampBytes = 16;
const idPattern = /^[0-9a-f]{8,64}$/;
const hashPattern = /^[0-9a-f]{64}$/;

export const noUsers: UserTable = { users: [], tokens: new Map() };

interface Known {
  readonly moment: string;
  /** How many changes were begun or made then; null on what was no writer: there others change it. */
  readonly changes: number | null;
  readonly stamp: string | null;
  readonly table: UserTable;
}

export class Users {
  readonly #owner: SystemDataOwner;
  #known: Known | null = null;
  /** Changes are read, changed and written: one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #changes = 0;

  constructor(owner: SystemDataOwner) {
    this.#owner = owner;
  }

  /** As the last acknowledged commit left them; on a replica, the last applied one. STORE_DAMAGED. */
  async table(): Promise<UserTable> {
    const changes = this.#owner.isWriter ? this.#changes : null;
    // Every request asks: on a master commits of others are no reason to look again.
    if (changes !== null && this.#known?.changes === changes) return this.#known.table;
    const moment = momentOf(this.#owner);
    if (this.#known?.moment === moment) return this.#known.table;
    const { reader } = this.#owner;
    const bytes = (await reader.get('system', stampName)) as Uint8Array | undefined;
    const stamp = bytes === undefined ? null : bytesToHex(bytes);
    const isSame = this.#known !== null && this.#known.stamp === stamp;
    const table = isSame ? this.#known!.table : await this.#read();
    this.#known = { moment, changes, stamp, table };
    return table;
  }

  /** USER_EXISTS, USERS_FULL. */
  add(name: string, roles: readonly Role[], token: UserToken | null): Promise<User> {
    return this.#inTurn(async () => {
      const { users } = await this.table();
      if (users.some((user) => user.name === name)) {
        throw new PaminaError('USER_EXISTS', `there is a user ${name} already`);
      }
      if (users.length >= usersMax) {
        throw new PaminaError('USERS_FULL', `there are ${users.length} users, and no more fit`);
      }
      const since = this.#owner.env.clock.now();
      const tokens = token === null ? [] : [token];
      return this.#put({ name: validateName(name), roles: rolesIn(roles), since, tokens });
    });
  }

  /** USER_NOT_FOUND */
  setRoles(name: string, roles: readonly Role[]): Promise<User> {
    return this.#inTurn(async () =>
      this.#put({ ...(await this.#find(name)), roles: rolesIn(roles) }),
    );
  }

  /** USER_NOT_FOUND */
  remove(name: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#find(name);
      await this.#commit({ type: 'del', key: prefix + name });
    });
  }

  /** USER_NOT_FOUND, USERS_FULL. */
  addToken(name: string, token: UserToken): Promise<User> {
    return this.#inTurn(async () => {
      const user = await this.#find(name);
      if (user.tokens.length >= userTokensMax) {
        const message = `${name} has ${user.tokens.length} tokens, and no more fit`;
        throw new PaminaError('USERS_FULL', message);
      }
      return this.#put({ ...user, tokens: [...user.tokens, token] });
    });
  }

  /** USER_NOT_FOUND, also for a token that the user does not have. */
  removeToken(name: string, id: string): Promise<User> {
    return this.#inTurn(async () => {
      const user = await this.#find(name);
      const tokens = user.tokens.filter((token) => token.id !== id);
      if (tokens.length === user.tokens.length) {
        throw new PaminaError('USER_NOT_FOUND', `${name} has no token ${JSON.stringify(id)}`);
      }
      return this.#put({ ...user, tokens });
    });
  }

  /** Without a stamp too: that it is missing does not prove that there is nobody. */
  async #read(): Promise<UserTable> {
    const documents = await documentsIn(this.#owner.reader, prefix);
    return tableOf(documents.map(([name, value]) => readUser(name, value)));
  }

  async #find(name: string): Promise<User> {
    const found = (await this.table()).users.find((user) => user.name === name);
    if (found !== undefined) return found;
    throw new PaminaError('USER_NOT_FOUND', `there is no user ${JSON.stringify(name)}`);
  }

  async #put(user: User): Promise<User> {
    await this.#commit({ type: 'put', key: prefix + user.name, value: packBytes(user) });
    return user;
  }

  async #commit(change: Operation): Promise<Position> {
    const stamp = packBytes(bytesToHex(this.#owner.env.random.bytes(stampBytes)));
    const operations: Operation[] = [change, { type: 'put', key: stampName, value: stamp }];
    // What is read while it is on its way, or is taken back, is read again.
    this.#changes += 1;
    try {
      return await this.#owner.commit(operations, { space: 'system' });
    } finally {
      this.#changes += 1;
    }
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(task);
    this.#turn = run.catch(() => {
      // Whoever made the change hears of it.
    });
    return run;
  }
}

function tableOf(users: readonly User[]): UserTable {
  const tokens = new Map<string, { readonly user: User; readonly token: UserToken }>();
  for (const user of users) {
    for (const token of user.tokens) tokens.set(token.id, { user, token });
  }
  return { users, tokens };
}

/** Roles that a later version knows are no roles here. STORE_DAMAGED. */
function readUser(documentName: string, value: unknown): User {
  const { name, roles, since, tokens } = (value ?? {}) as Partial<Record<keyof User, unknown>>;
  const isUser =
    typeof name === 'string' &&
    prefix + name === documentName &&
    Array.isArray(roles) &&
    isTime(since) &&
    Array.isArray(tokens) &&
    tokens.length <= userTokensMax &&
    tokens.every(isToken);
  if (!isUser) throw new PaminaError('STORE_DAMAGED', 'a user in the store is not readable');
  return { name, roles: rolesIn(roles), since, tokens };
}

function isToken(value: unknown): value is UserToken {
  if (typeof value !== 'object' || value === null) return false;
  const { createdAt, expiresAt, hash, id, label } = value as Partial<
    Record<keyof UserToken, unknown>
  >;
  const isLabel =
    label === null || (typeof label === 'string' && label.length <= tokenLabelLengthMax);
  return (
    typeof id === 'string' &&
    idPattern.test(id) &&
    typeof hash === 'string' &&
    hashPattern.test(hash) &&
    isTime(createdAt) &&
    isLabel &&
    (expiresAt === null || isTime(expiresAt))
  );
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
