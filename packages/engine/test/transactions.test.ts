// Transactions on a master: own writes, one record, nothing left by a rollback, locks against each other and
// against single writes, limits of time and room, the way back to no locks at all.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Pamina } from '../src/pamina.js';
import { HandClock } from './hand-clock.js';
import type { PaminaOptions } from '../src/pamina-options.js';
import { cleanUp, codeOf, env, temporaryFolder } from './workbench.js';

async function newPamina<K = string, V = string>(
  options: PaminaOptions<K, V> = {},
): Promise<Pamina<K, V>> {
  const db = new Pamina<K, V>(join(await temporaryFolder(), 'orders'), options);
  await db.open();
  cleanUp(() => db.close());
  return db;
}

/** Whether it is still under way after all that can happen by itself has happened. */
async function isWaiting(task: Promise<unknown>): Promise<boolean> {
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  task.then(end, end);
  await env.disk.stat('/');
  await new Promise((resolve) => setImmediate(resolve));
  return !isOver;
}

test('P2 a transaction is one record, seen whole when it is committed and not before', async () => {
  const db = await newPamina();
  await db.put('a', '0');
  const { seq } = db.database.durable();
  const result = await db.transaction(async (tx) => {
    await tx.put('a', '1');
    await tx.batch([
      { type: 'put', key: 'b', value: '1' },
      { type: 'put', key: 'c', value: '1' },
    ]);
    await tx.del('c');
    expect(await db.getMany(['a', 'b'])).toEqual(['0', undefined]);
    return tx.get('a');
  });
  expect(result).toBe('1');
  expect(db.database.durable().seq).toBe(seq + 1);
  expect(await db.iterator().all()).toEqual([
    ['a', '1'],
    ['b', '1'],
  ]);
});

test('P12 a transaction that was committed has the position of its record, as a token', async () => {
  const db = await newPamina();
  const tx = await db.begin();
  await tx.put('a', '1');
  expect(tx.position).toBe(null);
  await tx.commit();
  expect(tx.position).toBe(db.position);
  const reader = await db.begin();
  await reader.get('a');
  await reader.commit();
  expect(reader.position).toBe(null);
});

test('P9 a transaction that ended says why when it is asked', async () => {
  const db = await newPamina();
  const ending = new AbortController();
  const tx = await db.begin({ signal: ending.signal });
  tx.assertOpen();
  ending.abort(new Error('enough'));
  expect(() => tx.assertOpen()).toThrow('enough');
});

test('a transaction reads its own writes, iterators included, in both directions', async () => {
  const db = await newPamina();
  await db.batch(['a', 'b', 'c', 'e'].map((key) => ({ type: 'put', key, value: 'old' })));
  for (const isolation of [
    'uncommittedDocument',
    'committedCommand',
    'serializable',
    'snapshot',
  ] as const) {
    const tx = await db.begin({ isolation });
    await tx.put('b', 'new');
    await tx.put('d', 'new');
    await tx.del('c');
    expect(await tx.getMany(['a', 'b', 'c', 'd'])).toEqual(['old', 'new', undefined, 'new']);
    expect(await tx.has('c')).toBe(false);
    expect(await tx.get('d')).toBe('new');
    const forward = [
      ['a', 'old'],
      ['b', 'new'],
      ['d', 'new'],
      ['e', 'old'],
    ];
    expect(await tx.iterator().all()).toEqual(forward);
    expect(await tx.iterator({ reverse: true }).all()).toEqual(forward.toReversed());
    expect(await tx.keys({ gt: 'a', lte: 'd' }).all()).toEqual(['b', 'd']);
    expect(await tx.values({ limit: 2 }).all()).toEqual(['old', 'new']);
    const iterator = tx.iterator();
    iterator.seek('c');
    await tx.put('f', 'later');
    const seen: string[] = [];
    for await (const [key] of iterator) seen.push(key);
    expect(seen).toEqual(['d', 'e']);
    await tx.rollback();
  }
  expect(await db.get('b')).toBe('old');
});

test('P9 a rollback, and an error in the task, leave nothing: no record, no lock', async () => {
  const db = await newPamina();
  const { seq } = db.database.durable();
  const failing = db.transaction(async (tx) => {
    await tx.put('a', '1');
    throw new Error('changed my mind');
  });
  await expect(failing).rejects.toThrow('changed my mind');
  const tx = await db.begin();
  await tx.put('a', '2');
  await tx.rollback();
  await tx.rollback();
  expect(await codeOf(tx.put('a', '3'))).toBe('TRANSACTION_OVER');
  expect(await codeOf(tx.commit())).toBe('TRANSACTION_OVER');
  expect(db.database.durable().seq).toBe(seq);
  expect(await db.get('a')).toBeUndefined();
  expect(db.database.transactions.isLocking).toBe(false);
});

