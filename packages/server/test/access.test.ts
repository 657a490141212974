import { noUsers, type UserTable } from '@pamina/engine';
import type { Role } from '@pamina/format';
import { beforeEach, describe, expect, it } from 'vitest';
import { Access, type RequestHeaders, validateToken } from '../src/access.js';
import type { RouteRole } from '../src/route-role.js';
import type { UserAnswer } from '../src/user-tables.js';
import { makeToken } from '../src/user-token.js';
import { env } from './workbench.js';

const token = 'correct-horse-battery';
let now = 0;
const clock = { monotonic: () => now, now: () => now };
beforeEach(() => {
  now = 1_000_000;
});

const made = makeToken(env.random);

function tableOf(roles: readonly Role[], expiresAt: number | null = null): UserTable {
  const entry = { id: made.id, hash: made.hash, createdAt: 0, label: null, expiresAt };
  const user = { name: 'alice', roles, since: 0, tokens: [entry] };
  return { users: [user], tokens: new Map([[made.id, { user, token: entry }]]) };
}

interface Given {
  readonly token?: string | undefined;
  readonly tables?: Readonly<Record<string, UserAnswer>>;
  readonly requestsPerSecond?: number;
}

function accessOf({ tables = {}, ...options }: Given = {}): Access {
  const users = {
    tableOf: (name: string) => Promise.resolve(tables[name] ?? null),
    names: () => Promise.resolve(Object.keys(tables)),
  };
  return new Access({ token: undefined, ...options, users, clock });
}

