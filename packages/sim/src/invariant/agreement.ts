// Two databases at one place of one history are equal: in state, in chain, in the bytes of their logs.

import type { Point, Recorded } from '../history.js';
import { difference } from '../ledger.js';
import type { Context, Violation } from './context.js';

/** Equal state at equal position, however each database came there. */
export function agreement(context: Context): Violation[] {
  const violations: Violation[] = [];
  const first = new Map<string, Extract<Recorded, { type: 'state' }>>();
  for (const event of context.of('state')) {
    const { database, point, state, stateHash, index } = event;
    const name = `${context.ledger.placeName(point.timelineId, point.seq)}/${point.chain}`;
    const other = first.get(name);
    if (other === undefined) {
      first.set(name, event);
      continue;
    }
    const differs = difference(state, other.state);
    const hashDiffers =
      stateHash !== null && other.stateHash !== null && stateHash !== other.stateHash;
    if (differs === null && !hashDiffers) continue;
    const what = differs ?? 'their state hashes differ';
    const message = `${database} and ${other.database} at record ${point.seq}: ${what}`;
    violations.push({ invariant: 'agreement', message, index });
  }
  return [...violations, ...recoveredAlike(context, first)];
}

/** What backup and log lead to is what a database holds that was there by itself. */
function recoveredAlike(
  context: Context,
  states: ReadonlyMap<string, Extract<Recorded, { type: 'state' }>>,
): Violation[] {
  const violations: Violation[] = [];
  for (const { database, point, stateHash, index } of [
    ...context.of('recovered'),
    ...context.of('target-reached'),
  ]) {
    const name = `${context.ledger.placeName(point.timelineId, point.seq)}/${point.chain}`;
    const other = states.get(name);
    if (other === undefined || other.stateHash === null || other.stateHash === stateHash) continue;
    const message = `record ${point.seq} recovered on ${database} is not the state that ${other.database} has`;
    violations.push({ invariant: 'agreement', message, index });
  }
  return violations;
}

/** One place, one record: nobody has another history under the same numbers. */
export function chain(context: Context): Violation[] {
  const violations: Violation[] = [];
  for (const { one, other } of context.ledger.conflicts) {
    if (context.mayHaveLost(other.index)) continue;
    const message = `record ${other.record.seq} of ${one.database} and of ${other.database} differ`;
    violations.push({ invariant: 'chain', message, index: other.index });
  }
  for (const { database, point, index } of pointsIn(context)) {
    const records = context.ledger.recordsAt(point.timelineId, point.seq);
    if (records.length === 0 || records.some((record) => record.chain === point.chain)) continue;
    if (context.mayHaveLost(index)) continue;
    const message = `${database} says another chain for record ${point.seq} than any log`;
    violations.push({ invariant: 'chain', message, index });
  }
  return violations;
}

function pointsIn(context: Context): { database: string; point: Point; index: number }[] {
  return [
    ...context.of('opened'),
    ...context.of('state'),
    ...context.of('backup-taken'),
    ...context.of('target-reached'),
  ];
}

/** A closed segment is the same file everywhere; one in which a timeline begins ends there for who follows that. */
export function bytes(context: Context): Violation[] {
  const violations: Violation[] = [];
  const forks = new Set(context.of('promoted').map(({ seq }) => seq));
  const first = new Map<string, { checksum: number; database: string; lastSeq: number }>();
  for (const { database, files, index } of context.of('log-read')) {
    if (context.isExcused(index)) continue;
    for (const { name, checksum, lastSeq } of files) {
      if (checksum === null) continue;
      const other = first.get(name);
      if (other === undefined) first.set(name, { checksum, database, lastSeq });
      else if (other.checksum !== checksum) {
        const endsAtFork = forks.has(Math.min(lastSeq, other.lastSeq));
        if (lastSeq !== other.lastSeq && endsAtFork) continue;
        const message = `${name} is another file on ${database} than on ${other.database}`;
        violations.push({ invariant: 'bytes', message, index });
      }
    }
  }
  return violations;
}
