// Transactions over HTTP: what they show each other, how they end, and what becomes of those whose client is silent.
import { RemoteAdministration } from '@pamina/client';
import { nodeEnv, type Env } from '@pamina/env';
import { type Isolation, PaminaError, remoteTransactionsMax } from '@pamina/format';
import { type PaminaServer, serve } from '@pamina/server';
import type { BeginOptions, Entry, TransactionCalls } from '@pamina/wire';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HandClock } from '../../packages/engine/test/hand-clock.js';
import { until } from '../support/until.js';

const env = nodeEnv();
const name = 'cities';
const code = (expected: string) => expect.objectContaining({ code: expected });

let folder: string;
let hand: HandClock;
let server: PaminaServer;
let administration: RemoteAdministration;
let transactions: TransactionCalls;

/** Time passes for the server by the test's hand alone. */
function byHand(clock: HandClock): Env {
  return {
    ...env,
    clock: {
      now: () => env.clock.now(),
      soon: (task) => env.clock.soon(task),
      sleep: (ms, signal) => env.clock.sleep(ms, signal),
      monotonic: () => clock.monotonic(),
      after: (ms, task) => clock.after(ms, task),
    },
  };
}

async function begin(options?: BeginOptions): Promise<string> {
  return (await transactions.begin(name, options)).id;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const entry = (key: string, value = key): Entry => ({ key, value });

/** Until the database lists somebody who waits for a lock: for that of this document, if one is named. */
async function untilSomebodyWaits(key?: string): Promise<void> {
  const { transactions: open } = server.host.database(name);
  await until('somebody waited', () =>
    open.list(100).some((lock) => lock.waitingMs !== null && lock.name === (key ?? lock.name)),
  );
}

beforeEach(async () => {
  folder = await env.disk.temporaryFolder('pamina-transactions-');
  hand = new HandClock();
  const dataFolder = join(folder, 'data');
  server = await serve({ env: byHand(hand), dataFolder, listen: '127.0.0.1:0' });
  administration = new RemoteAdministration({ env, address: server.address });
  ({ transactions } = administration);
  await administration.create(name);
  await administration.put(name, 'a', 'before');
});
afterEach(async () => {
  await administration.close();
  await server.close();
  await env.disk.removeTree(folder);
});

describe('what transactions show', () => {
  it.each<Isolation>(['uncommittedDocument', 'snapshot'])(
    'P12 at %s nobody sees what another one has not committed, and nobody waits',
    async (isolation) => {
      const writer = await begin();
      await transactions.put(name, writer, 'a', 'after');
      const reader = await begin({ isolation });
      expect(await transactions.get(name, reader, 'a')).toBe('before');
      expect(await administration.get(name, 'a')).toBe('before');
    },
  );

  it.each<Isolation>(['committedCommand', 'stableCursor', 'stableDocument', 'serializable'])(
    'P12 at %s a read waits for who is changing the document, and sees what he committed',
    async (isolation) => {
      const writer = await begin();
      await transactions.put(name, writer, 'a', 'after');
      const reader = await begin({ isolation });
      const read = transactions.get(name, reader, 'a');
      await untilSomebodyWaits();
      await transactions.commit(name, writer);
      expect(await read).toBe('after');
    },
  );

  it('P12 a transaction reads its own writes, in ranges too', async () => {
    const id = await begin();
    await transactions.batch(name, id, [
      { type: 'del', key: 'a' },
      { type: 'put', key: 'b/1', value: '1' },
      { type: 'put', key: 'b/2', value: '2' },
    ]);
    await transactions.put(name, id, 'c', '3');
    await transactions.del(name, id, 'b/2');
    await expect(transactions.get(name, id, 'a')).rejects.toThrow(code('KEY_NOT_FOUND'));
    const all = [entry('b/1', '1'), entry('c', '3')];
    expect(await collect(transactions.range(name, id))).toEqual(all);
    const last = { reverse: true, limit: 1 };
    expect(await collect(transactions.range(name, id, last))).toEqual([entry('c', '3')]);
    expect(await collect(transactions.range(name, id, { prefix: 'b/' }))).toEqual([all[0]]);
  });

  it('P12 lockMode of a read keeps others from reading it under a lock', async () => {
    const first = await begin();
    await transactions.get(name, first, 'a', { lockMode: 'protected' });
    const second = await begin({ lockTimeoutMs: 1000 });
    const read = transactions.get(name, second, 'a');
    await untilSomebodyWaits();
    hand.pass(1000);
    await expect(read).rejects.toThrow(code('LOCK_TIMEOUT'));
  });

  it('P9 of transactions that wait for each other the youngest is told so', async () => {
    const [first, second] = [await begin(), await begin()];
    await transactions.put(name, first, 'a', '1');
    await transactions.put(name, second, 'b', '2');
    const waiting = transactions.put(name, first, 'b', '1');
    await untilSomebodyWaits('b');
    await expect(transactions.put(name, second, 'a', '2')).rejects.toThrow(code('DEADLOCK'));
    await waiting;
    await expect(transactions.commit(name, second)).rejects.toThrow(code('DEADLOCK'));
    await transactions.commit(name, first);
    expect(await administration.get(name, 'b')).toBe('1');
  });
});

describe('how transactions end', () => {
  it('P2 a commit is one record, and answers with its position', async () => {
    const id = await begin();
    await transactions.put(name, id, 'b', '1');
    await transactions.put(name, id, 'b', '2');
    await transactions.del(name, id, 'a');
    const before = (await administration.status(name)).position;
    const { position } = await transactions.commit(name, id);
    const seq = (text: string | null): number => Number(text?.split('/')[1]);
    expect(seq(position)).toBe(seq(before) + 1);
    expect(await collect(administration.log(name, { from: seq(position) }))).toMatchObject([
      { position, kind: 'commit', operationCount: 2 },
    ]);
    expect(await administration.get(name, 'b', { after: position })).toBe('2');
  });

  it('P2 a rollback leaves nothing behind, and once more does nothing', async () => {
    const id = await begin();
    await transactions.put(name, id, 'a', 'after');
    await transactions.rollback(name, id);
    await transactions.rollback(name, id);
    expect(await administration.get(name, 'a')).toBe('before');
    await expect(transactions.commit(name, id)).rejects.toThrow(code('TRANSACTION_OVER'));
  });

  it('a commit that wrote nothing writes no record, and answers with the present position', async () => {
    const id = await begin();
    expect(await transactions.get(name, id, 'a')).toBe('before');
    const { position } = await administration.status(name);
    expect(await transactions.commit(name, id)).toEqual({ position });
    expect((await administration.status(name)).position).toBe(position);
  });

  it('P9 a commit whose answer was lost says how it ended when it is asked again', async () => {
    let isCut = true;
    const request: Env['network']['request'] = async (url, options) => {
      const answer = await env.network.request(url, options);
      if (!isCut || !url.endsWith('/commit')) return answer;
      isCut = false;
      answer.cancel();
      throw new PaminaError('CONNECT_FAILED', 'the answer was lost');
    };
    const cut = {
      ...env,
      network: Object.assign(Object.create(env.network), { request }) as never,
    };
    const unlucky = new RemoteAdministration({ env: cut, address: server.address });
    const id = await begin();
    await transactions.put(name, id, 'a', 'after');
    const lost = unlucky.transactions.commit(name, id);
    await expect(lost).rejects.toThrow(code('CONNECT_FAILED'));
    const { position } = await administration.status(name);
    expect(await unlucky.transactions.commit(name, id)).toEqual({ position });
    expect((await administration.status(name)).position).toBe(position);
    await expect(transactions.rollback(name, id)).rejects.toThrow(code('TRANSACTION_OVER'));
    await unlucky.close();
  });

  it('P9 a commit that failed says so again', async () => {
    const id = await begin({ isolation: 'snapshot' });
    await transactions.put(name, id, 'a', 'mine');
    await administration.put(name, 'a', 'theirs');
    await expect(transactions.commit(name, id)).rejects.toThrow(code('WRITE_CONFLICT'));
    await expect(transactions.commit(name, id)).rejects.toThrow(code('WRITE_CONFLICT'));
    expect(await administration.get(name, 'a')).toBe('theirs');
  });

  it('P13 how it ended is forgotten as long after its end as its lease is', async () => {
    const id = await begin({ leaseMs: 1000 });
    await transactions.put(name, id, 'a', 'after');
    const committed = await transactions.commit(name, id);
    hand.pass(999);
    expect(await transactions.commit(name, id)).toEqual(committed);
    hand.pass(1);
    await expect(transactions.commit(name, id)).rejects.toThrow(code('TRANSACTION_NOT_FOUND'));
  });

  it('P9 what no transaction can be asked for is refused before one begins', async () => {
    for (const options of [{ leaseMs: 0 }, { isolation: 'chaos' }, { leaseMs: 1e9 }, { x: 1 }]) {
      const refused = transactions.begin(name, options as BeginOptions);
      await expect(refused).rejects.toThrow(code('REQUEST_INVALID'));
    }
    await expect(transactions.begin('nobody')).rejects.toThrow(code('DATABASE_NOT_FOUND'));
    await expect(transactions.get(name, 'x', 'a')).rejects.toThrow(code('TRANSACTION_NOT_FOUND'));
  });
});

describe('the lease', () => {
  it('P13 is renewed by every call; when it runs out all is rolled back and the locks are free', async () => {
    const id = await begin({ leaseMs: 1000 });
    await transactions.put(name, id, 'a', 'after');
    hand.pass(999);
    expect(await transactions.renew(name, id)).toMatchObject({ id, leaseMs: 1000 });
    hand.pass(999);
    expect(await transactions.get(name, id, 'a')).toBe('after');
    hand.pass(999);
    await collect(transactions.range(name, id));
    hand.pass(999);
    const waiting = administration.put(name, 'a', 'others');
    await untilSomebodyWaits();
    hand.pass(1);
    await waiting;
    expect(await administration.get(name, 'a')).toBe('others');
  });

  it('P9 that ran out says so, and what to do', async () => {
    const id = await begin({ leaseMs: 1000 });
    await transactions.put(name, id, 'a', 'after');
    hand.pass(1000);
    const expired = {
      code: 'TRANSACTION_LEASE_EXPIRED',
      message: `nothing was heard of transaction ${id} for 1000 ms, and it was rolled back`,
      hint: expect.stringContaining('Run it again') as string,
      retryable: true,
    };
    for (const call of [
      () => transactions.get(name, id, 'a'),
      () => transactions.put(name, id, 'a', 'x'),
      () => collect(transactions.range(name, id)),
      () => transactions.renew(name, id),
      () => transactions.commit(name, id),
    ]) {
      await expect(call()).rejects.toThrow(expect.objectContaining(expired));
    }
    await transactions.rollback(name, id);
    expect(await administration.get(name, 'a')).toBe('before');
  });

  it('does not run while a call waits for a lock', async () => {
    const holder = await begin();
    await transactions.put(name, holder, 'a', 'after');
    const id = await begin({ leaseMs: 1000 });
    const read = transactions.get(name, id, 'a');
    await untilSomebodyWaits();
    hand.pass(5000);
    await transactions.commit(name, holder);
    expect(await read).toBe('after');
    await transactions.renew(name, id);
  });

  it('P13 runs out under a call that takes longer than any caller waits', async () => {
    const [one, other] = [await begin({ leaseMs: 60_000 }), await begin({ leaseMs: 60_000 })];
    await transactions.put(name, one, 'a', '1');
    await transactions.put(name, other, 'b', '1');
    const id = await begin({ leaseMs: 1000, lockTimeoutMs: 20_000 });
    const operations = ['a', 'b'].map((key) => ({ type: 'put', key, value: '2' }) as const);
    const batch = expect(transactions.batch(name, id, operations)).rejects.toThrow(
      code('TRANSACTION_LEASE_EXPIRED'),
    );
    await untilSomebodyWaits();
    hand.pass(19_000);
    await transactions.commit(name, one);
    await untilSomebodyWaits('b');
    hand.pass(11_000);
    await batch;
    expect(await administration.get(name, 'a')).toBe('1');
  });

  it('P13 runs while the reader of a range takes nothing', async () => {
    await administration.put(name, 'b', '1');
    const { id } = await server.host.transactions.begin(name, { leaseMs: 1000 });
    const reading = server.host.transactions.range(name, id)[Symbol.asyncIterator]();
    expect((await reading.next()).value).toEqual(entry('a', 'before'));
    hand.pass(1000);
    await expect(reading.next()).rejects.toThrow(code('TRANSACTION_LEASE_EXPIRED'));
  });

  it('P13 so many transactions of clients are open in a database and no more', async () => {
    const { transactions: here } = server.host;
    const all = Array.from({ length: remoteTransactionsMax }, () => here.begin(name));
    const [first] = await Promise.all(all);
    await expect(transactions.begin(name)).rejects.toThrow(code('TRANSACTIONS_FULL'));
    await transactions.rollback(name, first?.id ?? '');
    await transactions.begin(name);
  });
});

describe('a database that goes offline', () => {
  it('P9 rolls its transactions back at once, also those that wait', async () => {
    const [holder, id] = [await begin(), await begin()];
    await transactions.put(name, holder, 'a', 'after');
    const offline = { code: 'DATABASE_OFFLINE', message: expect.stringMatching(/rolled back/) };
    const ended = expect(transactions.get(name, id, 'a')).rejects.toThrow(
      expect.objectContaining(offline),
    );
    await untilSomebodyWaits();
    await administration.stop(name);
    await ended;
    await expect(transactions.commit(name, holder)).rejects.toThrow(code('DATABASE_OFFLINE'));
    await administration.start(name);
    await expect(transactions.commit(name, holder)).rejects.toThrow(code('TRANSACTION_NOT_FOUND'));
    expect(await administration.get(name, 'a')).toBe('before');
  });

  it('P9 with its server tells those that wait', async () => {
    const [holder, id] = [await begin(), await begin()];
    await transactions.put(name, holder, 'a', 'after');
    const ended = expect(transactions.get(name, id, 'a')).rejects.toThrow(code('DATABASE_OFFLINE'));
    await untilSomebodyWaits();
    await server.close();
    await ended;
    // Nothing is left that would keep a process alive.
    expect(hand.waiting).toBe(0);
  });
});

describe('a query', () => {
  it.each<[Isolation, string]>([
    ['snapshot', 'before'],
    ['uncommittedDocument', 'before'],
  ])('P12 at %s waits for nobody', async (isolation, value) => {
    const writer = await begin();
    await transactions.put(name, writer, 'a', 'after');
    const found = await collect(administration.query(name, { isolation }));
    expect(found).toEqual([entry('a', value)]);
  });

  it.each<Isolation>(['committedCommand', 'stableCursor', 'stableDocument', 'serializable'])(
    'P12 at %s waits for who is changing what it reads',
    async (isolation) => {
      const writer = await begin();
      await transactions.put(name, writer, 'a', 'after');
      const found = collect(administration.query(name, { isolation }));
      await untilSomebodyWaits();
      await transactions.commit(name, writer);
      expect(await found).toEqual([entry('a', 'after')]);
    },
  );

  it('P12 of a database that takes no writes needs no locks', async () => {
    await administration.set(name, 'readOnly', 'true');
    const found = await collect(administration.query(name, { isolation: 'serializable' }));
    expect(found).toEqual([entry('a', 'before')]);
  });

  it('P13 holds nothing when it has ended, or its reader has enough', async () => {
    await administration.put(name, 'b', '1');
    for await (const { key } of administration.query(name, { isolation: 'serializable' })) {
      if (key === 'a') break;
    }
    const { transactions: open } = server.host.database(name);
    await until('the transaction was over', () => open.size === 0);
  });

  it('ends with its signal while it waits for a lock', async () => {
    const writer = await begin();
    await transactions.put(name, writer, 'a', 'after');
    const ending = new AbortController();
    const { signal } = ending;
    const found = collect(administration.query(name, { isolation: 'serializable', signal }));
    const ended = expect(found).rejects.toThrow('enough');
    await untilSomebodyWaits();
    ending.abort(new Error('enough'));
    await ended;
    const { transactions: open } = server.host.database(name);
    await until('only the writer was open', () => open.size === 1);
  });
});
