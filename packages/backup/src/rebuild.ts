// Builds the store of a database anew from a backup and the log, when it is damaged, lost, or not what
// the log says. The log is the truth: the database stays on its timeline, with all that it acknowledged.
import { join } from 'node:path';
import { PaminaError, formatPosition, isPaminaError, type BackupManifest } from '@pamina/format';
import type { Env } from '@pamina/env';
import {
  ClosedDatabase,
  StateStore,
  applyAtOnce,
  isAtOnce,
  keptStores,
  readCheckpoint,
  readControl,
  type Control,
} from '@pamina/engine';
import { listBackups, type ListedBackup } from './backup-list.js';
import type { JobLogWriter } from './contract.js';
import { requireFree } from './free-space.js';
import { backupsFolderOf, storedBytes } from './layout.js';
import { pointOf } from './load-store.js';
import { unlessUnread, unreadIn, type UnreadBackup } from './read-failure.js';
import { refuteBackups } from './refute-backups.js';
import { folderSource } from './source.js';
import { isPromised, logOf, provedFirst } from './verify-database.js';
import { verifyLog, type VerifiedLog } from './verify-log.js';
import { hashOf, replayInto, type RecordedHash, type Replayed } from './verify-replay.js';
import {
  mismatches,
  replayProgress,
  type TargetLog,
  type VerifySettings,
} from './verify-target.js';

export interface RebuildOptions extends Pick<VerifySettings, 'onProgress' | 'signal'> {
  readonly env: Env;
  /** The database's folder. Nobody may have it open. */
  readonly folder: string;
}

/** What a rebuild begins with and where it ends. */
export interface RebuildPlan {
  readonly backup: string;
  /** `1/48213`, the last record of the log; of a replica that waits, the last that is known to be applied. */
  readonly position: string;
  /** Replayed over the backup. */
  readonly records: number;
  /** Bytes of the backup as it is stored, and of the log that is replayed. */
  readonly bytes: number;
}

export interface Rebuilt extends RebuildPlan {
  readonly entries: number;
  readonly stateHash: string;
  /** State hashes that others recorded and that were found on the way. */
  readonly compared: number;
  /** Where the old store is; null if there was none. */
  readonly kept: string | null;
}

type Good = ListedBackup & { readonly manifest: BackupManifest };

interface Plan {
  readonly control: Control;
  readonly listed: readonly ListedBackup[];
  readonly start: Good;
  readonly log: TargetLog;
  readonly recorded: readonly RecordedHash[];
  readonly endSeq: number;
  readonly bytes: number;
}

/** Nothing is changed. REBUILD_IMPOSSIBLE if backup and log do not lead to the end of the log. */
export async function planRebuild(options: RebuildOptions): Promise<RebuildPlan> {
  const control = await readControl(options.env.disk, options.folder);
  if (control === null) {
    const context = { path: options.folder };
    const message = `${options.folder} holds no database`;
    throw new PaminaError('DATABASE_NOT_FOUND', message, { context });
  }
  return summaryOf(await plan(options, control));
}

/**
 * Resolves when the new store is in its place. DATABASE_IN_USE, REBUILD_IMPOSSIBLE, STATE_HASH_MISMATCH
 * (a state on the way is not what was recorded of it), DISK_FULL; the old store is untouched then.
 */
export async function rebuild(options: RebuildOptions): Promise<Rebuilt> {
  const { env } = options;
  const database = await ClosedDatabase.open(options.folder, env);
  try {
    // A crash in the last moment of a rebuild before left it done but for a name.
    await database.finishSwap();
    const planned = await plan({ ...options, folder: database.folder }, database.control);
    const checkpoint = await database.checkpoint();
    if (checkpoint.seq > planned.endSeq) {
      const what = `the log ends with record ${planned.endSeq}, but record ${checkpoint.seq} was on disk`;
      throw impossible(database.folder, what);
    }
    const what = `the rebuild of ${planned.control.name}`;
    await requireFree(env, database.folder, planned.bytes, what);
    const end = await database.settleLog(pointOf(planned.start.manifest));
    const endSeq = isWaiting(planned.control) ? Math.min(planned.endSeq, end.seq) : end.seq;
    return await build(options, database, { ...planned, endSeq });
  } finally {
    await database.close();
  }
}

async function build(
  options: RebuildOptions,
  database: ClosedDatabase,
  planned: Plan,
): Promise<Rebuilt> {
  const { env, signal } = options;
  const place = await database.makePlace();
  try {
    const built = await buildStore(options, place, planned, database.jobLog);
    signal?.throwIfAborted();
    const kept = await database.swapIn(join(place, 'store'));
    const rebuilt = { ...summaryOf(planned), ...built, kept };
    const where = kept === null ? '' : ` The store before is kept in ${kept}.`;
    const message = `The store was rebuilt from backup ${rebuilt.backup} and ${rebuilt.records} records of log, to position ${rebuilt.position}.${where}`;
    database.jobLog.write('warning', 'rebuilt', message, { ...rebuilt });
    return rebuilt;
  } catch (error) {
    await discard(env, place);
    throw error;
  }
}

interface BuiltStore {
  readonly entries: number;
  readonly stateHash: string;
  readonly compared: number;
}

