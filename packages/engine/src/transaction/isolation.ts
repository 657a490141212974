// What a read locks under the isolation levels and lock modes. Writes are the same everywhere but
// in snapshots: exclusive, until the end.
import type { Isolation, ReadLockMode } from '@pamina/format';
import type { LockMode } from '@pamina/lock';

export interface ReadPlan {
  /** Null: no lock, and no wait. */
  readonly mode: Extract<LockMode, 'shared' | 'exclusive'> | null;
  /** The end of the call, the next read of the same cursor, or the end of the transaction. */
  readonly until: 'call' | 'cursor' | 'end';
  /** A read of a range locks the collection, so that nothing can come into the range. */
  readonly locksRange: boolean;
}

const byLevel: Readonly<Record<Isolation, ReadPlan>> = {
  uncommittedDocument: { mode: null, until: 'call', locksRange: false },
  committedCommand: { mode: 'shared', until: 'call', locksRange: false },
  stableCursor: { mode: 'shared', until: 'cursor', locksRange: false },
  stableDocument: { mode: 'shared', until: 'end', locksRange: false },
  serializable: { mode: 'shared', until: 'end', locksRange: true },
  snapshot: { mode: null, until: 'call', locksRange: false },
};

export function readPlan(isolation: Isolation, lockMode: ReadLockMode | undefined): ReadPlan {
  if (lockMode === undefined) return byLevel[isolation];
  const locksRange = isolation === 'serializable';
  switch (lockMode) {
    case 'unprotected':
      return { mode: null, until: 'call', locksRange: false };
    case 'shared':
      return { mode: 'shared', until: 'end', locksRange };
    case 'protected':
      return { mode: 'exclusive', until: 'end', locksRange };
  }
}

/** Whether reads that ask for nothing else lock what they read, and so may wait for whoever changes it. */
export function readsLock(isolation: Isolation, lockMode: ReadLockMode | undefined): boolean {
  return readPlan(isolation, lockMode).mode !== null;
}
