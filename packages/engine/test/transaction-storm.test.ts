// Transactions in numbers: many that wait for each other crosswise, and as many open as nobody has.
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isPaminaError } from '@pamina/format';
import { expect, test } from 'vitest';
import { Pamina } from '../src/pamina.js';
import type { PaminaTransaction } from '../src/transaction/pamina-transaction.js';
import { cleanUp, env, temporaryFolder } from './workbench.js';

const accounts = 6;
const balance = 100;

async function newBank(): Promise<Pamina> {
  const db = new Pamina(join(await temporaryFolder(), 'bank'), { env });
  cleanUp(() => db.close());
  const puts = Array.from({ length: accounts }, (_, at) => ({
    type: 'put' as const,
    key: `account/${at}`,
    value: `${balance}`,
  }));
  await db.batch(puts);
  return db;
}

/** In an order of its own each: by number, so that a run is like the last one. */
async function moveAround(
  tx: PaminaTransaction,
  number: number,
  isUpgrade: boolean,
): Promise<void> {
  const first = number % accounts;
  const step = 1 + (number % (accounts - 1));
  const keys = [first, (first + step) % accounts].map((at) => `account/${at}`);
  const lockMode = isUpgrade ? 'shared' : 'protected';
  const values: number[] = [];
  for (const key of keys) values.push(Number(await tx.get(key, { lockMode })));
  const [from = '', to = ''] = keys;
  await tx.put(from, `${(values[0] ?? 0) - 1}`);
  await tx.put(to, `${(values[1] ?? 0) + 1}`);
}

async function totalOf(db: Pamina): Promise<number> {
  const values = await db.values({ gte: 'account/', lt: 'account0' }).all();
  return values.reduce((sum, value) => sum + Number(value), 0);
}

test.each([
  ['exclusively', false],
  ['shared, to be upgraded', true],
])(
  'P12 P13 in a storm of transactions that lock %s each ends, no money is lost, and nothing is left locked',
  async (_how, isUpgrade) => {
    const db = await newBank();
    const ends = new Map<string, number>();
    const storm = Array.from({ length: 400 }, async (_, number) => {
      let end = 'committed';
      try {
        await db.transaction((tx) => moveAround(tx, number, isUpgrade), { lockTimeoutMs: 60_000 });
      } catch (error) {
        if (!isPaminaError(error)) throw error;
        end = error.code;
      }
      ends.set(end, (ends.get(end) ?? 0) + 1);
    });
    await Promise.all(storm);
    expect([...ends.keys()].sort()).toEqual(['DEADLOCK', 'committed']);
    expect(await totalOf(db)).toBe(accounts * balance);
    expect(db.locks()).toEqual([]);
    expect(db.database.transactions.isLocking).toBe(false);
  },
);

test('P13 victims of deadlocks that run again all commit in the end', async () => {
  const db = await newBank();
  const storm = Array.from({ length: 60 }, async (_, number) => {
    for (;;) {
      try {
        return await db.transaction((tx) => moveAround(tx, number, false));
      } catch (error) {
        if (!isPaminaError(error) || error.code !== 'DEADLOCK') throw error;
      }
    }
  });
  await Promise.all(storm);
  expect(await totalOf(db)).toBe(accounts * balance);
  expect(db.database.transactions.isLocking).toBe(false);
});

const openMax = 10_000;
/** What one that is open may cost, with a lock and a write: more would be 100 MiB for all. */
const bytesOfOneMax = 10 * 1024;

/** What is alive, behind a collection of all that is not. */
function liveBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

test('P13 10,000 transactions are open at once, each with a lock, and all commit', async () => {
  const db = await newBank();
  const before = liveBytes();
  const open = await Promise.all(Array.from({ length: openMax }, () => db.begin()));
  await Promise.all(open.map((tx, at) => tx.put(`document/${at}`, `${at}`)));
  expect(db.database.transactions.size).toBe(openMax);
  expect((liveBytes() - before) / openMax).toBeLessThan(bytesOfOneMax);
  await Promise.all(open.map((tx) => tx.commit()));
  const keys = await db.keys({ gte: 'document/', lt: 'document0' }).all();
  expect(keys).toHaveLength(openMax);
  expect(new Set(open.map(({ position }) => position)).size).toBe(openMax);
  expect(db.database.transactions.isLocking).toBe(false);
  expect(db.locks()).toEqual([]);
});
