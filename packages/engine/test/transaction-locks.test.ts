// What transactions keep from each other: lock modes, cursors, ranges, snapshots, and many at once.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Pamina } from '../src/pamina.js';
import { RecentCommits } from '../src/transaction/recent-commits.js';
import { isPaminaError } from '@pamina/format';
import type { TransactionOptions } from '../src/transaction/transactions.js';
import { Actor } from './transaction-actor.js';
import { cleanUp, codeOf, temporaryFolder } from './workbench.js';

async function newPamina(content: Record<string, string> = {}): Promise<Pamina> {
  const db = new Pamina(join(await temporaryFolder(), 'orders'));
  cleanUp(() => db.close());
  await db.open();
  const operations = Object.entries(content).map(([key, value]) => ({
    type: 'put' as const,
    key,
    value,
  }));
  if (operations.length > 0) await db.batch(operations);
  return db;
}

async function actor(db: Pamina, options: TransactionOptions): Promise<Actor> {
  return new Actor(db, await db.begin(options));
}

/** `document x: 1 shared` of what is held and waited for, intentions left out. */
function locks(db: Pamina): string[] {
  return db.database.transactions
    .list(1000)
    .filter(({ mode }) => !mode.startsWith('intention'))
    .map((lock) => {
      const state = lock.waitingMs === null ? '' : ' waiting';
      return `${lock.level} ${lock.name}: ${lock.transaction} ${lock.mode}${state}`;
    });
}

test('P12 protected reads follow each other: no update is lost, and nobody is a victim', async () => {
  const db = await newPamina({ x: '0' });
  const options = { isolation: 'committedCommand', lockMode: 'protected' } as const;
  const [a, b] = [await actor(db, options), await actor(db, options)];
  for (const one of [a, b]) {
    await one.do(async (tx) => tx.put('x', `${Number(await tx.get('x')) + 1}`));
    await one.commit();
  }
  expect(await Promise.all([a.end(), b.end()])).toEqual([true, true]);
  expect(await db.get('x')).toBe('2');
});

test('P12 a shared read is stable at every level, an unprotected one never waits at any', async () => {
  const db = await newPamina({ x: '0' });
  const reader = await db.begin({ isolation: 'uncommittedDocument' });
  const writer = await actor(db, {});
  expect(await reader.get('x', { lockMode: 'shared' })).toBe('0');
  await writer.do((tx) => tx.put('x', '1'));
  expect(locks(db)).toEqual(['document x: 1 shared', 'document x: 2 exclusive waiting']);
  await reader.rollback();
  const careless = await db.begin({ isolation: 'serializable' });
  expect(await careless.get('x', { lockMode: 'unprotected' })).toBe('0');
  expect(await careless.keys({ lockMode: 'unprotected' }).all()).toEqual(['x']);
  expect(locks(db)).toEqual(['document x: 2 exclusive']);
  await careless.rollback();
  await writer.commit();
  await writer.end();
});

test('committedCommand locks while it reads, and holds nothing behind', async () => {
  const db = await newPamina({ a: '0', b: '0' });
  const tx = await db.begin({ isolation: 'committedCommand' });
  await tx.get('a');
  await tx.getMany(['a', 'b']);
  expect(await tx.iterator().all()).toHaveLength(2);
  expect(locks(db)).toEqual([]);
  await tx.rollback();
});

test('a stable cursor holds the document that it stands on, and what the transaction keeps stays', async () => {
  const db = await newPamina({ a: '0', b: '0', c: '0' });
  const tx = await db.begin({ isolation: 'stableCursor' });
  await tx.get('a');
  expect(locks(db)).toEqual(['document a: 1 shared']);
  await tx.get('b');
  expect(locks(db)).toEqual(['document b: 1 shared']);
  const iterator = tx.iterator();
  await iterator.next();
  expect(locks(db)).toEqual(['document b: 1 shared', 'document a: 1 shared']);
  await tx.put('a', '1');
  await iterator.next();
  await iterator.next();
  expect(locks(db).toSorted()).toEqual([
    'document a: 1 exclusive',
    'document b: 1 shared',
    'document c: 1 shared',
  ]);
  await iterator.close();
  await tx.get('a');
  expect(locks(db)).toEqual(['document a: 1 exclusive']);
  await tx.commit();
});

