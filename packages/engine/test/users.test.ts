// Users in the system data: what is kept, what is refused, and that it travels as data does.
import { packBytes, userTokensMax } from '@pamina/format';
import { describe, expect, it } from 'vitest';
import type { UserToken } from '../src/users.js';
import { newDatabase, openDatabase } from './workbench.js';

const token = (n: number): UserToken => ({
  id: n.toString(16).padStart(16, '0'),
  hash: n.toString(16).padStart(64, '0'),
  createdAt: 1,
  label: null,
  expiresAt: null,
});

describe('users', () => {
  it('P14 are there after the database was opened again, with their roles and tokens', async () => {
    const database = await newDatabase();
    const { users } = database.system;
    expect(await users.table()).toMatchObject({ users: [] });
    await users.add('alice', ['write', 'read', 'write'], token(1));
    await users.add('bob', ['backup'], null);
    await users.addToken('bob', token(2));
    await users.setRoles('alice', ['admin']);
    await database.close();
    const again = await openDatabase(database.folder);
    const table = await again.system.users.table();
    expect(table.users).toMatchObject([
      { name: 'alice', roles: ['admin'], tokens: [token(1)] },
      { name: 'bob', roles: ['backup'], tokens: [token(2)] },
    ]);
    expect(table.tokens.get(token(2).id)?.user.name).toBe('bob');
    await again.system.users.removeToken('bob', token(2).id);
    await again.system.users.remove('alice');
    expect((await again.system.users.table()).tokens.size).toBe(0);
    expect((await again.system.users.table()).users.map(({ name }) => name)).toEqual(['bob']);
  });

  it('P14 of changes at the same time none is lost', async () => {
    const { system } = await newDatabase();
    await system.users.add('alice', ['read'], null);
    await Promise.all([1, 2, 3, 4, 5].map((n) => system.users.addToken('alice', token(n))));
    expect((await system.users.table()).tokens.size).toBe(5);
  });

  it('P13 are bounded, and the same name is taken once', async () => {
    const { system } = await newDatabase();
    await system.users.add('alice', ['read'], null);
    await expect(system.users.add('alice', ['admin'], null)).rejects.toMatchObject({
      code: 'USER_EXISTS',
    });
    for (let n = 0; n < userTokensMax; n += 1) await system.users.addToken('alice', token(n));
    await expect(system.users.addToken('alice', token(99))).rejects.toMatchObject({
      code: 'USERS_FULL',
    });
    await expect(system.users.remove('bob')).rejects.toMatchObject({ code: 'USER_NOT_FOUND' });
    await expect(system.users.removeToken('alice', 'ff')).rejects.toMatchObject({
      code: 'USER_NOT_FOUND',
    });
    await expect(system.users.add('../x', ['read'], null)).rejects.toMatchObject({
      code: 'NAME_INVALID',
    });
    expect((await system.users.table()).users).toHaveLength(1);
  });

  it('P14 are there without the stamp of their changes too', async () => {
    const database = await newDatabase();
    await database.system.users.add('alice', ['read'], token(1));
    await database.commit([{ type: 'del', key: 'users' }], { space: 'system' });
    await database.close();
    const again = await openDatabase(database.folder);
    expect((await again.system.users.table()).users.map(({ name }) => name)).toEqual(['alice']);
  });

  it('P9 a user that is not readable is damage, and a role of a later version is none', async () => {
    let database = await newDatabase();
    const read = () => database.system.users.table();
    await database.system.users.add('alice', ['read'], token(1));
    const write = async (value: unknown) => {
      await database.commit(
        [
          { type: 'put', key: 'user/alice', value: packBytes(value) },
          { type: 'put', key: 'users', value: packBytes(String(Math.random())) },
        ],
        { space: 'system' },
      );
      await database.close();
      database = await openDatabase(database.folder);
    };
    const sound = { name: 'alice', roles: ['read', 'audit'], since: 1, tokens: [token(1)] };
    await write(sound);
    expect((await read()).users[0]?.roles).toEqual(['read']);
    for (const damaged of [
      null,
      [],
      { ...sound, name: 'bob' },
      { ...sound, roles: 'admin' },
      { ...sound, since: 'now' },
      { ...sound, tokens: [{ ...token(1), hash: 'short' }] },
      { ...sound, tokens: [{ ...token(1), id: '../etc' }] },
      { ...sound, tokens: [{ ...token(1), expiresAt: 'soon' }] },
    ]) {
      await write(damaged);
      await expect(read(), JSON.stringify(damaged)).rejects.toMatchObject({
        code: 'STORE_DAMAGED',
      });
    }
  });
});
