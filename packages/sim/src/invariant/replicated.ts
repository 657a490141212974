// What replicas confirmed is there when the most advanced of them takes the place of a master that is lost.

import type { Context, Violation } from './context.js';

export function replicated(context: Context): Violation[] {
  const violations: Violation[] = [];
  for (const { among, database, index, seq, timelines } of context.of('promoted')) {
    // A replica that is not there, or was made anew, may have been the one that confirmed.
    if (context.isExcused(index) || !areAllThere(context, among, index)) continue;
    const timelineId = timelines.at(-1)?.id ?? '';
    for (const commit of context.of('commit-acknowledged')) {
      if (commit.replicas === undefined || commit.seq === null || commit.index > index) continue;
      if (wasMadeAnew(context, commit.index, index)) continue;
      const { ledger } = context;
      const isThere =
        commit.seq <= seq && ledger.timelineOf(timelineId, commit.seq) === commit.timelineId;
      if (isThere) continue;
      const message = `commit ${commit.commit} was confirmed as record ${commit.seq}, and ${database} was promoted with ${seq}`;
      violations.push({ invariant: 'replicated', message, index });
    }
  }
  return violations;
}

function areAllThere(context: Context, among: readonly string[], index: number): boolean {
  return context
    .of('opened')
    .every((event) => !event.isReplica || event.index > index || among.includes(event.database));
}

function wasMadeAnew(context: Context, from: number, to: number): boolean {
  return context.of('created').some((event) => event.index > from && event.index < to);
}
