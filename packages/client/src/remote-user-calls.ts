// The users of a database from another process: every call is one request.

import type { Role } from '@pamina/format';
import {
  type NewToken,
  newTokenAnswer,
  path,
  type TokenOptions,
  userAnswer,
  type UserCalls,
  usersAnswer,
  type UserSummary,
} from '@pamina/wire';
import type { RemoteCalls } from './remote-calls.js';

export class RemoteUserCalls implements UserCalls {
  readonly #calls: RemoteCalls;

  constructor(calls: RemoteCalls) {
    this.#calls = calls;
  }

  list(name: string): Promise<UserSummary[]> {
    return this.#calls.ask(path`/databases/${name}/users`, usersAnswer);
  }

  add(
    name: string,
    user: string,
    options: TokenOptions & { readonly roles: readonly Role[] },
  ): Promise<NewToken> {
    const body = { user, ...options };
    return this.#calls.send(path`/databases/${name}/users`, body, newTokenAnswer);
  }

  setRoles(name: string, user: string, roles: readonly Role[]): Promise<UserSummary> {
    const target = path`/databases/${name}/users/${user}`;
    return this.#calls.caller.call(
      { method: 'PUT', path: target, body: { roles }, signal: this.#calls.signal() },
      userAnswer,
    );
  }

  remove(name: string, user: string): Promise<void> {
    return this.#calls.done('DELETE', path`/databases/${name}/users/${user}`);
  }

  addToken(name: string, user: string, options: TokenOptions = {}): Promise<NewToken> {
    const target = path`/databases/${name}/users/${user}/tokens`;
    return this.#calls.send(target, options, newTokenAnswer);
  }

  removeToken(name: string, user: string, id: string): Promise<UserSummary> {
    const target = path`/databases/${name}/users/${user}/tokens/${id}`;
    return this.#calls.caller.call(
      { method: 'DELETE', path: target, signal: this.#calls.signal() },
      userAnswer,
    );
  }
}