test('a transaction that wrote nothing writes no record', async () => {
  const db = await newPamina();
  const { seq } = db.database.durable();
  await db.transaction((tx) => tx.get('a'));
  expect(db.database.durable().seq).toBe(seq);
  const tx = await db.begin();
  await tx.commit();
  expect(await codeOf(tx.rollback())).toBe('TRANSACTION_OVER');
  expect(db.database.transactions.isLocking).toBe(false);
});

test('encodings and sublevels work as they do in the database', async () => {
  const db = await newPamina<string, object>({ valueEncoding: 'json' });
  const orders = db.sublevel<string, { n: number }>('orders', { valueEncoding: 'json' });
  const bytes = orders.sublevel<Uint8Array, Uint8Array>('bytes', {
    keyEncoding: 'view',
    valueEncoding: 'view',
  });
  const value = { n: 1 };
  await db.transaction(async (tx) => {
    await tx.put('1', value, { sublevel: orders });
    value.n = 2;
    await tx.batch<string | Uint8Array, unknown>([
      { type: 'put', key: Uint8Array.of(1, 255), value: Uint8Array.of(7), sublevel: bytes },
      { type: 'put', key: 'root', value: { n: 3 } },
    ]);
    expect(await tx.get('1', { sublevel: orders })).toEqual({ n: 1 });
    expect(await tx.get(Uint8Array.of(1, 255), { sublevel: bytes })).toEqual(Uint8Array.of(7));
    expect(await tx.keys({ sublevel: bytes }).all()).toEqual([Uint8Array.of(1, 255)]);
    expect(await tx.get('root', { valueEncoding: 'utf8' })).toBe('{"n":3}');
  });
  expect(await orders.get('1')).toEqual({ n: 1 });
  expect(await bytes.get(Uint8Array.of(1, 255))).toEqual(Uint8Array.of(7));
  const other = await newPamina<string, object>();
  const tx = await db.begin();
  const foreign = other.sublevel('x');
  await expect(tx.get('1', { sublevel: foreign })).rejects.toThrow(TypeError);
  await tx.rollback();
});

test('hooks and events come with the commit', async () => {
  const db = await newPamina();
  const events: unknown[] = [];
  db.on('write', (operations: { key: string }[]) => events.push(operations.map(({ key }) => key)));
  db.hooks.prewrite.add((operation, batch) => {
    batch.add({ type: 'put', key: `index-${String(operation.key)}`, value: 'x' } as never);
  });
  await db.transaction(async (tx) => {
    await tx.put('a', '1');
    expect(events).toEqual([]);
  });
  expect(await db.keys().all()).toEqual(['a', 'index-a']);
  expect(events).toEqual([['a', 'index-a']]);
});

test('a single write waits for the transaction that has locked its document, others do not', async () => {
  const db = await newPamina();
  const tx = await db.begin();
  await tx.put('a', 'transaction');
  const blocked = db.put('a', 'single');
  const second = db.put('a', 'single again');
  await db.put('b', 'free');
  expect(await isWaiting(blocked)).toBe(true);
  expect(await db.get('a')).toBeUndefined();
  await tx.commit();
  await blocked;
  await second;
  expect(await db.get('a')).toBe('single again');
  expect(db.database.transactions.isLocking).toBe(false);
});

test('a single write that waits keeps the bytes that it was given', async () => {
  const db = await newPamina<Buffer, Buffer>({ keyEncoding: 'buffer', valueEncoding: 'buffer' });
  const tx = await db.begin();
  const [key, value] = [Buffer.from('k'), Buffer.from('v')];
  await tx.put(key, Buffer.from('0'));
  const blocked = db.batch([{ type: 'put', key, value }]);
  key.fill(0);
  value.fill(0);
  await tx.rollback();
  await blocked;
  expect(await db.get(Buffer.from('k'))).toEqual(Buffer.from('v'));
});

test('a signal ends the wait of a single write, and nothing of it is written', async () => {
  const db = await newPamina();
  const tx = await db.begin();
  await tx.put('a', '1');
  const control = new AbortController();
  const blocked = db.put('a', '2', { signal: control.signal });
  control.abort(new Error('enough'));
  await expect(blocked).rejects.toThrow('enough');
  await tx.commit();
  expect(await db.get('a')).toBe('1');
});

test('a deadlock ends the youngest, which can run again', async () => {
  const db = await newPamina();
  const [older, younger] = [await db.begin(), await db.begin()];
  await older.put('a', 'older');
  await younger.put('b', 'younger');
  const waiting = older.put('b', 'older');
  const victim = younger.put('a', 'younger');
  await expect(victim).rejects.toMatchObject({ code: 'DEADLOCK', retryable: true });
  await waiting;
  // Whatever it does afterwards says why it ended.
  expect(await codeOf(younger.commit())).toBe('DEADLOCK');
  await older.commit();
  expect(await db.getMany(['a', 'b'])).toEqual(['older', 'older']);
});

