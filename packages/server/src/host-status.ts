// What a host says of its databases: also of those that do not open, and why they do not.

import {
  type AuditOutcome,
  damageRemedy,
  readAudit,
  readStoreDamage,
  type StoreDamage,
} from '@pamina/backup';
import { type Control, type Database, type LogPoint, refusedByFence } from '@pamina/engine';
import {
  errorTable,
  formatPosition,
  isPaminaError,
  maxReplayWaitMsDefault,
  type PaminaError,
  timelineAt,
  toPaminaError,
} from '@pamina/format';
import type {
  AuditStatus,
  DatabaseState,
  DatabaseStatus,
  DatabaseSummary,
  DamageStatus,
  LockDataStatus,
  MasterStatus,
  QueriesStatus,
} from '@pamina/wire';
import { applyingStatus } from './host-apply.js';
import { sourceStatus } from './host-source-status.js';
import { replicaHolds } from './host-holds.js';
import { summaries } from './host-archive-summary.js';
import { listed } from './host-backup.js';
import type { HostCore } from './host-core.js';
import { folderBytes, replacedCopies } from './host-replaced.js';
import type { OnlineDatabase } from './online-database.js';

export interface Condition {
  readonly state: DatabaseState;
  readonly reason: string | null;
  readonly since: number | null;
  readonly message: string | null;
}

type Places = Pick<DatabaseStatus, 'position' | 'received' | 'durable' | 'applied'>;

/** In the order of their names. */
export async function list(core: HostCore): Promise<DatabaseSummary[]> {
  const summaries: DatabaseSummary[] = [];
  for (const name of await core.names()) {
    try {
      const { fence, online, position, sizeBytes, state, type } = await status(core, name);
      summaries.push({ name, type, online, state, position, sizeBytes, fence });
    } catch (error) {
      // A control file that cannot be read: the one thing without which nothing is known.
      const sizeBytes = await folderBytes(core, core.folder(name));
      const type = 'unassigned';
      if (!isPaminaError(error)) throw error;
      if (error.code === 'DATABASE_NOT_FOUND') continue;
      summaries.push({ name, type, online: false, state: 'failed', position: null, sizeBytes });
    }
  }
  return summaries;
}

/** DATABASE_NOT_FOUND, CONTROL_INVALID. */
export async function status(core: HostCore, name: string): Promise<DatabaseStatus> {
  try {
    return await statusNow(core, name);
  } catch (error) {
    // In the middle of a swap there is no folder of this name for a moment.
    if (!isPaminaError(error, 'DATABASE_NOT_FOUND') || !core.turns.isHeld(name)) throw error;
    await core.turns.run(name, () => Promise.resolve());
    return statusNow(core, name);
  }
}

async function statusNow(core: HostCore, name: string): Promise<DatabaseStatus> {
  const control = await core.control(name);
  const online = core.online.get(name);
  if (online !== undefined) {
    // It may be about to go offline: then it waits for the answer.
    const release = online.use();
    try {
      return await whole(core, control, online.database, conditionOf(online), online);
    } finally {
      release();
    }
  }
  const fault = core.faults.get(name);
  if (fault !== undefined) return closed(core, name, control, failed(fault.error, fault.since));
  if (core.turns.isHeld(name)) return closed(core, name, control, busy);
  try {
    return await core.use(name, 'read', ({ database, online: started }) => {
      const condition = started === null ? offline(core, control) : conditionOf(started);
      return whole(core, database.control, database, condition, started);
    });
  } catch (error) {
    if (isPaminaError(error, 'DATABASE_IN_USE')) return closed(core, name, control, elsewhere);
    return closed(core, name, control, failed(toPaminaError(error), null));
  }
}

const quiet = { reason: null, since: null, message: null };
const busy: Condition = {
  ...quiet,
  state: 'offline',
  reason: 'it is being worked on at this moment',
};
const elsewhere: Condition = { ...quiet, state: 'open', reason: 'another process has it open' };

/** Null where this process does not know it. */
function whyOffline(core: HostCore, name: string, since: number | null): string | null {
  if (core.address === null) return 'no server has its data folder';
  const note = core.stopNotes.get(name);
  return since === null ? null : `it was stopped${note === undefined ? '' : `: ${note}`}`;
}

function offline(core: HostCore, control: Control): Condition {
  if (control.type === 'unassigned') {
    const reason = 'it was created from a backup and is neither normal nor a replica yet';
    return { ...quiet, state: 'offline', reason };
  }
  const since = core.stoppedAt.get(control.name) ?? null;
  const reason = refusedByFence(control)?.message ?? whyOffline(core, control.name, since);
  return { ...quiet, state: 'offline', since, reason };
}

function failed(error: PaminaError, since: number | null): Condition {
  return { state: 'failed', reason: `${error.code}: ${error.message}`, since, message: error.hint };
}

/** Of what this process knows already: the disk is not asked. */
export function conditionOf(online: OnlineDatabase): Condition {
  const { failure, stuck } = online.database;
  if (failure !== null) return failed(failure, null);
  const condition = soundCondition(online);
  if (stuck === null || condition.message !== null) return condition;
  const why = 'its disk is full, and records wait in the log to be applied';
  const reason = condition.reason === null ? why : `${condition.reason}; ${why}`;
  return { ...condition, reason, message: errorTable.DISK_FULL.hint };
}

function soundCondition({ database, follower, note, since }: OnlineDatabase): Condition {
  if (follower !== null) {
    const { message: advice, reason, since: changedAt, state } = follower.status();
    const message = advice === null || note === null ? advice : `${note} ${advice}`;
    const condition = { state, reason, since: changedAt, message };
    return inTouch.has(state) ? (waitingCondition(database) ?? condition) : condition;
  }
  const { readOnly } = database.control;
  const reason = refusedByFence(database.control)?.message ?? (readOnly ? 'it is read only' : null);
  return { state: 'open', reason, since, message: null };
}

