// Who may do what with a database, as its administrators change it. A token is made here, told to who asked, and kept
// nowhere: what is committed proves it.

import type { Database, User, UserToken } from '@pamina/engine';
import { PaminaError, validateName } from '@pamina/format';
import type { NewToken, TokenOptions, UserCalls, UserSummary } from '@pamina/wire';
import type { HostCore } from './host-core.js';
import type { UserTables } from './user-tables.js';
import { makeToken } from './user-token.js';

export function userCalls(core: HostCore, tables: UserTables): UserCalls {
  const change = async <T>(name: string, task: (database: Database) => Promise<T>): Promise<T> => {
    try {
      return await core.use(name, 'write', ({ database }) => task(database));
    } finally {
      // What cannot be read now is read for the next request; what was done, and a token that was made, is told.
      await tables.read(name).catch(() => undefined);
    }
  };
  return {
    list: (name) =>
      core.use(name, 'read', async ({ database }) =>
        (await database.system.users.table()).users.map(summaryOf),
      ),
    add: (name, user, { roles, ...options }) =>
      change(name, async (database) => {
        validateName(user);
        const made = newToken(core, options);
        const added = await database.system.users.add(user, roles, made.entry);
        const message = `The user ${user} was added, with ${roleWords(added)}.`;
        note(database, 'user-added', message, { user, roles: added.roles, token: made.entry.id });
        return answerOf(added, made);
      }),
    setRoles: (name, user, roles) =>
      change(name, async (database) => {
        const changed = await database.system.users.setRoles(user, roles);
        const message = `The user ${user} has ${roleWords(changed)} from now on.`;
        note(database, 'user-changed', message, { user, roles: changed.roles });
        return summaryOf(changed);
      }),
    remove: (name, user) =>
      change(name, async (database) => {
        await database.system.users.remove(user);
        note(database, 'user-removed', `The user ${user} was removed, with all tokens.`, { user });
      }),
    addToken: (name, user, options = {}) =>
      change(name, async (database) => {
        const made = newToken(core, options);
        const changed = await database.system.users.addToken(user, made.entry);
        const { id } = made.entry;
        note(database, 'token-added', `The user ${user} has a further token, ${id}.`, { user, id });
        return answerOf(changed, made);
      }),
    removeToken: (name, user, id) =>
      change(name, async (database) => {
        const changed = await database.system.users.removeToken(user, id);
        const message = `The token ${id} of the user ${user} lets nobody in any more.`;
        note(database, 'token-removed', message, { user, id });
        return summaryOf(changed);
      }),
  };
}

interface Made {
  readonly entry: UserToken;
  readonly text: string;
}

function newToken(core: HostCore, { expiresAt = null, label = null }: TokenOptionsOrNull): Made {
  const { clock, random } = core.env;
  const createdAt = clock.now();
  if (expiresAt !== null && expiresAt <= createdAt) {
    throw new PaminaError('REQUEST_INVALID', 'a token that has expired already lets nobody in');
  }
  const { hash, id, text } = makeToken(random);
  return { entry: { id, hash, createdAt, label, expiresAt }, text };
}

type TokenOptionsOrNull = { readonly [K in keyof TokenOptions]: TokenOptions[K] | null };

function answerOf(user: User, { entry, text }: Made): NewToken {
  return { user: summaryOf(user), id: entry.id, token: text };
}

/** Without what proves its tokens. */
function summaryOf({ name, roles, since, tokens }: User): UserSummary {
  const shown = tokens.map(({ createdAt, expiresAt, id, label }) => {
    return { id, label, createdAt, expiresAt };
  });
  return { name, roles, since, tokens: shown };
}

function roleWords({ roles }: User): string {
  return roles.length === 1 ? `the role ${roles[0]}` : `the roles ${roles.join(', ')}`;
}

function note(
  database: Database,
  event: string,
  message: string,
  fields: Record<string, unknown>,
): void {
  database.jobLog.write('info', event, message, fields);
}
