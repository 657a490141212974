// Money moves between accounts on the master while it is counted on the replica: at each level that promises it the
// sum is always the same, and whoever is ended for the replay counts again.
import { isPaminaError, type Isolation } from '@pamina/format';
import { expect, test } from 'vitest';
import { queryPair, type QueryPair } from './query-pair.js';
import { there } from './workbench.js';

const accounts = Array.from({ length: 8 }, (_, at) => `account/${String(at).padStart(2, '0')}`);
const each = 100;
const transfers = 50;
const retried: ReadonlySet<string> = new Set([
  ...['DEADLOCK', 'DOCUMENT_LOCKED', 'LOCK_TIMEOUT', 'QUERY_CANCELLED', 'WRITE_CONFLICT'],
]);

/** Not random: a failure can be repeated. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

async function unlessRetried(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (isPaminaError(error) && retried.has(error.code)) return false;
    throw error;
  }
}

/** The next transfer begins when the replica has seen the one before: readers have a chance, on any machine. */
async function move(
  { master, replica }: QueryPair,
  writer: number,
  isOver: () => boolean,
): Promise<void> {
  const number = numbersFrom(writer);
  while (!isOver()) {
    const from = there(accounts[number(accounts.length)]);
    const to = there(accounts[number(accounts.length)]);
    if (from === to) continue;
    const isGivenUp = number(10) === 0;
    await unlessRetried(() =>
      master.transaction(async (tx) => {
        const options = { lockMode: 'protected' } as const;
        const [left, right] = [await tx.get(from, options), await tx.get(to, options)];
        await tx.put(from, String(Number(left) - 1));
        // Others have their turn, and lock data goes out.
        await new Promise(setImmediate);
        await tx.put(to, String(Number(right) + 1));
        if (isGivenUp) await tx.rollback();
      }),
    ).catch((error: unknown) => {
      if (!isPaminaError(error, 'TRANSACTION_OVER')) throw error;
    });
    const { seq } = master.database.durable();
    while (!isOver() && replica.database.applied().seq < seq) await new Promise(setImmediate);
  }
}

type Reading = 'a range' | 'one after the other' | 'two at once';

const promised: readonly (readonly [Isolation, Reading])[] = [
  ['serializable', 'a range'],
  ['serializable', 'one after the other'],
  ['stableDocument', 'one after the other'],
  ['snapshot', 'a range'],
  ['snapshot', 'one after the other'],
  ['committedCommand', 'two at once'],
];

async function sumOn({ replica }: QueryPair, isolation: Isolation, how: Reading): Promise<number> {
  const tx = await replica.begin({ isolation, lockTimeoutMs: 2000 });
  try {
    const range = { gte: 'account/', lt: 'account0' };
    if (how === 'a range') return sumOf(await tx.values(range).all());
    // What one call reads is of one state.
    if (how === 'two at once') return sumOf(await tx.getMany(accounts));
    const values: (string | undefined)[] = [];
    for (const account of accounts) {
      values.push(await tx.get(account));
      if (values.length % 4 === 0) await new Promise(setImmediate);
    }
    return sumOf(values);
  } finally {
    await tx.rollback();
  }
}

function sumOf(values: readonly (string | undefined)[]): number {
  return values.reduce((sum, value) => sum + Number(value), 0);
}

test(
  'P2 P12 P16 the sum of all accounts is the same on a replica that replays, at every level that promises it',
  { timeout: 150_000 },
  async () => {
    const pair = await queryPair(Object.fromEntries(accounts.map((name) => [name, `${each}`])));
    const { database } = pair.replica;
    await database.updateControl({ maxReplayWaitMs: 300 });
    const before = database.durable().seq;
    const ending = new AbortController();
    const over = (): boolean => ending.signal.aborted;
    const writers = [1, 2].map((writer) => move(pair, writer, over));
    const carrying = (async () => {
      while (!over()) {
        await pair.carry();
        // Readers have their turn.
        await new Promise(setImmediate);
      }
    })();
    const counted = new Map<string, number>();
    const readers = promised.map(async ([isolation, how]) => {
      while (!over()) {
        const isCounted = await unlessRetried(async () => {
          expect(await sumOn(pair, isolation, how), `${isolation}, ${how}`).toBe(
            each * accounts.length,
          );
        });
        const name = `${isolation}, ${how}`;
        if (isCounted) counted.set(name, (counted.get(name) ?? 0) + 1);
        await new Promise(setImmediate);
      }
    });
    const enough = (): boolean =>
      database.applied().seq > before + transfers &&
      promised.every(([isolation, how]) => (counted.get(`${isolation}, ${how}`) ?? 0) >= 3);
    const deadline = performance.now() + 130_000;
    while (!enough() && performance.now() < deadline) await new Promise(setImmediate);
    ending.abort();
    await Promise.all([...writers, carrying, ...readers]);
    expect(Object.fromEntries(counted)).toEqual(
      Object.fromEntries(promised.map((one) => [one.join(', '), expect.any(Number)])),
    );
    await pair.catchUp();
    expect(await sumOn(pair, 'serializable', 'a range')).toBe(each * accounts.length);
    const left = await database.transactions.listAll(100);
    expect(left).toEqual([]);
    expect(there(database.queries).conflicts.waits).toBeGreaterThan(0);
  },
);
