// The state hash of a database and what it was compared with.
import type { HashComparison, HashReport } from '@pamina/wire';
import { fields } from './table.js';
import { printable } from './units.js';

export function hashText(report: HashReport): string {
  return fields([
    ['position', report.position],
    ['state hash', report.stateHash],
    ['of', report.recovered ? 'a scratch copy recovered to this position' : 'the database'],
    ...report.comparedWith.map((comparison) => ['compared', comparisonText(comparison)] as const),
    ['verdict', verdict(report)],
  ]);
}

function comparisonText(comparison: HashComparison): string {
  const what =
    comparison.with === 'recovered'
      ? `backup ${printable(comparison.backup)} recovered to this position`
      : `hash recorded by backup ${printable(comparison.backup)}`;
  return comparison.equal ? `${what}: equal` : `${what}: DIFFERENT (${comparison.stateHash})`;
}

function verdict(report: HashReport): string {
  if (report.verified === null) return 'not verified: nothing to compare with';
  return report.verified ? 'verified' : 'DAMAGED: the state is not what the log and backup say';
}