test('P12 a cursor reads each document as it is when it is locked, and passes over deleted ones', async () => {
  const db = await newPamina({ a: '0', b: '0', c: '0', d: '0' });
  const tx = await db.begin({ isolation: 'stableDocument' });
  const iterator = tx.iterator();
  expect(await iterator.next()).toEqual(['a', '0']);
  await db.batch([
    { type: 'put', key: 'b', value: '1' },
    { type: 'del', key: 'c' },
  ]);
  expect(await iterator.next()).toEqual(['b', '1']);
  expect(await iterator.next()).toEqual(['d', '0']);
  expect(await iterator.next()).toBeUndefined();
  await iterator.close();
  await tx.rollback();
});

test('a document that could not be locked in time is there for the next read of the cursor', async () => {
  const db = await newPamina({ a: '0', b: '0' });
  const holder = await db.begin();
  await holder.put('b', '1');
  const tx = await db.begin({ isolation: 'committedCommand', lockTimeoutMs: 5 });
  const iterator = tx.iterator();
  expect(await codeOf(iterator.nextv(10))).toBe('LOCK_TIMEOUT');
  await holder.commit();
  expect(await iterator.nextv(10)).toEqual([
    ['a', '0'],
    ['b', '1'],
  ]);
  await iterator.close();
  await tx.rollback();
});

test('P12 a serializable range locks its sublevel and no other', async () => {
  const db = await newPamina();
  const [orders, others] = [db.sublevel('orders'), db.sublevel('others')];
  await orders.put('1', 'x');
  const tx = await db.begin();
  expect(await tx.keys({ sublevel: orders, gt: '0' }).all()).toEqual(['1']);
  expect(locks(db)).toEqual(['collection !orders!: 1 shared']);
  await others.put('1', 'x');
  await db.put('1', 'x');
  const blocked = orders.put('2', 'x');
  expect(locks(db)).toEqual(['collection !orders!: 1 shared']);
  expect(db.database.transactions.list(10).at(-1)).toMatchObject({
    level: 'collection',
    mode: 'intention-exclusive',
  });
  await tx.put('3', 'own', { sublevel: orders });
  expect(await tx.keys({ sublevel: orders }).all()).toEqual(['1', '3']);
  await tx.commit();
  await blocked;
  expect(await orders.keys().all()).toEqual(['1', '2', '3']);
});

test('clear() of a transaction deletes the range, its own writes too, and at the commit alone', async () => {
  const db = await newPamina({ a: '0', b: '0', c: '0' });
  const tx = await db.begin();
  await tx.put('b2', 'own');
  await tx.clear({ gte: 'b', lt: 'c' });
  expect(await tx.keys().all()).toEqual(['a', 'c']);
  expect(await db.keys().all()).toEqual(['a', 'b', 'c']);
  await tx.commit();
  expect(await db.keys().all()).toEqual(['a', 'c']);
});

test('P12 a snapshot sees one state, waits for nobody, and the first to commit wins', async () => {
  const db = await newPamina({ x: '0', y: '0' });
  const holder = await db.begin();
  await holder.put('y', 'locked');
  const tx = await db.begin({ isolation: 'snapshot' });
  await db.put('x', '1');
  expect(await tx.get('x')).toBe('0');
  expect(await tx.getMany(['x', 'y'])).toEqual(['0', '0']);
  expect(await tx.iterator().all()).toEqual([
    ['x', '0'],
    ['y', '0'],
  ]);
  await tx.put('x', '2');
  expect(await tx.get('x')).toBe('2');
  expect(await tx.values().all()).toEqual(['2', '0']);
  await expect(tx.commit()).rejects.toMatchObject({ code: 'WRITE_CONFLICT', retryable: true });
  expect(await db.get('x')).toBe('1');
  await holder.rollback();
});

test('P12 also what was changed and changed back is a conflict, by a commit as by a single write', async () => {
  const db = await newPamina({ x: '0' });
  for (const write of [
    (value: string) => db.put('x', value),
    (value: string) => db.transaction((tx) => tx.put('x', value)),
    (value: string) => db.transaction((tx) => tx.put('x', value), { isolation: 'snapshot' }),
  ]) {
    const tx = await db.begin({ isolation: 'snapshot' });
    await write('1');
    await write('0');
    await tx.put('x', '2');
    expect(await codeOf(tx.commit())).toBe('WRITE_CONFLICT');
    const late = await db.begin({ isolation: 'snapshot' });
    await late.put('x', '0');
    await late.commit();
  }
});