const inTouch: ReadonlySet<string> = new Set(['catching-up', 'streaming', 'waiting']);

/** Of a replica that receives and holds back what it received. */
function waitingCondition(database: Database): Condition | null {
  const applying = applyingStatus(database);
  if (applying === null) return null;
  const { delayMs, paused, since, waiting } = applying;
  const records = `${waiting} ${waiting === 1 ? 'record waits' : 'records wait'}`;
  if (paused)
    return { state: 'paused', reason: `nothing is applied, ${records}`, since, message: null };
  if (delayMs === 0 || waiting === 0) return null;
  const reason = `records are applied ${delayMs / 1000} s after their commit, ${records}`;
  return { state: 'delayed', reason, since, message: null };
}

async function whole(
  core: HostCore,
  control: Control,
  database: Database,
  condition: Condition,
  online: OnlineDatabase | null,
): Promise<DatabaseStatus> {
  const { log } = database;
  return {
    ...(await common(core, database.folder, control.name, control)),
    ...condition,
    ...placesOf(database, online),
    online: online !== null,
    settings: database.settings(),
    synchronous: database.isWriter ? database.synchronous.status() : null,
    applying: applyingStatus(database),
    lockData: lockDataStatus(database),
    queries: queriesStatus(database),
    master: masterOf(control, online),
    log: { segments: log.segments().length, bytes: log.bytes, firstSeq: log.firstSeq },
    holds: await replicaHolds(database),
  };
}

async function closed(
  core: HostCore,
  name: string,
  control: Control,
  condition: Condition,
): Promise<DatabaseStatus> {
  return {
    ...(await common(core, core.folder(name), name, control)),
    ...condition,
    online: condition === elsewhere,
    position: null,
    received: null,
    durable: null,
    applied: null,
    settings: null,
    master: masterOf(control, null),
    log: { segments: 0, bytes: 0, firstSeq: null },
  };
}

async function common(core: HostCore, folder: string, name: string, control: Control) {
  const { createdAt, instance, pattern, readOnly, simultaneousQuery, timelines, type } = control;
  const taken = await listed(core, name);
  const full = taken.filter(({ kind }) => kind === 'full');
  return {
    name,
    type,
    instance,
    pattern,
    timeline: timelines.at(-1) ?? null,
    timelines,
    sizeBytes: await folderBytes(core, folder),
    readOnly,
    simultaneousQuery,
    audit: type === 'replica' ? auditStatus(await readAudit(core.env, folder), timelines) : null,
    damage: damageStatus(await readStoreDamage(core.env, folder), control),
    backups: { count: full.length, newest: full[0] ?? null },
    createdAt,
    fence: control.fence ?? null,
    takeover: control.takeover ?? null,
    replaced: await replacedCopies(core, name),
    archives: await summaries(core, { ...control, name }, core.online.get(name) ?? null),
  };
}

function placesOf(database: Database, online: OnlineDatabase | null): Places {
  const follower = online?.follower?.status();
  const text = ({ seq, timeline }: Pick<LogPoint, 'seq' | 'timeline'>): string =>
    formatPosition({ timeline, seq });
  const applied = text(database.applied());
  const durable = text(database.durable());
  const received = follower === undefined ? durable : text(follower.received);
  const seq = database.reader.visibleSeq;
  const position = text({ seq, timeline: timelineAt(database.timelines, seq).timeline });
  return { position, received, durable, applied };
}

function damageStatus(damage: StoreDamage | null, control: Control): DamageStatus | null {
  if (damage === null) return null;
  return { ...damage, hint: damageRemedy(control) };
}

function auditStatus(
  outcome: AuditOutcome | null,
  timelines: Control['timelines'],
): AuditStatus | null {
  if (outcome === null) return null;
  const { at, backup, expected, reason, result, seq, stateHash } = outcome;
  const { timeline } = timelineAt(timelines, seq);
  return {
    result,
    backup,
    position: formatPosition({ timeline, seq }),
    at,
    reason,
    stateHash,
    expected,
  };
}

/** What the log carries of its locks. */
function lockDataStatus(database: Database): LockDataStatus | null {
  if (!database.isWriter) return null;
  return { inLog: database.lockData, ...database.transactions.lockDataAmount };
}

function queriesStatus({ control, queries }: Database): QueriesStatus | null {
  if (queries === null) return null;
  const { cancelled, waitedMs, waits } = queries.conflicts;
  return {
    lockData: queries.hasLockData,
    open: queries.size,
    replayWaits: waits,
    replayWaitedMs: Math.ceil(waitedMs),
    cancelled,
    maxReplayWaitMs: control.maxReplayWaitMs ?? maxReplayWaitMsDefault,
  };
}

const unknown = { records: null, bytes: null, seconds: null };
const unknownLags = { received: unknown, durable: unknown, applied: unknown };

function masterOf(control: Control, online: OnlineDatabase | null): MasterStatus | null {
  if (control.type !== 'replica') return null;
  const follower = online?.follower?.status();
  const place = follower?.master.position ?? null;
  return {
    name: control.master ?? '',
    address: follower?.master.address ?? null,
    durable: place === null ? null : formatPosition(place),
    lag: follower?.lag ?? unknownLags,
    lastReplicatedModificationTime: follower?.lastReplicatedModificationTime ?? null,
    ...sourceStatus(control, follower?.archive),
    behindMs: roundedUp(online?.follower?.behindMs('applied') ?? null),
  };
}

function roundedUp(ms: number | null): number | null {
  return ms === null ? null : Math.ceil(ms);
}
