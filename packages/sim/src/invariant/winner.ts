// Of several failovers of one database one wins, however they meet: whoever was promoted last has the name, and
// nobody else acknowledges anything from then on (P11). The network is whole meanwhile, so nobody is cut off.

import type { Recorded } from '../history.js';
import type { Context, Violation } from './context.js';

export function winner(context: Context): Violation[] {
  const violations: Violation[] = [];
  for (const begun of context.of('failovers-begun')) {
    const ended = context.of('failovers-ended').find(({ index }) => index > begun.index);
    const to = ended?.index ?? Infinity;
    const isWithin = ({ index }: Recorded): boolean => index > begun.index && index < to;
    const promoted = context.of('promoted').filter(isWithin);
    for (const { commit, database, index } of context.of('commit-acknowledged')) {
      if (index < begun.index || index > to) continue;
      const last = promoted.findLast((event) => event.index < index);
      if (last === undefined || last.database === database) continue;
      const message = `${database} acknowledged ${commit}, and ${last.database} has the name ${begun.of}`;
      violations.push({ invariant: 'winner', message, index });
    }
    if (ended !== undefined) violations.push(...atEnd(ended, promoted.at(-1)?.database ?? null));
  }
  return violations.filter(({ index }) => !context.isExcused(index));
}

function atEnd(
  { index, of, outcomes, wasInterrupted, writers }: Extract<Recorded, { type: 'failovers-ended' }>,
  promoted: string | null,
): Violation[] {
  const violations: Violation[] = [];
  const say = (message: string): void => {
    violations.push({ invariant: 'winner', message, index });
  };
  if (writers.length !== 1) {
    say(`${writers.length} databases write as ${of} in the end: ${writers.join(', ')}`);
  }
  if (promoted !== null && !writers.includes(promoted)) {
    say(`${promoted} was promoted last, and ${writers.join(', ') || 'nobody'} writes as ${of}`);
  }
  const isOneDone = outcomes.some((outcome) => outcome.startsWith('done'));
  if (!isOneDone && !wasInterrupted)
    say(`no failover of ${of} came to its end: ${outcomes.join('; ')}`);
  return violations;
}
