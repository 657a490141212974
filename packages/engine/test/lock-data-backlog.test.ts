// Lock data that does not fit into the backlog of the log.
import { PaminaError, RecordKind, decodeLockBody } from '@pamina/format';
import { LockManager, type LockOwner } from '@pamina/lock';
import type { OpeningRecord } from '@pamina/log';
import { expect, test } from 'vitest';
import { LockData } from '../src/transaction/lock-data.js';
import { documentPath } from '../src/transaction/lock-path.js';
import { HandClock } from './hand-clock.js';

class Log {
  readonly lockData = true;
  readonly records: string[] = [];
  isFull = false;

  appendLockData({ kind, body }: OpeningRecord): Promise<void> {
    if (this.isFull) throw new PaminaError('BACKLOG_FULL', 'full');
    if (kind !== RecordKind.lock && kind !== RecordKind.abort) throw new Error(String(kind));
    const { transaction } = decodeLockBody(kind, body);
    this.records.push(`${kind === RecordKind.lock ? 'lock' : 'abort'} ${transaction}`);
    return Promise.resolve();
  }
}

class SoonClock extends HandClock {
  soon(task: () => void): void {
    task();
  }
}

function begin(): { log: Log; clock: SoonClock; lockData: LockData; lock: () => LockOwner } {
  const [log, clock] = [new Log(), new SoonClock()];
  const lockData = new LockData(clock.clock, () => log);
  const limits = { transactionsMax: 9, locksPerTransactionMax: 9, locksMax: 9 };
  const locks = new LockManager(clock.clock, limits, () => undefined);
  const lock = (): LockOwner => {
    const owner = locks.begin();
    const path = documentPath(`uk${owner.id}`);
    expect(locks.lock(owner, path, 'exclusive', { timeoutMs: 1 })).toBeNull();
    lockData.locked(owner, path.at(-1)!);
    return owner;
  };
  return { log, clock, lockData, lock };
}

test('P12 a rollback that the full backlog had no room for is told once there is, though nobody locks any more', () => {
  const { log, clock, lockData, lock } = begin();
  const owner = lock();
  log.isFull = true;
  lockData.rolledBack(owner);
  clock.pass(10_000);
  expect(log.records).toEqual(['lock 1']);
  log.isFull = false;
  clock.pass(10_000);
  expect(log.records).toEqual(['lock 1', 'abort 1']);
  expect(clock.waiting).toBe(0);
});

test('P12 a lock that the full backlog had no room for is told once there is, and counted once', () => {
  const { log, clock, lockData, lock } = begin();
  log.isFull = true;
  lock();
  clock.pass(10_000);
  expect(lockData.amount.records).toBe(0);
  log.isFull = false;
  clock.pass(10_000);
  expect(log.records).toEqual(['lock 1']);
  expect(lockData.amount.records).toBe(1);
  expect(clock.waiting).toBe(0);
});