/** The code of the refusal; null = let in. */
async function refusalOf(
  access: Access,
  headers: RequestHeaders,
  role: RouteRole = 'read',
  database: string | undefined = 'orders',
  remoteAddress = '10.0.0.1',
): Promise<string | null> {
  try {
    await access.admit({ headers, remoteAddress }, role, database);
    return null;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const own = { host: '127.0.0.1:7474' };
const bearer = (text: string): RequestHeaders => ({ authorization: `Bearer ${text}` });

describe('P14 with a token of the server', () => {
  it('lets in who shows it, for everything', async () => {
    const access = accessOf({ token, tables: { orders: tableOf(['read']) } });
    for (const role of ['read', 'admin', 'server', 'listed', 'any'] as const) {
      expect(await refusalOf(access, bearer(token), role)).toBeNull();
    }
    const headers = { authorization: `bearer   ${token}`, host: 'example.org' };
    expect(await refusalOf(access, headers)).toBeNull();
  });

  it('refuses everybody else alike', async () => {
    const refused = [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      `Basic ${token}`,
      token,
      `Bearer ${token}x`,
      `Bearer ${token.slice(0, -1)}`,
      `Bearer ${token} ${token}`,
      ['Bearer', token],
    ];
    for (const authorization of refused) {
      expect(await refusalOf(accessOf({ token }), { authorization })).toBe('UNAUTHORIZED');
    }
  });

  it('never shows the token in a message', async () => {
    const refused = accessOf({ token }).admit(
      { headers: bearer('guess-guess-guess'), remoteAddress: '' },
      'read',
      'orders',
    );
    await expect(refused).rejects.toThrow(/^((?!horse|guess-).)*$/);
    expect(() => validateToken('secret phrase')).toThrow(/13 characters/);
  });

  it('takes no token that is short, or that a header cannot carry', () => {
    for (const bad of ['', 'short', 'x'.repeat(513), 'with a blank in it', 'línea-línea-línea']) {
      expect(() => accessOf({ token: bad })).toThrow(
        expect.objectContaining({ code: 'TOKEN_INVALID' }),
      );
    }
  });
});

describe('P14 a user', () => {
  const shown = bearer(made.text);

  it('is let in for what its roles include, on its database alone', async () => {
    const tables = { orders: tableOf(['write']), payroll: noUsers };
    const access = accessOf({ token, tables });
    expect(await refusalOf(access, shown, 'read')).toBeNull();
    expect(await refusalOf(access, shown, ['backup', 'read'])).toBeNull();
    expect(await refusalOf(access, shown, 'any')).toBeNull();
    expect(await refusalOf(access, shown, 'listed', undefined)).toBeNull();
    expect(await refusalOf(access, shown, 'admin')).toBe('FORBIDDEN');
    expect(await refusalOf(access, shown, 'server')).toBe('FORBIDDEN');
    expect(await refusalOf(access, shown, 'read', 'payroll')).toBe('UNAUTHORIZED');
    expect(await refusalOf(access, shown, 'read', 'nothing')).toBe('UNAUTHORIZED');
  });

  it('is told which role is missing, and how it is given', async () => {
    const access = accessOf({ tables: { orders: tableOf(['read']) } });
    const refused = access.admit({ headers: shown, remoteAddress: '' }, 'backup', 'orders');
    await expect(refused).rejects.toMatchObject({
      message: 'the user alice has not the role backup on orders',
      hint: expect.stringContaining('pamina user set orders alice --role read,backup') as string,
      context: { needed: 'backup' },
    });
  });

  it('with the right id and another secret is nobody, nor is one whose token has expired', async () => {
    const other = `pamina_${made.id}_${'A'.repeat(43)}`;
    const access = accessOf({ token, tables: { orders: tableOf(['admin']) } });
    expect(await refusalOf(access, bearer(other))).toBe('UNAUTHORIZED');
    const expiring = accessOf({ token, tables: { orders: tableOf(['admin'], now + 1) } });
    expect(await refusalOf(expiring, shown)).toBeNull();
    now += 1;
    expect(await refusalOf(expiring, shown)).toBe('UNAUTHORIZED');
  });

  it('ends the openness of a server without a token: for its database, and for what belongs to none', async () => {
    const tables = { orders: tableOf(['read']), free: noUsers };
    const access = accessOf({ tables });
    expect(await refusalOf(access, own, 'read', 'orders')).toBe('UNAUTHORIZED');
    expect(await refusalOf(access, own, 'any', 'orders')).toBe('UNAUTHORIZED');
    expect(await refusalOf(access, own, 'admin', 'free')).toBeNull();
    expect(await refusalOf(access, own, 'server', undefined)).toBe('UNAUTHORIZED');
    // As what is not here, or cannot be read: it may be the copy of one that has users.
    expect(await refusalOf(access, own, 'admin', 'nothing')).toBe('UNAUTHORIZED');
    expect(await refusalOf(access, own, 'listed', undefined)).toBeNull();
    const without = accessOf({ tables: { free: noUsers } });
    expect(await refusalOf(without, own, 'server', undefined)).toBeNull();
    expect(await refusalOf(without, own, 'admin', 'nothing')).toBeNull();
  });

  it('may be there where the users cannot be read: a token is asked for, but not to hear why', async () => {
    const access = accessOf({ tables: { orders: 'unreadable', free: noUsers } });
    for (const role of ['read', 'admin'] as const) {
      expect(await refusalOf(access, own, role)).toBe('UNAUTHORIZED');
      expect(await refusalOf(access, { ...own, ...shown }, role)).toBe('UNAUTHORIZED');
    }
    expect(await refusalOf(access, own, 'any')).toBeNull();
    expect(await refusalOf(access, own, 'admin', 'free')).toBeNull();
    expect(await refusalOf(access, own, 'server', undefined)).toBe('UNAUTHORIZED');
    expect(await refusalOf(access, own, 'listed', undefined)).toBeNull();
    const withToken = accessOf({ token, tables: { orders: 'unreadable' } });
    expect(await refusalOf(withToken, bearer(token), 'admin')).toBeNull();
  });

  it('what reaches beyond its database asks for the token of the server', async () => {
    const access = accessOf({ tables: { orders: tableOf(['admin']) } });
    const request = { headers: shown, remoteAddress: '' };
    const principal = await access.admit(request, 'admin', 'orders');
    await expect(access.requireServer(principal, '`from`')).rejects.toMatchObject({
      code: 'FORBIDDEN',
      context: { needed: 'server' },
    });
    const nobody = { kind: 'own-machine' } as const;
    await expect(access.requireServer(nobody, '`from`')).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
    });
    await expect(accessOf().requireServer(nobody, '`from`')).resolves.toBeUndefined();
    await expect(access.requireServer({ kind: 'server' }, '`from`')).resolves.toBeUndefined();
  });
});

describe('P14 without a token', () => {
  it('serves programs of this machine', async () => {
    const hosts = ['127.0.0.1:7474', 'localhost:7474', '[::1]:7474', '127.0.0.1', 'LOCALHOST'];
    for (const host of hosts) expect(await refusalOf(accessOf(), { host }), host).toBeNull();
    const page = { host: '127.0.0.1:1', origin: 'http://127.0.0.1:1' };
    expect(await refusalOf(accessOf(), page)).toBeNull();
    const typed = { host: 'localhost:1', 'sec-fetch-site': 'none' };
    expect(await refusalOf(accessOf(), typed)).toBeNull();
    // Who has a token for another server is as good as who has none.
    expect(await refusalOf(accessOf(), { ...own, ...bearer(token) })).toBeNull();
  });

  it('refuses a name that was bound to this machine after the fact (DNS rebinding)', async () => {
    const hosts = [
      undefined,
      '',
      'evil.example:7474',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'evil.example:7474@127.0.0.1',
      '10.0.0.1:7474',
      '[::ffff:10.0.0.1]',
      '127.0.0.1:1:2',
    ];
    for (const host of hosts) {
      expect(await refusalOf(accessOf(), { host }), host).toBe('FORBIDDEN');
      expect(await refusalOf(accessOf(), { host }, 'open'), host).toBe('FORBIDDEN');
    }
  });

  it('refuses what a page of another origin sends', async () => {
    const host = '127.0.0.1:7474';
    for (const origin of ['null', 'https://evil.example', 'http://127.0.0.1:8080', '']) {
      expect(await refusalOf(accessOf(), { host, origin }), origin).toBe('FORBIDDEN');
    }
    for (const site of ['cross-site', 'same-site', 'anything']) {
      const headers = { host, 'sec-fetch-site': site };
      expect(await refusalOf(accessOf(), headers), site).toBe('FORBIDDEN');
    }
  });
});

