// The lock table as a list: who holds what, and who waits for what.
import type { LockMode } from './modes.js';
import type { LockOwner } from './owner.js';
import type { LockName } from './resource.js';

export interface LockEntry extends LockName {
  readonly transaction: number;
  readonly mode: LockMode;
  /** `master`: the transaction is one of the master, and bears its number there. */
  readonly origin: 'here' | 'master';
  /** Null: it is held. */
  readonly waitingMs: number | null;
}

export function* entriesOf(
  owners: Iterable<LockOwner>,
  origin: LockEntry['origin'],
  nowMs: number,
): Generator<LockEntry, void> {
  for (const { id, locks, wait } of owners) {
    for (const [{ level, name }, mode] of locks) {
      yield { transaction: id, origin, level, name, mode, waitingMs: null };
    }
    if (wait === null) continue;
    const { level, name } = wait.resource;
    const waitingMs = nowMs - wait.sinceMs;
    yield { transaction: id, origin, level, name, mode: wait.mode, waitingMs };
  }
}