test('a wait for a lock ends with LOCK_TIMEOUT and the transaction goes on', async () => {
  const db = await newPamina();
  const holder = await db.begin();
  await holder.put('a', '1');
  const tx = await db.begin({ lockTimeoutMs: 5 });
  expect(await codeOf(tx.get('a'))).toBe('LOCK_TIMEOUT');
  await tx.put('b', '2');
  await tx.commit();
  await holder.commit();
  expect(await db.getMany(['a', 'b'])).toEqual(['1', '2']);
});

test('a transaction that lasts too long, or does nothing for too long, is rolled back', async () => {
  const hand = new HandClock();
  const { clock } = env;
  const db = await newPamina({
    env: {
      ...env,
      clock: {
        now: () => clock.now(),
        soon: (task) => clock.soon(task),
        sleep: (ms, signal) => clock.sleep(ms, signal),
        monotonic: () => hand.monotonic(),
        after: (ms, task) => hand.after(ms, task),
      },
    },
  });
  const idle = { idleTimeoutMs: 1000 };
  for (const [options, steps] of [
    [{ timeoutMs: 2500, idleTimeoutMs: 1000 }, 3],
    [idle, 1],
  ] as const) {
    const tx = await db.begin(options);
    await tx.put('a', '1');
    const waiting = db.put('a', '2');
    for (let step = 1; step < steps; step++) {
      hand.pass(999);
      // It does something, so that it is not idle.
      expect(await tx.get('a')).toBe('1');
    }
    hand.pass(steps === 1 ? 999 : 501);
    expect(tx.isOpen).toBe(true);
    hand.pass(1);
    expect(tx.isOpen).toBe(false);
    await waiting;
    expect(await codeOf(tx.get('a'))).toBe('TRANSACTION_TIMEOUT');
  }
  expect(await db.get('a')).toBe('2');
  expect(hand.waiting).toBe(0);
});

test('a signal rolls a transaction back', async () => {
  const db = await newPamina();
  const control = new AbortController();
  const tx = await db.begin({ signal: control.signal });
  await tx.put('a', '1');
  control.abort(new Error('enough'));
  await expect(tx.get('a')).rejects.toThrow('enough');
  await expect(db.begin({ signal: control.signal })).rejects.toThrow('enough');
  await db.put('a', '2');
});

test('P13 what transactions have written and not committed is bounded', async () => {
  const db = await newPamina<string, Buffer>({ valueEncoding: 'buffer' });
  const value = Buffer.alloc(31 * 1024 * 1024);
  const transactions = [];
  for (let index = 0; index < 4; index++) {
    const tx = await db.begin();
    transactions.push(tx);
    await tx.put(`${index}a`, value);
    await tx.put(`${index}b`, value);
    // The second time in place of the first.
    await tx.put(`${index}b`, value);
    expect(await codeOf(tx.put(`${index}c`, value))).toBe('COMMIT_TOO_LARGE');
  }
  const late = await db.begin();
  expect(await codeOf(late.put('x', value))).toBe('TRANSACTIONS_FULL');
  await transactions.at(0)?.rollback();
  await late.put('x', value);
});

test('P13 10,000 transactions are open at once, and single writes go on', async () => {
  const db = await newPamina();
  const transactions = [];
  for (let index = 0; index < 10_000; index++) {
    const tx = await db.begin();
    await tx.put(`${index}`, 'transaction');
    transactions.push(tx);
  }
  await db.put('free', 'single');
  expect(db.database.transactions.size).toBe(10_000);
  await Promise.all(transactions.map((tx) => tx.commit()));
  expect(await db.get('9999')).toBe('transaction');
  expect(db.database.transactions.isLocking).toBe(false);
});

test('closing the database rolls back what is open, and wakes who waits', async () => {
  const db = await newPamina();
  const tx = await db.begin();
  await tx.put('a', '1');
  const other = await db.begin();
  const waiting = codeOf(other.get('a'));
  const single = db.put('a', '2');
  const { location } = db;
  await db.close();
  expect(await waiting).toBe('DATABASE_CLOSED');
  expect(await codeOf(other.get('a'))).toBe('DATABASE_CLOSED');
  // It was asked for before the end, and what it waited for is gone.
  await single;
  expect(tx.isOpen).toBe(false);
  const again = new Pamina(location);
  cleanUp(() => again.close());
  expect(await again.get('a')).toBe('2');
});

test('a large single batch locks the whole database', async () => {
  const db = await newPamina();
  const tx = await db.begin();
  await tx.put('a', '1');
  const operations = Array.from({ length: 10_001 }, (_, at) => ({
    type: 'put' as const,
    key: `k${at}`,
    value: '',
  }));
  const blocked = db.batch(operations);
  expect(await isWaiting(blocked)).toBe(true);
  await tx.commit();
  await blocked;
});

