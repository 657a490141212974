// Remote databases against a server that listens in this process: what one can do with them, and what becomes of
// them when the connection ends.
import { RemotePamina, type RemoteOptions } from '@pamina/client';
import type { DirectoryEntry } from '@pamina/directory';
import { type Channel, nodeEnv } from '@pamina/env';
import { isPaminaError, wireMessageBytesMax } from '@pamina/format';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Workbench } from '../../packages/server/test/workbench.js';
import type { PaminaServer } from '@pamina/server';
import { until } from '../support/until.js';

const env = nodeEnv();
let workbench: Workbench;
let server: PaminaServer;
const opened: { close(): Promise<void> }[] = [];
beforeEach(async () => {
  workbench = await Workbench.open();
  server = await workbench.server();
  await server.host.create('orders');
});
afterEach(async () => {
  for (const db of opened.splice(0)) await db.close();
  await workbench.close();
});

function remote<T = string>(options: Partial<RemoteOptions<T, T>> = {}): RemotePamina<T, T> {
  const address = `${server.address.replace('http', 'pamina')}/orders`;
  const db = new RemotePamina<T, T>(address, { env, ...options });
  opened.push(db);
  return db;
}

/** The network, with hands on every channel that is opened through it. */
function tapped(): {
  env: typeof env;
  channels: Channel[];
  messages: Uint8Array[];
  urls: string[];
} {
  const channels: Channel[] = [];
  const urls: string[] = [];
  const messages: Uint8Array[] = [];
  const network: typeof env.network = {
    ...env.network,
    connect: async (url, options) => {
      urls.push(url);
      const channel = await env.network.connect(url, options);
      channels.push(channel);
      return new Proxy(channel, {
        get(target, name: keyof Channel) {
          const value: unknown = target[name];
          if (name === 'send') {
            return (bytes: Uint8Array) => {
              messages.push(bytes);
              target.send(bytes);
            };
          }
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  };
  return { env: { ...env, network }, channels, messages, urls };
}

describe('a remote database', () => {
  it('many calls of one turn are one message, and each gets its own answer', async () => {
    const tap = tapped();
    const db = remote({ env: tap.env });
    await db.open();
    const before = tap.messages.length;
    const keys = Array.from({ length: 200 }, (_, at) => `key ${at}`);
    await Promise.all(keys.map((key) => db.put(key, `value of ${key}`)));
    expect(tap.messages.length).toBe(before + 1);
    const values = await Promise.all(keys.map((key) => db.get(key)));
    expect(values).toEqual(keys.map((key) => `value of ${key}`));
  });

  it('keys and values of every size pass, also those that travel in parts', async () => {
    const db = remote<Uint8Array>({ keyEncoding: 'view', valueEncoding: 'view' });
    const large = new Uint8Array(9 * wireMessageBytesMax).map((_, at) => at % 251);
    const key = new Uint8Array(1000).fill(255);
    await db.put(key, large);
    await db.put(Uint8Array.of(0), new Uint8Array(0));
    const read = await db.get(key);
    expect(read?.length).toBe(large.length);
    expect(Buffer.from(read ?? []).equals(large)).toBe(true);
    expect(await db.get(Uint8Array.of(0))).toEqual(new Uint8Array(0));
    const entries = await db.iterator().all();
    expect(entries.map(([, value]) => value.length)).toEqual([0, large.length]);
  });

  it('what is too large is refused with the code that an embedded database has', async () => {
    const db = remote();
    const huge = 'x'.repeat(33 * 1024 * 1024);
    await expect(db.put('a', huge)).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE' });
    await expect(db.put('k'.repeat(1024 * 1024 + 1), '')).rejects.toMatchObject({
      code: 'KEY_TOO_LARGE',
    });
    const batch = ['a', 'b', 'c'].map((key) => ({ type: 'put' as const, key, value: huge }));
    await expect(db.batch(batch)).rejects.toMatchObject({ code: 'COMMIT_TOO_LARGE' });
    await db.put('a', 'small');
    expect(await db.get('a')).toBe('small');
  });

  it('P13 an iterator asks for no more than one answer ahead of its reader', async () => {
    const value = 'x'.repeat(1000);
    const db = remote();
    const entries = Array.from({ length: 2000 }, (_, at) => ({
      type: 'put' as const,
      key: String(at).padStart(4, '0'),
      value,
    }));
    await db.batch(entries);
    const tap = tapped();
    const reader = remote({ env: tap.env });
    await reader.open();
    const iterator = reader.iterator();
    for (let at = 0; at < 20; at++) await iterator.next();
    const asked = tap.messages.length;
    await reader.get('0000');
    // Two answers of 64 KiB are there at most: the rest of 2 MB was not asked for.
    expect(asked).toBeLessThan(6);
    const rest = await iterator.all();
    expect(rest).toHaveLength(1980);
    expect(rest.at(-1)?.[0]).toBe('1999');
  });

  it('transactions see what they wrote, lock it, and are one record', async () => {
    const db = remote();
    const other = remote();
    await db.put('stock', '2');
    const before = server.host.database('orders').durable().seq;
    const transaction = await db.begin();
    expect(await transaction.get('stock')).toBe('2');
    await transaction.put('stock', '1');
    await transaction.put('order', 'one');
    expect(await transaction.get('stock')).toBe('1');
    expect(await transaction.keys().all()).toEqual(['order', 'stock']);
    expect(await other.get('stock')).toBe('2');
    await transaction.commit();
    expect(await other.getMany(['stock', 'order'])).toEqual(['1', 'one']);
    expect(server.host.database('orders').durable().seq).toBe(before + 1);
    await expect(transaction.get('stock')).rejects.toMatchObject({ code: 'TRANSACTION_OVER' });
  });

  it('a transaction that throws leaves nothing behind, in sublevels and of every encoding', async () => {
    const db = remote();
    const sublevel = db.sublevel<string, { n: number }>('docs', { valueEncoding: 'json' });
    await db.transaction(async (transaction) => {
      await transaction.put('a', { n: 1 }, { sublevel });
      expect(await transaction.get('a', { sublevel })).toEqual({ n: 1 });
    });
    expect(await sublevel.get('a')).toEqual({ n: 1 });
    const failed = db.transaction(async (transaction) => {
      await transaction.del('a', { sublevel });
      throw new Error('no');
    });
    await expect(failed).rejects.toThrowError('no');
    expect(await sublevel.get('a')).toEqual({ n: 1 });
    await db.transaction((transaction) => transaction.clear({ sublevel }));
    expect(await sublevel.keys().all()).toEqual([]);
  });

  it('P1 a write with a durability of its own, and a position that a read elsewhere can ask for', async () => {
    const db = remote({ durability: 'disk' });
    expect(db.position).toBeNull();
    await db.put('a', 'one', { durability: 'memory' });
    await db.put('a', 'two');
    const seq = server.host.database('orders').durable().seq;
    expect(db.position).toBe(`1/${seq}`);
    const unconfirmed = db.put('a', 'three', { durability: { replicas: 1 } });
    await expect(unconfirmed).rejects.toMatchObject({ code: /^(DURABILITY|REPLICAS)_/ as never });
  });

  it('P14 a token is asked for, and a wrong one ends the wait at once', async () => {
    const guarded = await workbench.server({
      data: 'guarded',
      token: 'a token of enough letters'.replace(/ /g, '-'),
    });
    await guarded.host.create('secret');
    const address = `${guarded.address.replace('http', 'pamina')}/secret`;
    const db = new RemotePamina(address, { env, token: 'another-token-of-letters' });
    await expect(db.open()).rejects.toMatchObject({ cause: { code: 'UNAUTHORIZED' } });
    const good = new RemotePamina(address, { env, token: 'a-token-of-enough-letters' });
    opened.push(good);
    await good.put('a', 'in');
    expect(await good.get('a')).toBe('in');
  });

  it('P9 a database that is nowhere is told with its reason once the time is over', async () => {
    const db = new RemotePamina('pamina://nowhere', {
      env,
      directory: { nowhere: server.address },
      connectTimeoutMs: 2000,
    });
    await expect(db.open()).rejects.toMatchObject({
      cause: { code: 'CONNECT_FAILED', context: { reason: 'DATABASE_OFFLINE' } },
    });
    expect(() => new RemotePamina('http://nowhere', { env })).toThrowError(
      expect.objectContaining({ code: 'ADDRESS_INVALID' }),
    );
  });
});

describe('where a remote database looks', () => {
  it('P12 only what follows is read as a replica: a database with a history of its own is not', async () => {
    await server.host.create('apart');
    const tap = tapped();
    const db = remote({ env: tap.env, readFrom: 'replica', replicas: ['apart'] });
    await db.put('a', 'one');
    const tries = (): number => tap.urls.filter((url) => url.includes('/apart/')).length;
    await until('it was tried again', () => tries() > 1);
    expect(db.replicas).toEqual([]);
    expect(await db.get('a')).toBe('one');
  });

  it('P11 a database is used only if it is the one that the directory names', async () => {
    const directory = new ToldDirectory(server.address, 'ANOTHER');
    const db = new RemotePamina('pamina://orders', { env, directory, connectTimeoutMs: 500 });
    await expect(db.open()).rejects.toMatchObject({
      cause: { code: 'CONNECT_FAILED', context: { reason: 'NAME_NOT_FOUND' } },
    });
    directory.change(server.address, server.host.database('orders').control.instance);
    opened.push(db);
    await db.open();
    await db.put('a', 'one');
  });
});

describe('a change in the directory', () => {
  it('ends a connection that leads to where the database was', async () => {
    const other = await workbench.server({ data: 'other', directory: undefined });
    await other.host.create('orders');
    const there = new RemotePamina(`${other.address.replace('http', 'pamina')}/orders`, { env });
    opened.push(there);
    for (const value of ['and', 'later', 'there']) await there.put('a', value);
    const directory = new ToldDirectory(server.address);
    const db = new RemotePamina('pamina://orders', { env, directory });
    opened.push(db);
    await db.put('a', 'here');
    const lost = new Promise((resolve) => db.once('disconnected', resolve));
    directory.change(other.address);
    expect(await lost).toMatchObject({ code: 'CONNECTION_LOST' });
    expect(await db.get('a')).toBe('there');
  });

  it('ends an attempt at where nobody answers', async () => {
    const dead = 'http://192.0.2.1:7400';
    const directory = new ToldDirectory(dead);
    const tried: AbortSignal[] = [];
    const connect: typeof env.network.connect = (url, options) => {
      if (!url.startsWith('ws://192.0.2.1')) return env.network.connect(url, options);
      const { signal } = options;
      if (signal === undefined) throw new Error('an attempt that cannot be ended');
      tried.push(signal);
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    };
    const network = { ...env.network, connect };
    const db = new RemotePamina('pamina://orders', { env: { ...env, network }, directory });
    opened.push(db);
    await until('it was tried', () => tried.length > 0);
    directory.change(dead);
    directory.change(server.address);
    await db.put('a', 'one');
    expect(tried).toHaveLength(1);
    expect(await db.get('a')).toBe('one');
  });

  it('close during an attempt, and right behind a welcome, leaves nothing open', async () => {
    const closed: RemotePamina[] = [];
    const network: typeof env.network = {
      ...env.network,
      connect: async (url, options) => {
        const channel = await env.network.connect(url, options);
        return new Proxy(channel, {
          get(target, name: keyof Channel) {
            const value: unknown = target[name];
            if (name === 'onMessage') {
              return (listener: (message: Uint8Array) => void) =>
                target.onMessage((message) => {
                  listener(message);
                  // Its place does not know of the welcome yet.
                  for (const place of closed) void place._close();
                });
            }
            return typeof value === 'function' ? value.bind(target) : value;
          },
        });
      },
    };
    const db = new RemotePamina(`${server.address.replace('http', 'pamina')}/orders`, {
      env: { ...env, network },
    });
    closed.push(db);
    await expect(db.open()).rejects.toMatchObject({ cause: { code: 'DATABASE_CLOSED' } });
    await db.close();
  });
});

/** A directory that says what it is told to, in the test. */
class ToldDirectory {
  readonly #listeners = new Set<() => void>();
  #address: string;
  #instance: string | null;

  constructor(address: string, instance: string | null = null) {
    this.#address = address;
    this.#instance = instance;
  }

  describe(): string {
    return 'the directory of the test';
  }

  resolve(): Promise<DirectoryEntry> {
    return Promise.resolve({ address: this.#address, instance: this.#instance, since: null });
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  change(address: string, instance: string | null = null): void {
    this.#address = address;
    this.#instance = instance;
    for (const listener of this.#listeners) listener();
  }
}

describe('paminas://', () => {
  it('P14 with it no token goes to a server without TLS, whoever names it', async () => {
    const tap = tapped();
    const token = 'a-token-of-enough-letters';
    const directory = { orders: server.address };
    for (const [address, isSecure] of [
      ['paminas://orders', false],
      ['pamina://orders', true],
      [`${server.address.replace('http', 'pamina')}/orders`, true],
    ] as const) {
      const db = new RemotePamina(address, { env: tap.env, directory, token, isSecure });
      await expect(db.open()).rejects.toMatchObject({
        cause: { code: 'ADDRESS_INVALID', message: expect.stringContaining('TLS') as string },
      });
    }
    expect(tap.urls).toEqual([]);
  });
});

describe('what was open at the server', () => {
  it('a transaction whose commit could not be sent is rolled back there', async () => {
    let full = 0;
    const network: typeof env.network = {
      ...env.network,
      connect: async (url, options) => {
        const channel = await env.network.connect(url, options);
        return new Proxy(channel, {
          get(target, name: keyof Channel) {
            const value: unknown = target[name];
            if (name === 'bufferedBytes') return target.bufferedBytes + full;
            return typeof value === 'function' ? value.bind(target) : value;
          },
        });
      },
    };
    const db = remote({ env: { ...env, network } });
    const transaction = await db.begin();
    await transaction.put('a', 'never');
    full = 2 ** 40;
    await expect(transaction.commit()).rejects.toMatchObject({ code: 'BACKLOG_FULL' });
    await until('it was rolled back', () => {
      return server.host.database('orders').transactions.size === 0;
    });
    full = 0;
    await db.put('a', 'free');
    expect(await db.get('a')).toBe('free');
  });

  it('a transaction that its server has ended lets the database be closed', async () => {
    const db = remote();
    const transaction = await db.begin({ leaseMs: 1000, timeoutMs: 1000 });
    await transaction.put('a', 'never');
    await until('it is over', () => !transaction.isOpen);
    await db.close();
  });

  it('iterators and snapshots of a database that is gone there let it be closed', async () => {
    const db = remote();
    await db.put('a', 'one');
    const iterator = db.iterator();
    await iterator.next();
    db.snapshot();
    await server.host.stop('orders');
    db.iterator();
    await db.close();
  });
});

describe('a connection that ends', () => {
  it('reads are asked again by themselves, iterators, snapshots and transactions end and say so', async () => {
    const tap = tapped();
    const db = remote({ env: tap.env });
    await db.put('a', 'one');
    const snapshot = db.snapshot();
    await db.get('a', { snapshot });
    const iterator = db.iterator();
    await iterator.next();
    const transaction = await db.begin();
    await transaction.put('a', 'never');
    const reads = Promise.all(Array.from({ length: 50 }, () => db.get('a')));
    tap.channels[0]?.close(4999, 'cut by the test');
    expect(await reads).toEqual(Array.from({ length: 50 }, () => 'one'));
    await expect(db.get('a', { snapshot })).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await expect(iterator.nextv(10)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await expect(transaction.commit()).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await snapshot.close();
    await iterator.close();
    await until('the transaction was rolled back', () => {
      return server.host.database('orders').transactions.size === 0;
    });
    expect(await db.get('a')).toBe('one');
  });

  it('P1 a write that had no answer is told so and not repeated; one that comes later goes with the next connection', async () => {
    const tap = tapped();
    const db = remote({ env: tap.env });
    await db.open();
    const holder = await server.open('orders').begin();
    await holder.put('held', 'by another');
    const waiting = db.put('held', 'mine');
    const told = expect(waiting).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' });
    await db.get('anything');
    tap.channels[0]?.close(4999, 'cut by the test');
    await told;
    await db.put('unsent', 'arrives');
    expect(await db.get('unsent')).toBe('arrives');
    await holder.rollback();
  });

  it('P13 no more calls wait for a connection than may be', async () => {
    const db = remote({ timeoutMs: 2000 });
    await db.put('a', 'one');
    const lost = new Promise((resolve) => db.once('disconnected', resolve));
    await server.host.stop('orders');
    await lost;
    const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;
    const calls = Array.from({ length: 10_003 }, () => db.get('a').catch(codeOf));
    const codes = await Promise.all(calls);
    expect(codes.slice(-4)).toEqual(['CONNECT_FAILED', ...Array(3).fill('BACKLOG_FULL')]);
    await server.host.start('orders');
  });

  it('P9 while there is no connection a call waits as long as it may, and fails with the reason', async () => {
    const db = remote({ timeoutMs: 2000 });
    await db.put('a', 'one');
    const lost = new Promise((resolve) => db.once('disconnected', resolve));
    await server.host.stop('orders');
    await lost;
    await expect(db.get('a')).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      context: { reason: 'DATABASE_OFFLINE' },
    });
    await server.host.start('orders');
    await until('it was there again', async () => {
      const read = db.get('a').catch((error: unknown) => {
        // Until it is there again no call gets through.
        if (!isPaminaError(error, 'CONNECT_FAILED')) throw error;
      });
      return (await read) === 'one';
    });
  });

  it('what was opened while there was no connection is closed at the server, too', async () => {
    const db = remote({ timeoutMs: 60_000 });
    await db.put('a', 'one');
    const lost = new Promise((resolve) => db.once('disconnected', resolve));
    await server.host.stop('orders');
    await lost;
    // More than one connection may have open at a time.
    const iterators = Array.from({ length: 900 }, () => db.iterator());
    const closed = iterators.map((iterator) => iterator.close());
    await server.host.start('orders');
    await Promise.all(closed);
    const others = Array.from({ length: 900 }, () => db.iterator());
    const entries = await Promise.all(others.map((iterator) => iterator.next()));
    expect(entries.every((entry) => entry?.[1] === 'one')).toBe(true);
    await Promise.all(others.map((iterator) => iterator.close()));
  });

  it('close ends the attempts, and what waits', async () => {
    const db = remote({ timeoutMs: 60_000 });
    await db.put('a', 'one');
    await server.host.stop('orders');
    const read = db.get('a');
    const refused = expect(read).rejects.toMatchObject({ code: 'DATABASE_CLOSED' });
    await db.close();
    await refused;
  });
});

describe('P12 a position that was seen elsewhere', () => {
  it('is what reads here see at least', async () => {
    const writer = remote();
    await writer.put('a', 'b');
    const after = writer.position ?? '';
    const reader = remote({ after });
    expect(reader.position).toBe(after);
    expect(await reader.get('a')).toBe('b');
  });

  it('is waited for, and a read that would be older fails rather than lie', async () => {
    const writer = remote();
    await writer.put('a', 'b');
    const [timeline, seq] = (writer.position ?? '').split('/');
    const after = `${timeline}/${Number(seq) + 1}`;
    const reader = remote({ after, replicaWaitMs: 50 });
    await expect(reader.get('a')).rejects.toMatchObject({ code: 'POSITION_TIMEOUT' });
    await writer.put('a', 'c');
    expect(await reader.get('a')).toBe('c');
  });

  it('that is none is refused at once', () => {
    expect(() => remote({ after: 'now' })).toThrow(
      expect.objectContaining({ code: 'POSITION_INVALID' }),
    );
  });
});

describe('/metrics', () => {
  it('counts calls of clients by verb and outcome, and their connections', async () => {
    const figures = async (): Promise<string> => (await fetch(`${server.address}/metrics`)).text();
    const db = remote();
    await db.put('a', 'b');
    await Promise.all([db.get('a'), db.get('b'), db.get('c')]);
    const iterator = db.iterator({ snapshot: db.snapshot() });
    await iterator.next();
    const text = await figures();
    expect(text).toContain('pamina_calls_connections 1\n');
    expect(text).toContain('pamina_calls_total{verb="put",outcome="answered"} 1\n');
    expect(text).toContain('pamina_calls_total{verb="get",outcome="answered"} 3\n');
    expect(text).toContain('pamina_calls_total{verb="get",outcome="failed"} 0\n');
    await db.close();
    await until('no connection is left', async () =>
      (await figures()).includes('pamina_calls_connections 0\n'),
    );
  });

  it('counts calls that fail', async () => {
    const db = remote();
    await expect(db.getMany(Array.from({ length: 100_001 }, () => 'k'))).rejects.toMatchObject({
      code: 'REQUEST_TOO_LARGE',
    });
    const text = await (await fetch(`${server.address}/metrics`)).text();
    expect(text).toContain('pamina_calls_total{verb="getMany",outcome="failed"} 1\n');
  });
});
