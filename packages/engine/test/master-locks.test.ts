// What a replica reads off the lock data of its master, record by record (DESIGN §7).
import { RecordKind, encodeLockBody, type LockBody, type LocksBody } from '@pamina/format';
import { expect, test } from 'vitest';
import { MasterLocks, noChanges, type LockChanges } from '../src/master-locks.js';

const bytesOf = (text: string): Uint8Array => Buffer.from(text);
const held = (transaction: number, ...documents: string[]): LockBody => ({
  transaction,
  documents: documents.map(bytesOf),
});

function lock(locks: MasterLocks, body: LockBody, changes = noChanges()): LockChanges {
  locks.record(RecordKind.lock, encodeLockBody(RecordKind.lock, body), changes);
  return changes;
}

function list(locks: MasterLocks, body: LocksBody, changes = noChanges()): LockChanges {
  locks.record(RecordKind.locks, encodeLockBody(RecordKind.locks, body), changes);
  return changes;
}

test('P12 a list that says again what is held takes no more room', () => {
  const locks = new MasterLocks();
  locks.begin();
  lock(locks, held(1, 'a', 'b'));
  for (let segment = 0; segment < 5; segment++) {
    list(locks, { held: [held(1, 'a')], more: true });
    list(locks, { held: [held(1, 'b')] });
  }
  expect(locks.held.get(1)).toHaveLength(2);
});

test('P12 a list that was cut off says nothing of what is held behind the next beginning', () => {
  const locks = new MasterLocks();
  locks.begin();
  list(locks, { held: [held(1, 'a')], more: true });
  // The next session.
  locks.record(RecordKind.session, new Uint8Array(), noChanges());
  lock(locks, held(1, 'b'));
  const changes = list(locks, { held: [held(2, 'c')] });
  expect([...changes.ended]).toEqual([1]);
  expect([...locks.held.keys()]).toEqual([2]);
});

test('P12 in the middle of the list that it begins with a segment does not say yet what is held', () => {
  const locks = new MasterLocks();
  locks.begin();
  list(locks, { held: [held(1, 'a')], more: true });
  expect(locks.isKnown).toBe(false);
  list(locks, { held: [held(2, 'b')] });
  expect(locks.isKnown).toBe(true);
});
