// What a replica has received and not applied: it waits for its delay, or because an administrator has
// paused it, and is applied up to a record that he chooses.

import type { ApplyRule, Control, Database, LogPoint, ReplicaApply } from '@pamina/engine';
import {
  formatPosition,
  PaminaError,
  parsePosition,
  type Position,
  timelineAt,
} from '@pamina/format';
import type { ApplyingStatus, ApplyTarget } from '@pamina/wire';
import type { HostCore } from './host-core.js';

/** Up to a record, whatever the delay; behind it the replica is paused. POSITION_AHEAD, POSITION_PASSED. */
export function applyUntil(core: HostCore, name: string, target: ApplyTarget): Promise<void> {
  const { untilPosition, untilTime } = target;
  if ((untilPosition === undefined) === (untilTime === undefined)) {
    throw new PaminaError('REQUEST_INVALID', 'a position or a time is wanted, and not both');
  }
  return core.use(name, 'write', async ({ database }) => {
    const replicaApply = requireReplica(database);
    const seq =
      untilPosition === undefined
        ? await lastUntil(database, untilTime ?? 0)
        : seqAt(database, parsePosition(untilPosition));
    requireReceived(database, seq);
    await replicaApply.pauseBehind(seq);
    await replicaApply.until(seq);
    const position = formatPosition(database.applied());
    const message = `Everything up to ${position} is applied; ${name} is paused there.`;
    database.jobLog.write('info', 'applied-until', message, { position });
  });
}

/** Behind which record a replica is to become normal; it is paused, so that nothing passes the record. */
export async function pauseBefore(core: HostCore, name: string, text: string): Promise<number> {
  const position = parsePosition(text);
  return core.use(name, 'write', async ({ database }) => {
    const replicaApply = requireReplica(database);
    const seq = seqAt(database, position);
    requireReceived(database, seq);
    await replicaApply.pauseBehind(seq);
    return seq;
  });
}

/** DATABASE_TYPE. */
export function requireReplica({ control, replicaApply }: Database): ReplicaApply {
  if (replicaApply !== null) return replicaApply;
  const message = `${control.name} is ${control.type}, and only a replica waits with what it received`;
  throw new PaminaError('DATABASE_TYPE', message);
}

/** Null on everything but a replica. */
export function applyingStatus(database: Database): ApplyingStatus | null {
  if (database.control.type !== 'replica') return null;
  const { delayMs, paused, since } = ruleOf(database.control);
  const waiting = database.durable().seq - database.applied().seq;
  const nextAt = database.replicaApply?.nextAt ?? null;
  return { delayMs, paused, since, waiting, nextAt };
}

/** Of a database that may be closed. */
export function ruleOf({ apply }: Control): ApplyRule & { readonly since: number | null } {
  return {
    delayMs: apply?.delayMs ?? 0,
    paused: apply?.paused ?? false,
    since: apply?.since ?? null,
  };
}

function seqAt({ timelines }: Database, { seq, timeline }: Position): number {
  if (timelineAt(timelines, seq).timeline === timeline) return seq;
  const here = timelineAt(timelines, seq).timeline;
  const message = `record ${seq} is on timeline ${here} here, not on ${timeline}`;
  throw new PaminaError('POSITION_UNREACHABLE', message, { context: { seq, timeline, here } });
}

/** The last record that was committed at the time or before it; a later one must prove that it is the last. */
async function lastUntil(database: Database, time: number): Promise<number> {
  const durable = database.durable();
  if (durable.time <= time) {
    const last = new Date(durable.time).toISOString();
    const message = `nothing later than ${last} was received yet, so more may come from before the time`;
    throw new PaminaError('POSITION_AHEAD', message, { context: { time, received: durable.time } });
  }
  let { seq } = database.applied();
  if (database.applied().time > time) throw passed(database.applied(), seq);
  for await (const { header } of database.log.records(seq + 1)) {
    if (header.time > time) break;
    seq = header.seq;
  }
  return seq;
}

/** POSITION_AHEAD. */
function requireReceived(database: Database, seq: number): void {
  const durable = database.durable();
  if (seq <= durable.seq) return;
  const message = `record ${seq} was not received yet, only ${formatPosition(durable)}`;
  throw new PaminaError('POSITION_AHEAD', message, { context: { seq, durable: durable.seq } });
}

function passed(applied: LogPoint, seq: number): PaminaError {
  const message = `${formatPosition(applied)} is applied already, and cannot be taken back`;
  return new PaminaError('POSITION_PASSED', message, { context: { applied: applied.seq, seq } });
}
