// Promises, signals and the timer around the table.
import type { Clock } from '@pamina/env';
import { PaminaError } from '@pamina/format';
import { expect, test } from 'vitest';
import { LockManager } from '../src/lock-manager.js';
import type { LockPath } from '../src/lock-table.js';

const limits = { transactionsMax: 10, locksPerTransactionMax: 10, locksMax: 20 };

/** A clock that only the test moves. */
class HandClock {
  now = 0;
  timers: { readonly at: number; readonly task: () => void }[] = [];
  readonly clock = {
    monotonic: () => this.now,
    after: (ms: number, task: () => void) => {
      const timer = { at: this.now + ms, task };
      this.timers.push(timer);
      return () => (this.timers = this.timers.filter((one) => one !== timer));
    },
  } as unknown as Clock;

  pass(ms: number): void {
    this.now += ms;
    const due = this.timers.filter(({ at }) => at <= this.now);
    this.timers = this.timers.filter(({ at }) => at > this.now);
    for (const { task } of due) task();
  }
}

function bench() {
  const hand = new HandClock();
  const ended: string[] = [];
  const locks = new LockManager(hand.clock, limits, (owner, error) =>
    ended.push(`${owner.id} ${error.code}`),
  );
  return { hand, ended, locks };
}

function pathOf(key: string): LockPath {
  return [
    { level: 'database', name: '' },
    { level: 'collection', name: 'c' },
    { level: 'document', name: key },
  ];
}

async function codeOf(task: Promise<unknown> | null): Promise<string> {
  try {
    await task;
  } catch (error) {
    return error instanceof PaminaError ? error.code : String(error);
  }
  return 'no error';
}

const options = { timeoutMs: 1000 };

test('a free path is locked at once, by intention above the document', () => {
  const { locks } = bench();
  const owner = locks.begin();
  expect(locks.lock(owner, pathOf('k'), 'exclusive', options)).toBeNull();
  expect(locks.list(10).map(({ level, mode }) => `${level} ${mode}`)).toEqual([
    'database intention-exclusive',
    'collection intention-exclusive',
    'document exclusive',
  ]);
  expect(locks.list(1)).toHaveLength(1);
});

test('a lock on a collection waits for those on its documents, and goes on down the path', async () => {
  const { locks } = bench();
  const [writer, reader] = [locks.begin(), locks.begin()];
  void locks.lock(writer, pathOf('k'), 'exclusive', options);
  const collection = locks.lock(reader, pathOf('k').slice(0, 2), 'shared', options);
  expect(collection).not.toBeNull();
  locks.end(writer, null);
  await collection;
  // Now a document of it needs no lock of its own.
  expect(locks.lock(reader, pathOf('k'), 'shared', options)).toBeNull();
  expect(locks.list(10)).toHaveLength(2);
});

test('a wait ends with LOCK_TIMEOUT, and says who holds the lock', async () => {
  const { locks, hand } = bench();
  const [a, b] = [locks.begin(), locks.begin()];
  void locks.lock(a, pathOf('k'), 'exclusive', options);
  const waiting = locks.lock(b, pathOf('k'), 'shared', options)!;
  hand.pass(1000);
  await expect(waiting).rejects.toMatchObject({ code: 'LOCK_TIMEOUT', context: { holders: [1] } });
  expect(hand.timers).toHaveLength(0);
});

test('a signal ends a wait with its reason and leaves the rest as it is', async () => {
  const { locks } = bench();
  const [a, b] = [locks.begin(), locks.begin()];
  void locks.lock(a, pathOf('k'), 'exclusive', options);
  const control = new AbortController();
  const waiting = locks.lock(b, pathOf('k'), 'shared', { ...options, signal: control.signal });
  control.abort(new Error('enough'));
  expect(await codeOf(waiting)).toBe('Error: enough');
  const aborted = AbortSignal.abort(new Error('before'));
  const again = locks.lock(b, pathOf('k'), 'shared', { ...options, signal: aborted });
  expect(await codeOf(again)).toBe('Error: before');
  locks.end(a, null);
  expect(locks.lock(b, pathOf('k'), 'shared', options)).toBeNull();
});

test('who is ended hears it wherever he waits, and the owner is told', async () => {
  const { locks, hand, ended } = bench();
  const holder = locks.begin();
  const short = locks.begin({ timeoutMs: 500 });
  void locks.lock(holder, pathOf('k'), 'exclusive', options);
  const waiting = locks.lock(short, pathOf('k'), 'shared', options);
  hand.pass(500);
  expect(await codeOf(waiting)).toBe('TRANSACTION_TIMEOUT');
  const other = locks.begin();
  const closed = locks.lock(other, pathOf('k'), 'shared', options);
  locks.end(other, new PaminaError('DATABASE_CLOSED', 'closed'));
  expect(await codeOf(closed)).toBe('DATABASE_CLOSED');
  expect(ended).toEqual(['2 TRANSACTION_TIMEOUT']);
  locks.end(holder, null);
  expect([locks.size, hand.timers.length]).toEqual([0, 0]);
});

test('a deadlock over several levels ends the youngest', async () => {
  const { locks, ended } = bench();
  const [a, b] = [locks.begin(), locks.begin()];
  const collection = pathOf('k').slice(0, 2);
  void locks.lock(a, collection, 'shared', options);
  void locks.lock(b, collection, 'shared', options);
  const first = locks.lock(a, pathOf('1'), 'exclusive', options);
  const second = locks.lock(b, pathOf('2'), 'exclusive', options);
  expect(await codeOf(second)).toBe('DEADLOCK');
  expect(await codeOf(first)).toBe('no error');
  expect(ended).toEqual(['2 DEADLOCK']);
});
