// After every crash a database comes up again by itself, and when faults end everything gets well.

import type { Recorded } from '../history.js';
import { gapsIn } from './archive.js';
import { damageCodes, faultCodes, type Context, type Violation } from './context.js';

/** What met a fault may end after the last one. */
const underWayMs = 3_000;
/** Full backups that are kept, with their log. */
const generations = 2;

/** No crash leaves something that cannot be opened. */
export function recovery(context: Context): Violation[] {
  const violations: Violation[] = [];
  const healed = context.of('healed')[0]?.at ?? Infinity;
  for (const { database, code, message: text, index, at } of context.of('open-failed')) {
    if (context.isExcused(index, database)) continue;
    // While its disk fails an opening may fail too, but not by finding damage.
    if (at < healed + underWayMs && !damageCodes.has(code) && !faultCodes.has(code)) continue;
    const message = `${database} does not open: ${code}, ${text}`;
    violations.push({ invariant: 'recovery', message, index });
  }
  for (const { message, index } of context.of('uncaught')) {
    violations.push({ invariant: 'recovery', message: `nobody caught: ${message}`, index });
  }
  return violations;
}

/** A replica that follows an honest master finds its place again at every connect. */
export function resume(context: Context): Violation[] {
  const violations: Violation[] = [];
  const strange = new Set(['diverged', 'pattern-mismatch', 'not-permitted', 'version-mismatch']);
  for (const event of context.of('follower')) {
    const { database, state, code, index } = event;
    const isStrange = strange.has(state) || (code !== null && faultCodes.has(code));
    if (!isStrange || context.isExcused(index) || mayLeave(context, event)) continue;
    const message = `${database} ended as ${state} (${code ?? 'without a code'})`;
    violations.push({ invariant: 'resume', message, index });
  }
  return [...violations, ...forks(context)];
}

/** Whether it has what the database that took the master's place has not, or follows one that was made anew. */
function mayLeave(
  context: Context,
  { index, point }: Extract<Recorded, { type: 'follower' }>,
): boolean {
  const promoted = context.of('promoted').find((event) => event.index < index);
  if (promoted === undefined) return false;
  const isSince = (event: { readonly index: number }): boolean =>
    event.index > promoted.index && event.index < index;
  if (context.of('created').some(isSince)) return true;
  const isOver = point?.timelineId === promoted.timelines.at(-1)?.id;
  return !isOver && (point?.seq ?? 0) > promoted.seq;
}

/** A timeline begins behind the last record of the database that starts it. */
function forks(context: Context): Violation[] {
  const violations: Violation[] = [];
  for (const { database, seq, timelines, index } of context.of('promoted')) {
    const atSeq = timelines.at(-1)?.atSeq;
    if (atSeq === seq) continue;
    const message = `${database} had record ${seq} and says that it forked at ${atSeq}`;
    violations.push({ invariant: 'resume', message, index });
  }
  return violations;
}

/** The log that a replica, up to the cap, or a kept backup needs is kept for it (P10). */
export function retention(context: Context): Violation[] {
  const violations: Violation[] = [];
  for (const { database, by, bytes, bytesMax, index } of context.of('replica-lost')) {
    if (bytesMax > 0 && bytes > bytesMax) continue;
    const message = `${by} gave up ${database} with ${bytes} bytes held, within the cap of ${bytesMax}`;
    violations.push({ invariant: 'retention', message, index });
  }
  for (const { code, database, index, isOfArchive, state } of context.of('follower')) {
    if (state !== 'log-gone' || context.isExcused(index)) continue;
    // An archive keeps log for no replica: the master, when it is back, has it.
    if (isOfArchive === true) continue;
    if (code === 'REPLICA_LOST' && isLost(context, database, index)) continue;
    if (isUpstreamYounger(context, database, index)) continue;
    const message = `${database} needs log that is gone (${code ?? 'without a code'})`;
    violations.push({ invariant: 'retention', message, index });
  }
  for (const event of context.of('place-read')) {
    if (event.source !== 'own' || context.isExcused(event.index)) continue;
    for (const message of gapsIn(event, generations)) {
      violations.push({ invariant: 'retention', message, index: event.index });
    }
  }
  return violations;
}

/** Whether the replica that it follows was made anew since it was made itself: nobody has held log for it there. */
function isUpstreamYounger(context: Context, database: string, index: number): boolean {
  const before = (event: { readonly index: number }): boolean => event.index < index;
  const own = context.of('opened').findLast((one) => one.database === database && before(one));
  const created = context.of('created').filter(before);
  const madeAt = (name: string): number =>
    created.findLast((one) => one.database === name)?.index ?? 0;
  const follows = own?.follows ?? null;
  return follows !== null && madeAt(follows) > madeAt(database);
}

/** Whether a master has said so before. */
function isLost(context: Context, database: string, index: number): boolean {
  return context
    .of('replica-lost')
    .some((event) => event.database === database && event.index < index);
}

/** When faults end every replica reaches its master (P16). */
export function convergence(context: Context): Violation[] {
  const violations: Violation[] = [];
  for (const { database, master, isConverged, reason, index } of context.of('settled')) {
    if (isConverged || context.isExcused(index)) continue;
    const message = `${database} did not reach ${master}: ${reason}`;
    violations.push({ invariant: 'convergence', message, index });
  }
  return violations;
}

/** Whatever was asked is answered. */
export function liveness(context: Context): Violation[] {
  return context.of('stuck').map(({ what, index }) => ({
    invariant: 'liveness',
    message: `${what} has no end`,
    index,
  }));
}
