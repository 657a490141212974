// What was acknowledged stays, and nobody is ahead of the database that it follows.

import type { Context, Violation } from './context.js';

/** An acknowledged commit is there after every crash, at the place that was given to it (P1). */
export function durability(context: Context): Violation[] {
  return [...keptRecords(context), ...keptCommits(context)];
}

/** A database that opens holds at least what it said to hold before. */
function keptRecords(context: Context): Violation[] {
  const violations: Violation[] = [];
  const promised = new Map<string, number>();
  for (const event of context.events) {
    switch (event.type) {
      case 'commit-acknowledged':
        raise(promised, event.database, event.seq ?? 0);
        break;
      case 'progress':
        raise(promised, event.database, event.durable);
        break;
      case 'created':
        // Laid out anew: what it held before is another database's.
        promised.delete(event.database);
        break;
      case 'opened': {
        const { database, point, index } = event;
        const least = promised.get(database) ?? 0;
        if (point.seq >= least) break;
        promised.set(database, point.seq);
        if (context.mayHaveLost(index, database)) break;
        const message = `${database} said to hold record ${least} and came back with ${point.seq}`;
        violations.push({ invariant: 'durability', message, index });
        break;
      }
      default:
    }
  }
  return violations;
}

function keptCommits(context: Context): Violation[] {
  const violations: Violation[] = [];
  const acknowledged = new Map<string, string>();
  for (const { commit, database, timelineId, seq, index } of context.of('commit-acknowledged')) {
    if (seq !== null) acknowledged.set(context.ledger.placeName(timelineId, seq), commit);
    else if (!context.ledger.has(commit) && isReadInTheEnd(context, database, index)) {
      const message = `commit ${commit} was acknowledged and is in no log`;
      violations.push({ invariant: 'durability', message, index });
    }
  }
  for (const { database, records, index } of context.of('log-read')) {
    if (context.mayHaveLost(index)) continue;
    for (const { commit, timelineId, seq } of records) {
      const expected = acknowledged.get(context.ledger.placeName(timelineId, seq));
      if (expected === undefined || expected === commit) continue;
      const message = `record ${seq} of ${database} was acknowledged as ${expected} and holds ${commit}`;
      violations.push({ invariant: 'durability', message, index });
    }
  }
  return violations;
}

/** Whether the log was read after `index`, before it was laid out anew, by a database whose disk never lied. */
function isReadInTheEnd(context: Context, database: string, index: number): boolean {
  if (context.mayHaveLost(Infinity)) return false;
  const isOwn = (event: { readonly database: string; readonly index: number }): boolean =>
    event.database === database && event.index > index;
  const madeAnew = context.of('created').find(isOwn)?.index ?? Infinity;
  const reads = context.of('log-read').filter(isOwn);
  return reads.some((read) => read.index < madeAnew && read.problem === null);
}

/** A replica never holds what its master could still lose. */
export function shipping(context: Context): Violation[] {
  const violations: Violation[] = [];
  const held = new Map<string, number>();
  const upstreams = new Map<string, string>();
  const anew = new Set<string>();
  for (const event of context.events) {
    if (event.type === 'promoted') return violations;
    if (event.type === 'progress') raise(held, event.database, event.durable);
    if (event.type === 'created') {
      held.delete(event.database);
      anew.add(event.database);
    }
    if (event.type !== 'opened') continue;
    const { database, follows = null, isReplica, point, index } = event;
    if (follows !== null) upstreams.set(database, follows);
    if (context.mayHaveLost(index, database)) continue;
    // One that was made anew from a backup is behind those that follow it, until it is as far as they are.
    const isLevel = [...held].every(
      ([one, seq]) => upstreams.get(one) !== database || seq <= point.seq,
    );
    if (isReplica && anew.has(database) && !isLevel) continue;
    anew.delete(database);
    for (const [replica, seq] of held) {
      // Of a replica those that follow it are held against it, of a master all.
      if (replica === database || seq <= point.seq) continue;
      if (isReplica && upstreams.get(replica) !== database) continue;
      const message = `${replica} holds record ${seq}, but ${database} came back with ${point.seq}`;
      violations.push({ invariant: 'shipping', message, index });
    }
  }
  return violations;
}

function raise(marks: Map<string, number>, name: string, seq: number): void {
  marks.set(name, Math.max(marks.get(name) ?? 0, seq));
}
