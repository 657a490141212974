// Where a replica took the place of its master, two histories went on from one: that of the old master to its end,
// with what was lost with it, and that of the new one. Each is checked for itself.
import type { Position } from '@pamina/format';
import { isWrite, isWriter, type History, type Transaction } from './history.js';

export interface Branches {
  readonly old: History;
  /** What the new master goes on from, and what was done there. */
  readonly continued: History;
  /** Acknowledged, and behind the fork. */
  readonly lost: readonly Transaction[];
}

/** `at`: when the old master was gone. `fork`: the last record that both have. `found`: of those in the log. */
export function branchesOf(
  { transactions }: History,
  { at, fork, found }: { at: number; fork: number; found: ReadonlyMap<number, Position> },
): Branches {
  const old = transactions.filter((one) => one.beginInvokedAt < at);
  const lost = old.filter(
    ({ outcome, position }) => outcome === 'ok' && position !== null && position.seq > fork,
  );
  const kept = old.filter(isWriter).map((one): Transaction => {
    const position = one.position ?? found.get(one.id) ?? null;
    const isThere = one.outcome !== 'fail' && position !== null && position.seq <= fork;
    if (isThere) return { ...one, position };
    // Whoever reads it on the new master reads what is not there.
    const operations = one.operations.filter(isWrite);
    return { ...one, operations, outcome: 'fail', position: null };
  });
  const later = transactions.filter((one) => one.beginInvokedAt >= at);
  return { old: { transactions: old }, continued: { transactions: [...kept, ...later] }, lost };
}

/** Of commits of which nobody knows: those that stand in the log have a position, the others were not done. */
export function settled({ transactions }: History, found: ReadonlyMap<number, Position>): History {
  return {
    transactions: transactions.map((one) => {
      if (one.outcome !== 'unknown' || !isWriter(one)) return one;
      const position = found.get(one.id);
      return position === undefined ? { ...one, outcome: 'fail' } : { ...one, position };
    }),
  };
}