test('P12 a shared read of a snapshot keeps a write skew away', async () => {
  const db = await newPamina({ x: '1', y: '1' });
  const options = { isolation: 'snapshot' } as const;
  const [a, b] = [await actor(db, options), await actor(db, options)];
  const takeOff = async (one: Actor, own: string, other: string): Promise<void> => {
    await one.do(async (tx) => void (await tx.get(other, { lockMode: 'shared' })));
    await one.do((tx) => tx.put(own, '0'));
    await one.commit();
  };
  await takeOff(a, 'x', 'y');
  await takeOff(b, 'y', 'x');
  const ends = [await a.end(), await b.end()];
  expect(ends.filter(Boolean)).toHaveLength(1);
});

test('P13 of too many commits a snapshot is told that it may have come second', () => {
  const recent = new RecentCommits(3);
  const holder = {};
  recent.open(holder, 10);
  recent.note(['a', 'b'], 11);
  recent.note(['a', 'c'], 12);
  expect(['a', 'b', 'c', 'd'].map((key) => recent.isChangedSince(key, 10))).toEqual([
    true,
    true,
    true,
    false,
  ]);
  recent.note(['d'], 13);
  // What came at 11 is forgotten: for whoever began before, anything may have been it.
  expect(recent.isChangedSince('e', 10)).toBe(true);
  expect(recent.isChangedSince('e', 11)).toBe(false);
  recent.close(holder);
  recent.open(holder, 20);
  expect(recent.isChangedSince('a', 20)).toBe(false);
});

test.each(['stableDocument', 'serializable', 'snapshot'] as const)(
  'P12 money is neither made nor lost by transfers at %s, and every transfer comes to an end',
  async (isolation) => {
    const accounts = Array.from({ length: 6 }, (_, at) => `account-${at}`);
    const db = await newPamina(Object.fromEntries(accounts.map((name) => [name, '100'])));
    let [seed, retries] = [7, 0];
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const transfer = async (): Promise<void> => {
      const [from, to] = [random(6), random(5)];
      const [source, target] = [`account-${from}`, `account-${(from + 1 + to) % 6}`];
      for (;;) {
        try {
          await db.transaction(
            async (tx) => {
              const balance = Number(await tx.get(source));
              const other = Number(await tx.get(target));
              await tx.put(source, `${balance - 1}`);
              await tx.put(target, `${other + 1}`);
            },
            { isolation },
          );
          return;
        } catch (error) {
          if (!isPaminaError(error) || !error.retryable) throw error;
          retries++;
        }
      }
    };
    const totals: number[] = [];
    const audit = async (): Promise<void> => {
      const seen = await db.transaction((tx) => tx.values().all(), { isolation: 'snapshot' });
      totals.push(seen.reduce((sum, value) => sum + Number(value), 0));
    };
    const worker = async (): Promise<void> => {
      for (let round = 0; round < 10; round++) await transfer();
      await audit();
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    await audit();
    expect(new Set(totals)).toEqual(new Set([600]));
    expect(retries).toBeGreaterThan(0);
    expect(db.database.transactions.isLocking).toBe(false);
  },
);

test('P12 increments of single writers and transactions are never lost', async () => {
  const db = await newPamina({ log: '' });
  // Single writes know no old value: each adds a key of its own, and touches what transactions count in.
  const counting = async (): Promise<void> => {
    await db.transaction(async (tx) => {
      const count = Number((await tx.get('count', { lockMode: 'protected' })) ?? '0');
      await tx.put('count', `${count + 1}`);
    });
  };
  const single = async (at: number): Promise<void> => {
    await db.batch([
      { type: 'put', key: `single-${at}`, value: '' },
      { type: 'put', key: 'log', value: `${at}` },
    ]);
  };
  await Promise.all(Array.from({ length: 100 }, (_, at) => (at % 2 ? single(at) : counting())));
  expect(await db.get('count')).toBe('50');
  expect(await db.keys({ gt: 'single-', lt: 'single.' }).all()).toHaveLength(50);
  expect(db.database.transactions.isLocking).toBe(false);
});
