// The master's side of an audit: the state hash at the mark of a backup, written to the log for the
// replicas that took a snapshot there. A physical backup is whole without reading the state; its audit
// goes on behind it, in the background, until the database closes or the next full backup begins.
import { formatPosition, isPaminaError, toPaminaError, type BackupManifest } from '@pamina/format';
import type { Disk } from '@pamina/env';
import { holdBackup } from './backup-holds.js';
import type { ListedBackup } from './backup-list.js';
import type { BackupDatabase, StateSnapshot } from './contract.js';
import { pacerOf } from './pacer.js';
import { writeRecordedAudit, writeSkippedAudit } from './recorded-audit.js';
import { requireSameState } from './require-same-state.js';
import { hashState } from './state-hash.js';
import { notingDamage } from './store-damage.js';

/**
 * Of a backup that holds its hash. No writer waits for it, and the backup is whole without. Gives back
 * the seq of the record; null if it could not be written, which the job log says.
 */
export async function recordAudit(
  database: BackupDatabase,
  { id, position }: Pick<BackupManifest, 'id' | 'position'>,
  stateHash: string,
): Promise<number | null> {
  try {
    return await database.audit({ backup: id, seq: position.seq, stateHash });
  } catch (error) {
    const { code, message } = toPaminaError(error);
    const text = `The replicas are not audited against backup ${id}: ${message}.`;
    database.jobLog.write('warning', 'audit-not-written', text, { backup: id, code });
    return null;
  }
}

export interface AuditedBackup {
  readonly manifest: BackupManifest;
  /** Where it is published. */
  readonly folder: string;
  /** Of exactly its state; closed when the audit has ended. */
  readonly snapshot: StateSnapshot;
  /** The newest full one before it whose state hash is known. */
  readonly known: ListedBackup | null;
  readonly onEnded?: (() => void) | undefined;
}

/** At most one a database: of the backup that was taken last. */
const running = new WeakMap<BackupDatabase, { readonly end: (why: string) => Promise<void> }>();

/** Goes on behind the caller, who has ended the one before. Never fails: the job log says what became of it. */
export function auditBehind(database: BackupDatabase, backup: AuditedBackup): void {
  const ending = new AbortController();
  const done = auditOne(database, backup, ending.signal).finally(() => {
    forget();
    unlisten();
    if (running.get(database) === one) running.delete(database);
    backup.onEnded?.();
  });
  const end = (why: string): Promise<void> => {
    ending.abort(why);
    return done;
  };
  const one = { end };
  running.set(database, one);
  const forget = database.background.add(() => end('the database was closed'));
  const unlisten = database.onFailed(() => void end('the database has failed'));
}

/** Resolves when none goes on: two would hold two snapshots, and the replicas keep only the newer. */
export async function endAudit(database: BackupDatabase, why: string): Promise<void> {
  await running.get(database)?.end(why);
}

async function auditOne(
  database: BackupDatabase,
  backup: AuditedBackup,
  signal: AbortSignal,
): Promise<void> {
  const { jobLog } = database;
  const { id, position } = backup.manifest;
  const fields = { backup: id, position: formatPosition(position) };
  const message = `The state of backup ${id} is read in the background for its hash.`;
  jobLog.write('info', 'audit-started', message, fields);
  try {
    // A process that is killed notes nothing any more.
    await noteSkipped(database, backup, 'its state is being read, or the process ended meanwhile');
    await hashAndRecord(database, backup, signal);
  } catch (error) {
    const { code, message: why } = toPaminaError(error);
    if (signal.aborted) {
      const reason = String(signal.reason);
      const text = `The state of backup ${id} was not read to its end: ${reason}. The backup is whole, but not proved: \`pamina verify ${database.control.name} ${id} --deep\` does that.`;
      jobLog.write('warning', 'audit-ended', text, fields);
      await noteSkipped(database, backup, `its state was not read to its end: ${reason}`);
    } else {
      const text = `The state hash of backup ${id} was not recorded: ${why}.`;
      const level = code === 'STATE_HASH_MISMATCH' ? 'error' : 'warning';
      jobLog.write(level, 'audit-failed', text, { ...fields, code });
      await noteSkipped(database, backup, `the reading of its state failed: ${why}`);
    }
  } finally {
    await backup.snapshot.close();
  }
}

async function hashAndRecord(
  database: BackupDatabase,
  { folder, known, manifest, snapshot }: AuditedBackup,
  signal: AbortSignal,
): Promise<void> {
  const { env, jobLog, log } = database;
  const { clock, disk } = env;
  const startedMs = clock.monotonic();
  const pacer = pacerOf(clock, () => log.durable.seq);
  const hashed = await notingDamage(database, () => hashState(snapshot, { signal, pacer }));
  signal.throwIfAborted();
  const note = (recorded: Pick<Noted, 'record' | 'differsFrom'>): Promise<void> =>
    noteAudit(disk, folder, manifest, { ...hashed, ...recorded });
  try {
    await notingDamage(database, () =>
      requireSameState(database, known, manifest, hashed.stateHash),
    );
  } catch (error) {
    if (!isPaminaError(error, 'STATE_HASH_MISMATCH') || known === null) throw error;
    await note({ record: null, differsFrom: known.id });
    throw error;
  }
  const seq = await recordAudit(database, manifest, hashed.stateHash);
  // The replicas do not hear of it, but the hash is right.
  if (seq === null) return note({ record: null });
  const record = { timeline: manifest.position.timeline, seq };
  await note({ record });
  const { entries, rawBytes, stateHash } = hashed;
  const ms = Math.round(clock.monotonic() - startedMs);
  const at = formatPosition(record);
  const message = `The state hash of backup ${manifest.id}, ${entries} entries, is recorded at ${at}; that took ${ms} ms.`;
  const fields = { backup: manifest.id, stateHash, entries, rawBytes, record: at, ms };
  jobLog.write('info', 'audit-recorded', message, fields);
}

type Noted = Parameters<typeof writeRecordedAudit>[3];

/** That the backup is not proved is known without the note too: only not why. */
async function noteSkipped(
  { env: { disk }, jobLog }: BackupDatabase,
  { folder, manifest }: AuditedBackup,
  why: string,
): Promise<void> {
  try {
    await whileThere(disk, folder, () =>
      writeSkippedAudit(disk, folder, manifest, { why, isDoubted: false }),
    );
  } catch (error) {
    const { code, message } = toPaminaError(error);
    const text = `Why backup ${manifest.id} is not proved could not be noted: ${message}.`;
    jobLog.write('warning', 'audit-not-noted', text, { backup: manifest.id, code });
  }
}

function noteAudit(
  disk: Disk,
  folder: string,
  manifest: BackupManifest,
  noted: Noted,
): Promise<void> {
  return whileThere(disk, folder, () => writeRecordedAudit(disk, folder, manifest, noted));
}

/** Where it expired meanwhile nobody asks any more. */
async function whileThere(disk: Disk, folder: string, note: () => Promise<void>): Promise<void> {
  const release = holdBackup(disk, folder);
  try {
    if ((await disk.stat(folder)) !== null) await note();
  } finally {
    release();
  }
}
