// One database writes at a time, and one after the other: who is fenced acknowledges nothing, each timeline has
// one beginning, and what an old master had alone is counted when it becomes a replica (P11).

import type { Timeline } from '@pamina/format';
import type { Recorded } from '../history.js';
import type { Context, Violation } from './context.js';

type Fenced = Extract<Recorded, { type: 'fenced' }>;

/** From its fence on a database acknowledges nothing and writes nothing, however often it is opened. */
export function fence(context: Context): Violation[] {
  const violations: Violation[] = [];
  for (const fenced of context.of('fenced')) {
    const { database, seq, timelineId } = fenced;
    const end = endOfFence(context, fenced);
    const isBehind = (event: { readonly database: string; readonly index: number }): boolean =>
      event.database === database && event.index > fenced.index && event.index < end;
    for (const { commit, index } of context.of('commit-acknowledged').filter(isBehind)) {
      const message = `${database} acknowledged ${commit} behind its fence`;
      violations.push({ invariant: 'fence', message, index });
    }
    for (const { index, records } of context.of('log-read').filter(isBehind)) {
      const written = records.find((one) => one.timelineId === timelineId && one.seq > seq);
      if (written === undefined || context.mayHaveLost(index, database)) continue;
      const message = `${database} was fenced at record ${seq} and wrote ${written.seq}`;
      violations.push({ invariant: 'fence', message, index });
    }
    violations.push(...shippedRest(context, fenced));
  }
  return [...violations, ...unheard(context)];
}

/** What was proved to a process that goes on running is heeded within this time. */
const heedMs = 5_000;

/** To whom a replica has proved that its name is taken, that database has a fence soon. */
function unheard(context: Context): Violation[] {
  const violations: Violation[] = [];
  for (const { at, code, database, index } of context.of('follower')) {
    if (code !== 'FENCED') continue;
    const isSoon = (event: Recorded): boolean => event.index > index && event.at <= at + heedMs;
    const isFenced = context
      .of('fenced')
      .some((event) => event.takenOver && event.at <= at + heedMs);
    // What it was shown is forgotten with its process.
    if (isFenced || context.of('crashed').some(isSoon)) continue;
    const message = `${database} proved that the name of its master is taken, and that one goes on`;
    violations.push({ invariant: 'fence', message, index });
  }
  return violations;
}

/** Where it is a database of its own no more. */
function endOfFence(context: Context, { database, index }: Fenced): number {
  const isEnd = (event: { readonly database: string; readonly index: number }): boolean =>
    event.database === database && event.index > index;
  const created = context.of('created').find(isEnd)?.index ?? Infinity;
  const rejoined = context.of('rejoined').find(isEnd)?.index ?? Infinity;
  const unfenced = context.of('unfenced').find(isEnd)?.index ?? Infinity;
  return Math.min(created, rejoined, unfenced);
}

/** Who stops before another takes over has shipped all that it acknowledged. */
function shippedRest(context: Context, { database, index, seq, takenOver }: Fenced): Violation[] {
  const promoted = context.of('promoted').find((event) => event.index > index);
  if (takenOver || promoted === undefined || promoted.seq >= seq) return [];
  if (context.isExcused(promoted.index)) return [];
  // One that went down behind its fence cannot send the rest.
  const isDown = (event: Recorded): boolean =>
    event.type === 'crashed' && event.database === database;
  if (context.events.slice(index, promoted.index).some(isDown)) return [];
  const message = `${database} stopped at record ${seq}, and ${promoted.database} took over with ${promoted.seq}`;
  return [{ invariant: 'fence', message, index: promoted.index }];
}

/** One timeline begins once, in one place; whoever begins one writes on no other from then on. */
export function timelines(context: Context): Violation[] {
  const violations: Violation[] = [];
  const known = new Map<string, string>();
  const say = (message: string, index: number): void => {
    violations.push({ invariant: 'timelines', message, index });
  };
  for (const event of context.events) {
    if (!('timelines' in event)) continue;
    const { database, index, type } = event;
    const last = event.timelines.at(-1);
    if (type === 'promoted' && last !== undefined) {
      if (known.has(last.id)) say(`${database} begins timeline ${last.id}, which is there`, index);
      const isHigher = event.timelines.slice(0, -1).every((one) => one.timeline < last.timeline);
      if (!isHigher) say(`${database} begins timeline ${last.timeline} behind a higher one`, index);
    }
    for (const timeline of event.timelines) {
      const text = textOf(timeline);
      const before = known.get(timeline.id) ?? text;
      known.set(timeline.id, before);
      if (before !== text) say(`${database} has ${text}, which others know as ${before}`, index);
    }
  }
  return [...violations, ...strayRecords(context)];
}

/** Behind the record with which it began a timeline a database has records of that one alone. */
function strayRecords(context: Context): Violation[] {
  const violations: Violation[] = [];
  for (const { database, index: from, timelines: history } of context.of('promoted')) {
    const own = history.at(-1);
    if (own === undefined) continue;
    for (const { database: reader, index, records } of context.of('log-read')) {
      if (reader !== database || index < from) continue;
      const stray = records.find((one) => one.seq > own.atSeq && one.timelineId !== own.id);
      if (stray === undefined) continue;
      const message = `record ${stray.seq} of ${database} is on timeline ${stray.timelineId}, not on its own`;
      violations.push({ invariant: 'timelines', message, index });
    }
  }
  return violations;
}

function textOf({ atSeq, forkedFrom, id, timeline, why }: Timeline): string {
  return `${timeline} (${id}) from ${forkedFrom ?? 'nothing'} at ${atSeq}: ${why}`;
}

/** What an old master acknowledged, and who took its place has not, is counted as lost when it rejoins. */
export function rejoin(context: Context): Violation[] {
  const violations: Violation[] = [];
  for (const { database, index, lost, way } of context.of('rejoined')) {
    const promoted = context.of('promoted').findLast((event) => event.index < index);
    if (promoted === undefined || context.isExcused(index)) continue;
    const forkSeq = promoted.seq;
    const counted = new Set(lost);
    // What a backup alone has still, since log was given up for the replica, nobody counts.
    const read = context
      .of('log-read')
      .findLast((event) => event.database === database && event.index < index);
    const firstSeq = read?.records[0]?.seq ?? 0;
    const ofIt = context.of('commit-acknowledged').filter((event) => event.database === database);
    for (const { commit, index: at, seq } of ofIt) {
      if (at > index || seq === null || counted.has(commit)) continue;
      if (seq <= forkSeq || seq < firstSeq) continue;
      const message = `${database} acknowledged ${commit} as record ${seq}, which nobody has behind ${forkSeq}`;
      violations.push({ invariant: 'rejoin', message, index });
    }
    if (way === 'recreated' || lost.length === 0) continue;
    const message = `${database} follows with ${lost.length} commits that nobody else has`;
    violations.push({ invariant: 'rejoin', message, index });
  }
  return violations;
}
