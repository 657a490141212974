// What each isolation level promises to a read, and so which anomalies it forbids. docs/transactions.md of the
// engine says it in words, its table of anomalies is held against this.
import type { Isolation, ReadLockMode } from '@pamina/format';

/**
 * What keeps others from changing what was read. `none`: nothing; `cursor`: until the next read of the
 * transaction; `end`: until its end; `snapshot`: they may, and it does not see it, but it cannot write it any more.
 */
export type Hold = 'none' | 'cursor' | 'end' | 'snapshot';

interface Promised {
  readonly point: Hold;
  /** Of what was found in a range. */
  readonly found: Hold;
  /** Of what was not there in a range. */
  readonly absent: Hold;
}

const byLevel: Readonly<Record<Isolation, Promised>> = {
  uncommittedDocument: { point: 'none', found: 'none', absent: 'none' },
  committedCommand: { point: 'none', found: 'none', absent: 'none' },
  // The cursor of a range has moved on from all of it when the range was read.
  stableCursor: { point: 'cursor', found: 'none', absent: 'none' },
  stableDocument: { point: 'end', found: 'end', absent: 'none' },
  serializable: { point: 'end', found: 'end', absent: 'end' },
  snapshot: { point: 'snapshot', found: 'snapshot', absent: 'snapshot' },
};

export function promisedTo(isolation: Isolation, lockMode: ReadLockMode | undefined): Promised {
  const base = byLevel[isolation];
  if (lockMode === undefined) return base;
  const unlocked = isolation === 'snapshot' ? 'snapshot' : 'none';
  if (lockMode === 'unprotected') return { point: unlocked, found: unlocked, absent: unlocked };
  return { point: 'end', found: 'end', absent: isolation === 'serializable' ? 'end' : unlocked };
}