test('the list of locks says who holds what, and who waits', async () => {
  const db = await newPamina();
  const orders = db.sublevel('orders');
  const tx = await db.begin();
  await tx.put('1', 'x', { sublevel: orders });
  const waiting = db.put('!orders!1', 'y');
  const list = db.database.transactions.list(100);
  expect(
    list.map(({ transaction, level, name, mode }) => [transaction, level, name, mode]),
  ).toEqual([
    [1, 'database', '', 'intention-exclusive'],
    [1, 'collection', '!orders!', 'intention-exclusive'],
    [1, 'document', '!orders!1', 'exclusive'],
    [2, 'database', '', 'intention-exclusive'],
    [2, 'collection', '!orders!', 'intention-exclusive'],
    [2, 'document', '!orders!1', 'exclusive'],
  ]);
  expect(list.at(5)?.waitingMs).toBeGreaterThanOrEqual(0);
  await tx.rollback();
  await waiting;
});

test('options that do not exist are refused', async () => {
  const db = await newPamina();
  await expect(db.begin({ isolation: 'readCommitted' as never })).rejects.toThrow(TypeError);
  await expect(db.begin({ lockMode: 'none' as never })).rejects.toThrow(TypeError);
  await expect(db.begin({ timeoutMs: 0 })).rejects.toThrow(TypeError);
  await expect(db.begin({ timeout: 5 } as never)).rejects.toThrow(TypeError);
  expect(db.database.transactions.isLocking).toBe(false);
});

test('P12 a transaction sees what was on its way when it began', async () => {
  const db = await newPamina();
  const onItsWay = db.put('a', '1');
  const tx = await db.begin();
  expect(await tx.get('a')).toBe('1');
  await onItsWay;
  await tx.rollback();
  const also = db.put('a', '2');
  const snapshot = await db.begin({ isolation: 'snapshot' });
  await snapshot.put('a', '3');
  await snapshot.commit();
  await also;
  expect(await db.get('a')).toBe('3');
});

test('writes of one caller to one document keep their order around the end of a transaction', async () => {
  const db = await newPamina();
  for (let round = 0; round < 20; round++) {
    const tx = await db.begin();
    await tx.put('a', 'transaction');
    const writes = Array.from({ length: 10 }, (_, at) => db.put('a', `${at}`));
    const committed = tx.commit();
    for (let at = 10; at < 20; at++) {
      writes.push(db.put('a', `${at}`));
      // In the middle of what comes about by the commit.
      await Promise.resolve();
    }
    await Promise.all([committed, ...writes]);
    expect(await db.get('a')).toBe('19');
    expect(db.database.transactions.isLocking).toBe(false);
  }
});

test('a cursor over many documents, some of them its own, reads and locks each once', async () => {
  const db = await newPamina();
  const names = Array.from({ length: 350 }, (_, at) => `k${String(at).padStart(4, '0')}`);
  await db.batch(names.map((key) => ({ type: 'put', key, value: 'old' })));
  const tx = await db.begin({ isolation: 'stableDocument' });
  for (const key of names.filter((_, at) => at % 50 === 0)) await tx.put(key, 'new');
  const seen: string[] = [];
  for await (const [key, value] of tx.iterator()) {
    seen.push(key);
    expect(value).toBe(names.indexOf(key) % 50 === 0 ? 'new' : 'old');
  }
  expect(seen).toEqual(names);
  expect(db.locks().filter(({ level }) => level === 'document')).toHaveLength(350);
  const backwards = tx.keys({ reverse: true, lt: 'k0200' });
  backwards.seek('k0150x');
  expect(await backwards.next()).toBe('k0150');
  expect(await backwards.all()).toHaveLength(150);
  await tx.rollback();
});

test('a hook that fails at the commit rolls the transaction back', async () => {
  const db = await newPamina();
  const tx = await db.begin();
  await tx.put('a', '1');
  db.hooks.prewrite.add(() => {
    throw new Error('not that');
  });
  await expect(tx.commit()).rejects.toMatchObject({ code: 'LEVEL_HOOK_ERROR' });
  expect(tx.isOpen).toBe(false);
  expect(db.database.transactions.isLocking).toBe(false);
  expect(await db.get('a')).toBeUndefined();
});

test('calls of one transaction that are made at once are done one after the other', async () => {
  const db = await newPamina();
  await db.transaction(async (tx) => {
    const names = ['a', 'b', 'c', 'd'];
    await Promise.all(names.map((key) => tx.put(key, key)));
    const read = await Promise.all(names.map((key) => tx.get(key)));
    expect(read).toEqual(names);
  });
  expect(await db.keys().all()).toEqual(['a', 'b', 'c', 'd']);
});