describe('P14 wrong credentials', () => {
  it('make their address wait, longer each time, and nobody who has come in from there before', async () => {
    const access = accessOf({ token });
    expect(await refusalOf(access, bearer(token))).toBeNull();
    const guesses = async (count: number): Promise<(string | null)[]> => {
      const ends: (string | null)[] = [];
      for (let n = 0; n < count; n += 1) {
        ends.push(await refusalOf(access, bearer(`guess-number-${n}-${now}`)));
      }
      return ends;
    };
    expect(await guesses(10)).toEqual(Array(10).fill('UNAUTHORIZED'));
    expect(await guesses(2)).toEqual(['TOO_MANY_REQUESTS', 'TOO_MANY_REQUESTS']);
    expect(await refusalOf(access, bearer(token))).toBeNull();
    const elsewhere = refusalOf(
      access,
      bearer('guess-from-elsewhere'),
      'read',
      'orders',
      '10.9.9.9',
    );
    expect(await elsewhere).toBe('UNAUTHORIZED');
    now += 1_000;
    expect(await guesses(2)).toEqual(['UNAUTHORIZED', 'TOO_MANY_REQUESTS']);
    now += 1_000;
    expect(await guesses(1)).toEqual(['TOO_MANY_REQUESTS']);
    now += 1_000;
    expect(await guesses(1)).toEqual(['UNAUTHORIZED']);
    now += 11 * 60_000;
    expect(await guesses(9)).toEqual(Array(9).fill('UNAUTHORIZED'));
  });

  it('do not count where they have the form of a user’s, which nobody guesses', async () => {
    const access = accessOf({ token, tables: { orders: tableOf(['read']) } });
    for (let n = 0; n < 30; n += 1) {
      const revoked = makeToken(env.random).text;
      expect(await refusalOf(access, bearer(revoked))).toBe('UNAUTHORIZED');
    }
    for (let n = 0; n < 30; n += 1) await refusalOf(access, bearer(`guess-number-${n}`));
    expect(await refusalOf(access, bearer('guess-number-31'))).toBe('TOO_MANY_REQUESTS');
    // Others guess from the same address.
    expect(await refusalOf(access, bearer(made.text))).toBeNull();
  });

  it('do not count where none was shown', async () => {
    const access = accessOf({ token });
    for (let n = 0; n < 30; n += 1) expect(await refusalOf(access, {})).toBe('UNAUTHORIZED');
  });
});

describe('P13 requests', () => {
  it('of each principal are limited to a rate', async () => {
    const access = accessOf({ token, requestsPerSecond: 2 });
    const request = { headers: {}, remoteAddress: '10.0.0.1' };
    const server = { kind: 'server' } as const;
    for (let n = 0; n < 4; n += 1) access.count(server, request);
    expect(() => access.count(server, request)).toThrow(
      expect.objectContaining({ code: 'TOO_MANY_REQUESTS', context: { retryAfterMs: 500 } }),
    );
    access.count({ kind: 'own-machine' }, request);
    now += 500;
    access.count(server, request);
    expect(() => access.count(server, request)).toThrow('2 requests a second');
    const alice = (database: string) =>
      ({ kind: 'user', user: 'alice', roles: ['read'], databases: [database] }) as const;
    for (let n = 0; n < 4; n += 1) access.count(alice('orders'), request);
    expect(() => access.count(alice('orders'), request)).toThrow('the user alice of orders');
    access.count(alice('payroll'), request);
    const from = (remoteAddress: string) => () =>
      access.count({ kind: 'anybody' }, { headers: {}, remoteAddress });
    for (let n = 0; n < 4; n += 1) from(`2001:db8::${n}`)();
    expect(from('2001:db8::5')).toThrow('2001:db8:0:0::/64');
    from('2001:db8:0:1::5')();
    const free = accessOf({ token, requestsPerSecond: 0 });
    for (let n = 0; n < 100_000; n += 1) free.count(server, request);
  });
});