/** Loaded, replayed, synced, opened again and found to hold what it held. */
async function buildStore(
  options: RebuildOptions,
  place: string,
  { endSeq, listed, log, recorded, start }: Plan,
  jobLog: JobLogWriter,
): Promise<BuiltStore> {
  const { env, onProgress, signal } = options;
  const replay = {
    env,
    folder: place,
    backup: folderSource(env, start.folder),
    log: log.source,
    pattern: log.pattern,
    timelines: log.timelines,
    toSeq: endSeq,
    recorded,
    signal,
    onProgress: replayProgress(onProgress),
  };
  const { before, replayed } = await replayInto(replay, async (store, replayed) => {
    requireRecorded(replayed);
    warnOf(replayed, jobLog);
    await refuteBackups({ env, jobLog }, listed, replayed);
    const before = await hashOf(store, replay);
    await store.syncLogs();
    await store.initialize(replayed.end, replayed.session);
    return { before, replayed };
  });
  const store = await StateStore.open(env, join(place, 'store'), { create: false });
  try {
    const found = await hashOf(store, replay);
    if (found.stateHash !== before.stateHash) {
      const context = { expected: before.stateHash, found: found.stateHash };
      const message = 'the new store does not give back what was put into it';
      throw new PaminaError('STATE_HASH_MISMATCH', message, { context });
    }
    // Opening made new files: they too are on disk before the store gets its place.
    await store.syncLogs();
    await store.initialize(replayed.end, replayed.session);
  } finally {
    await store.close();
  }
  const compared = replayed.compared.filter(({ equal }) => equal).length;
  return { entries: before.entries, stateHash: before.stateHash, compared };
}

/** A backup later on the way that holds another state was taken of a store that was damaged by then. */
function warnOf({ compared }: Replayed, jobLog: JobLogWriter): void {
  for (const { message, context } of mismatches(compared)) {
    const text = `${message}: it was taken of a damaged store. Do not use it.`;
    jobLog.write('error', 'backup-differs', text, { ...context });
  }
}

/** The first backup proves all others. */
function requireRecorded({ compared, manifest }: Replayed): void {
  const [wrong] = mismatches(
    compared.filter(({ backup, seq }) => backup === manifest.id && seq === manifest.position.seq),
  );
  if (wrong !== undefined) throw wrong;
}

async function plan(options: RebuildOptions, control: Control): Promise<Plan> {
  const { env, folder, onProgress, signal } = options;
  const listed = await listBackups(env, backupsFolderOf(folder));
  const usable = listed.filter(
    (backup): backup is Good => backup.manifest !== null && isPromised(backup, control),
  );
  usable.sort(provedFirst);
  const log = await logOf(options, control);
  const found = await verifyLog({
    ...log,
    watch: usable.map(({ manifest }) => manifest.position.seq),
    signal,
    onProgress: (done, total) => onProgress?.({ step: 'log', done, total, unit: 'bytes' }),
  });
  const start = startOf(folder, usable, found, unreadIn(listed));
  const { seq } = start.manifest.position;
  // What a replica received and has not applied waits in the log, for its rule or for a person.
  const { seq: appliedSeq } = await readCheckpoint(env.disk, folder, control.base);
  const logEnd = found.end?.seq ?? seq;
  const endSeq = isWaiting(control) ? Math.min(logEnd, Math.max(appliedSeq, seq)) : logEnd;
  const backups = usable.flatMap(({ id, manifest: { position }, stateHash }) =>
    stateHash === null || id === start.id ? [] : [{ seq: position.seq, stateHash, backup: id }],
  );
  const bytes = storedBytes(start.manifest) + found.bytes;
  return { control, listed, start, log, recorded: [...backups, ...found.audits], endSeq, bytes };
}

function isWaiting({ apply, type }: Control): boolean {
  return type === 'replica' && !isAtOnce(apply ?? applyAtOnce);
}

/** The oldest from which the log goes on to its end: a newer one may have been taken of a damaged store. */
function startOf(
  folder: string,
  usable: readonly Good[],
  found: VerifiedLog,
  unread: readonly UnreadBackup[],
): Good {
  const [damage] = found.damages;
  if (damage !== undefined) throw impossible(folder, damage.message, damage);
  const start = usable.find(({ manifest: { after, chain, position } }) => {
    if (after !== undefined) return false;
    return found.firstSeq === null ? position.seq === 0 : found.chains.get(position.seq) === chain;
  });
  if (start !== undefined) return start;
  const first =
    found.firstSeq === null ? 'there is no log' : `the log begins with record ${found.firstSeq}`;
  const none = `no good backup is continued by the log (${first})`;
  throw unlessUnread(impossible(folder, none), unread);
}

function summaryOf({ bytes, control, endSeq, start }: Plan): RebuildPlan {
  const timeline = control.timelines.at(-1)?.timeline ?? start.manifest.position.timeline;
  return {
    backup: start.id,
    position: formatPosition({ timeline, seq: endSeq }),
    records: endSeq - start.manifest.position.seq,
    bytes,
  };
}

function impossible(folder: string, what: string, cause?: unknown): PaminaError {
  const message = `backup and log do not lead to the end of the log: ${what}`;
  return new PaminaError('REBUILD_IMPOSSIBLE', message, { cause, context: { path: folder } });
}

async function discard(env: Env, place: string): Promise<void> {
  try {
    await env.disk.removeTree(place);
  } catch (error) {
    // Why the rebuild failed is the better error; the next one removes what is left.
    if (!isPaminaError(error)) throw error;
  }
}

/** Removes the stores that rebuilds have kept aside; gives back their paths. */
export async function removeKeptStores({ env, folder }: RebuildOptions): Promise<string[]> {
  const kept = await keptStores(env.disk, folder);
  for (const path of kept) await env.disk.removeTree(path);
  if (kept.length > 0) await env.disk.syncFolder(folder);
  return kept;
}
