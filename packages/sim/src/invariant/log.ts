// The log files, read without the code under test: whole, in order, nothing twice, nothing rejected.

import type { LoggedRecord, Write } from '../history.js';
import type { Context, Violation } from './context.js';

/** Numbers without a gap, each record continuing the chain and the time of the one before. */
export function gap(context: Context): Violation[] {
  const violations: Violation[] = [];
  for (const { database, records, problem, index } of context.of('log-read')) {
    const say = (message: string): void => {
      violations.push({ invariant: 'gap', message: `the log of ${database}: ${message}`, index });
    };
    if (problem !== null && !context.isExcused(index, database)) say(problem);
    let before: LoggedRecord | null = null;
    for (const record of records) {
      if (before !== null) {
        if (record.seq !== before.seq + 1) say(`record ${record.seq} follows ${before.seq}`);
        else if (record.chainBefore !== before.chain) say(`the chain breaks before ${record.seq}`);
        if (record.time < before.time) say(`the time of record ${record.seq} goes back`);
      }
      before = record;
    }
  }
  return violations;
}

/** A commit stands in the log whole, once, and as it was asked for. */
export function atomicity(context: Context): Violation[] {
  const violations: Violation[] = [];
  const places = new Map<string, string>();
  for (const { database, records, index } of context.of('log-read')) {
    for (const { commit, writes, timelineId, seq } of records) {
      if (commit === null) {
        if (writes.length === 0) continue;
        const message = `${database} has writes at record ${seq} that nobody asked for`;
        violations.push({ invariant: 'atomicity', message, index });
        continue;
      }
      const asked = context.ledger.writesOf.get(commit) ?? [];
      if (!isSame(asked, writes)) {
        const message = `commit ${commit} has ${writes.length} of ${asked.length} writes, or others, at record ${seq} of ${database}`;
        violations.push({ invariant: 'atomicity', message, index });
      }
      const place = context.ledger.placeName(timelineId, seq);
      const other = places.get(commit) ?? place;
      places.set(commit, place);
      if (other === place || context.mayHaveLost(index)) continue;
      const message = `commit ${commit} stands at ${other} and at ${place}`;
      violations.push({ invariant: 'atomicity', message, index });
    }
  }
  return violations;
}

function isSame(asked: readonly Write[], found: readonly Write[]): boolean {
  return (
    asked.length === found.length &&
    asked.every(({ key, value }, at) => key === found[at]?.key && value === found[at]?.value)
  );
}

/** Commits of one writer stand in the order in which it made them. */
export function order(context: Context): Violation[] {
  const violations: Violation[] = [];
  const turns = new Map<string, { writer: string; turn: number }>();
  for (const { commit, writer, index } of context.of('commit-invoked')) {
    turns.set(commit, { writer, turn: index });
  }
  for (const { database, records, index } of context.of('log-read')) {
    const last = new Map<string, number>();
    for (const { commit, seq } of records) {
      const made = commit === null ? undefined : turns.get(commit);
      if (made === undefined) continue;
      if (made.turn < (last.get(made.writer) ?? -1)) {
        const message = `record ${seq} of ${database} holds an earlier commit of ${made.writer} than one before it`;
        violations.push({ invariant: 'order', message, index });
      }
      last.set(made.writer, made.turn);
    }
  }
  return violations;
}

/** What was rejected is nowhere: not in a log, not in a state, not in an answer. */
export function rejection(context: Context): Violation[] {
  const violations: Violation[] = [];
  const rejected = new Map<string, string>();
  for (const { commit, code } of context.of('commit-rejected')) rejected.set(commit, code);
  if (rejected.size === 0) return violations;
  const writtenBy = new Map<string, string>();
  for (const commit of rejected.keys()) {
    for (const { value } of context.ledger.writesOf.get(commit) ?? []) {
      if (value !== null) writtenBy.set(value, commit);
    }
  }
  const find = (commit: string, where: string, index: number): void => {
    const message = `commit ${commit} was rejected (${rejected.get(commit)}) and is in ${where}`;
    violations.push({ invariant: 'rejection', message, index });
  };
  for (const { database, records, index } of context.of('log-read')) {
    for (const { commit, seq } of records) {
      if (commit !== null && rejected.has(commit))
        find(commit, `${database}'s log at ${seq}`, index);
    }
  }
  for (const event of [...context.of('state'), ...context.of('read-answered')]) {
    const values = event.type === 'state' ? event.state : event.found;
    for (const value of values.values()) {
      const commit = value === null ? undefined : writtenBy.get(value);
      if (commit !== undefined) find(commit, `what ${event.database} gives`, event.index);
    }
  }
  return violations;
}
