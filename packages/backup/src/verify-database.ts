// Verifies a whole database: the files of its LevelDB, its log, its backups and the chain from each of
// them. Only files are read, so that the database may be running, or too damaged to be opened. The
// deepest check opens it: its content against backup and log at the same position.
import { join } from 'node:path';
import {
  PaminaError,
  forkPoint,
  formatPosition,
  type BackupManifest,
  type Position,
} from '@pamina/format';
import { readControl, type Control } from '@pamina/engine';
import { listBackups, type ListedBackup } from './backup-list.js';
import { compareStates, type ComparedStates } from './compare-states.js';
import type { JobLogWriter, PlacedSnapshot } from './contract.js';
import { storeFolderOf } from './free-space.js';
import { backupsFolderOf } from './layout.js';
import { damageError } from './level/damage.js';
import { scrubTables } from './level/scrub.js';
import { logFolderSource } from './log-folder-source.js';
import { unlessUnread, unreadIn } from './read-failure.js';
import { refuteBackups } from './refute-backups.js';
import { folderSource } from './source.js';
import { clearStoreDamage, noteStoreDamage, readStoreDamage } from './store-damage.js';
import { readSynced, verifyLog, type VerifiedLog } from './verify-log.js';
import { replayInto, type RecordedHash, type Replayed } from './verify-replay.js';
import { attemptCheck, failedCheck, verifiedCheck, type VerifyCheck } from './verify-report.js';
import {
  chainCheck,
  inScratch,
  mismatches,
  replayProgress,
  verifyFiles,
  type TargetLog,
  type VerifySettings,
} from './verify-target.js';

export interface VerifyDatabaseOptions extends VerifySettings {
  /** The database's folder. */
  readonly folder: string;
  /** Is told what becomes known of the store; left out where another process writes it. */
  readonly jobLog?: JobLogWriter | undefined;
}

interface Verified {
  readonly backup: ListedBackup;
  readonly check: VerifyCheck;
}

type Good = ListedBackup & { readonly manifest: BackupManifest };

/** Everything that can be told from the files alone. DATABASE_NOT_FOUND, CONTROL_INVALID. */
export async function verifyDatabaseFiles(options: VerifyDatabaseOptions): Promise<VerifyCheck[]> {
  const control = await controlOf(options);
  const tables = await judgeTables(options);
  const log = await logOf(options, control);
  const backups = await verifyBackups(options);
  const own = backups.filter(({ backup }) => isPromised(backup, control)) as { backup: Good }[];
  let found: VerifiedLog | null = null;
  const about = { check: 'log', subject: log.source.describe() } as const;
  const logCheck = await attemptCheck(about, options.signal, async () => {
    const watch = own.map(({ backup }) => backup.manifest.position.seq);
    found = await verifyLog({
      ...log,
      watch,
      signal: options.signal,
      onProgress: (done, total) =>
        options.onProgress?.({ step: 'log', done, total, unit: 'bytes' }),
    });
    return wholeLogCheck(about, control, found);
  });
  const chains = own
    .filter(({ backup }) => isHeld(backup, control, found))
    .map(({ backup }) => chainOf(backup, log, found ?? null, logCheck));
  return [tables, logCheck, ...backups.map(({ check }) => check), ...chains];
}

/** Damage that is there at a second look is known from then on. */
async function judgeTables(options: VerifyDatabaseOptions): Promise<VerifyCheck> {
  const first = await verifyTables(options);
  if (first.verdict !== 'damaged') return first;
  const again = await verifyTables(options);
  if (again.verdict === 'damaged') {
    await noteStoreDamage(options, { found: 'tables', message: again.message });
  }
  return again;
}

function verifyTables(options: VerifyDatabaseOptions): Promise<VerifyCheck> {
  const { env, folder, onProgress, signal } = options;
  const store = storeFolderOf(folder);
  const about = { check: 'tables', subject: store } as const;
  return attemptCheck(about, signal, async () => {
    const report = await scrubTables(env.disk, store, {
      signal,
      onProgress: ({ done, total }) => onProgress?.({ step: 'tables', done, total, unit: 'bytes' }),
    });
    const { bytes, damage, damageCount, logs, tables } = report;
    if (damageCount === 0) {
      const message = `every checksum in ${tables} tables and ${logs} logs of LevelDB is right`;
      return verifiedCheck(about, message, { bytes });
    }
    const errors = damage.map((one) => damageError(one));
    return { ...failedCheck(about, errors, { bytes }), problemCount: damageCount };
  });
}

function wholeLogCheck(
  about: { readonly check: 'log'; readonly subject: string },
  control: Control,
  log: VerifiedLog,
): VerifyCheck {
  const { bytes, damages, end, firstSeq, segments } = log;
  if (damages.length > 0) return failedCheck(about, damages, { bytes });
  if (end === null && control.type === 'normal' && control.pattern !== null) {
    const message = `${about.subject} holds no segment, and there were sessions`;
    return failedCheck(about, [new PaminaError('LOG_DAMAGED', message)]);
  }
  if (end === null) {
    // A database that never had a session, or a copy that is new, has none.
    return verifiedCheck(about, 'there is no log yet');
  }
  const timeline = control.timelines.at(-1)?.timeline ?? 1;
  const [from, to] = [firstSeq ?? end.seq, end.seq].map((seq) => formatPosition({ timeline, seq }));
  const message = `records ${from} to ${to} in ${segments} segments, none missing, every checksum right`;
  return verifiedCheck(about, message, { bytes });
}

async function verifyBackups(options: VerifyDatabaseOptions): Promise<Verified[]> {
  const { env, folder } = options;
  const verified: Verified[] = [];
  for (const backup of await listBackups(env, backupsFolderOf(folder))) {
    const source = folderSource(env, backup.folder);
    const check = await verifyFiles({
      ...options,
      source,
      subject: backup.id,
      folder: backup.folder,
      problem: backup.problem,
    });
    // Expired while the others were read: nobody counts on it any more.
    const isGone = check.verdict !== 'verified' && (await env.disk.stat(backup.folder)) === null;
    if (!isGone) verified.push({ backup, check });
  }
  return verified;
}

/** The oldest first, but those that may hold the damage of the store last: they would lead to it again. */
export function provedFirst(one: Good, other: Good): number {
  const [a, b] = [one, other].map(({ unproved }) => Number(unproved?.isDoubted === true));
  return (a ?? 0) - (b ?? 0) || one.manifest.position.seq - other.manifest.position.seq;
}

/** Whether retention keeps the log that a backup is to be recovered with. */
export function isPromised({ manifest, problem }: ListedBackup, control: Control): boolean {
  if (manifest === null || problem !== null) return false;
  if (manifest.pattern !== null && manifest.pattern !== control.pattern) return false;
  const { common, seqMax } = forkPoint(control.timelines, manifest.timelines);
  return common > 0 && seqMax >= manifest.position.seq;
}

/** Old backups that only their tag keeps stand for their own position alone. */
function isHeld({ manifest }: Good, control: Control, log: VerifiedLog | null): boolean {
  const next = manifest.position.seq + 1;
  const reaches = log?.firstSeq !== null && log !== null && log.firstSeq <= next;
  return reaches || (control.keepFromSeq !== null && next >= control.keepFromSeq);
}

function chainOf(
  backup: Good,
  log: TargetLog,
  found: VerifiedLog | null,
  logCheck: VerifyCheck,
): VerifyCheck {
  const about = { check: 'chain', subject: backup.id } as const;
  if (found !== null) return chainCheck(about, log, found, { manifest: backup.manifest });
  const message = logCheck.message;
  return failedCheck(about, [new PaminaError('NOT_VERIFIED', message)]);
}

/** The state of an open database, and what is needed of it while it is compared. */
export interface ContentToVerify {
  stateSnapshot(): Promise<PlacedSnapshot>;
  readonly log: {
    /** Keeps it until the returned function is called. */
    pin(fromSeq: number): () => void;
  };
}

export interface VerifyContentOptions extends VerifyDatabaseOptions {
  readonly content: ContentToVerify;
}

/**
 * What LevelDB gives back, against the oldest backup from which the log reaches here: a newer one may
 * have been taken of a store that was damaged by then. Every state hash recorded on the way is compared.
 */
export async function verifyContent(options: VerifyContentOptions): Promise<VerifyCheck> {
  const { content, folder, signal } = options;
  const about = { check: 'content', subject: storeFolderOf(folder) } as const;
  return attemptCheck(about, signal, async () => {
    // Held from before the position is known: nothing that leads to it is deleted meanwhile.
    const unpin = content.log.pin(0);
    try {
      const { point, snapshot } = await content.stateSnapshot();
      try {
        return await compareContent(options, about, point, snapshot);
      } finally {
        await snapshot.close();
      }
    } finally {
      unpin();
    }
  });
}

async function compareContent(
  options: VerifyContentOptions,
  about: { readonly check: 'content'; readonly subject: string },
  point: Position,
  snapshot: PlacedSnapshot['snapshot'],
): Promise<VerifyCheck> {
  const { env, onProgress, signal } = options;
  const control = await controlOf(options);
  const log = await logOf(options, control);
  const { start, listed, later, audits } = await startOf(options, control, log, point);
  return inScratch(env, async (folder) => {
    const replay = {
      env,
      folder,
      backup: folderSource(env, start.folder),
      log: log.source,
      pattern: log.pattern,
      timelines: log.timelines,
      toSeq: point.seq,
      recorded: [...later, ...audits],
      signal,
      onProgress: replayProgress(onProgress),
    };
    return replayInto(replay, async (store, replayed) => {
      const proof = store.snapshot();
      try {
        const compared = await compareStates(snapshot, proof, {
          signal,
          onProgress: (done) => onProgress?.({ step: 'compare', done, total: null, unit: 'bytes' }),
        });
        await judgeContent(options, { listed, compared, replayed, point });
        return contentCheck(about, compared, replayed, point);
      } finally {
        await proof.close();
      }
    });
  });
}

interface ComparedContent {
  readonly listed: readonly ListedBackup[];
  readonly compared: ComparedStates;
  readonly replayed: Replayed;
  readonly point: Position;
}

/** Who is wrong: the store, backups that were taken of a damaged one, or what all is replayed from. */
async function judgeContent(
  options: VerifyContentOptions,
  { compared, listed, point, replayed }: ComparedContent,
): Promise<void> {
  // A beginning that is not what was recorded of it proves nothing, and refutes nothing.
  if (!(await refuteBackups(options, listed, replayed))) return;
  const { manifest } = replayed;
  const at = formatPosition(point);
  const leading = `backup ${manifest.id} and the log lead to at ${at}`;
  if (compared.differenceCount > 0) {
    const message = `it differs in ${compared.differenceCount} keys from what ${leading}`;
    return noteStoreDamage(options, { found: 'content', message });
  }
  if ((await readStoreDamage(options.env, options.folder)) === null) return;
  // What nobody reads now may be damaged all the same.
  const tables = await verifyTables(options);
  if (tables.verdict === 'verified') await clearStoreDamage(options, `it holds what ${leading}`);
}

function contentCheck(
  about: { readonly check: 'content'; readonly subject: string },
  compared: ComparedStates,
  { compared: recorded, manifest }: Replayed,
  point: Position,
): VerifyCheck {
  const { differenceCount, differences, rawBytes: bytes } = compared;
  const position = formatPosition(point);
  const errors = mismatches(recorded);
  if (differenceCount > 0) {
    const message = `the store differs in ${differenceCount} keys from backup ${manifest.id} and the log at position ${position}`;
    const context = { expected: compared.expected, found: compared.stateHash };
    errors.unshift(new PaminaError('STATE_HASH_MISMATCH', message, { context }));
  }
  if (errors.length > 0) return failedCheck(about, errors, { bytes, differences });
  const message = `${compared.entries} entries at position ${position}, equal to backup ${manifest.id} and the log replayed over it`;
  return verifiedCheck(about, message, { bytes });
}

interface ContentStart {
  readonly start: Good;
  readonly listed: readonly ListedBackup[];
  readonly later: readonly RecordedHash[];
  readonly audits: readonly RecordedHash[];
}

/** POSITION_UNREACHABLE if no backup and log lead to the position. */
async function startOf(
  options: VerifyContentOptions,
  control: Control,
  log: TargetLog,
  point: Position,
): Promise<ContentStart> {
  const { env, folder, signal } = options;
  const listed = await listBackups(env, backupsFolderOf(folder));
  const usable = listed.filter(
    (backup): backup is Good =>
      isPromised(backup, control) &&
      backup.manifest !== null &&
      backup.manifest.position.seq <= point.seq,
  );
  usable.sort(provedFirst);
  const watch = usable.map(({ manifest }) => manifest.position.seq);
  const found = await verifyLog({ ...log, toSeq: point.seq, watch, signal });
  const [damage] = found.damages;
  const start = usable.find(({ manifest: { after, chain, position } }) => {
    if (after !== undefined) return false;
    const isAtEnd = position.seq === point.seq && found.firstSeq === null;
    return isAtEnd || found.chains.get(position.seq) === chain;
  });
  if (start === undefined || damage !== undefined) {
    if (damage !== undefined) throw damage;
    const message = `no good backup and log lead to position ${formatPosition(point)}`;
    const context = { path: folder };
    const refusal = new PaminaError('POSITION_UNREACHABLE', message, { context });
    throw unlessUnread(refusal, unreadIn(listed));
  }
  const later = usable.flatMap(({ id, manifest: { position }, stateHash }) =>
    stateHash === null ? [] : [{ seq: position.seq, stateHash, backup: id }],
  );
  return { start, listed, later, audits: found.audits };
}

export async function controlOf({ env, folder }: VerifyDatabaseOptions): Promise<Control> {
  const control = await readControl(env.disk, folder);
  if (control !== null) return control;
  const context = { path: folder };
  throw new PaminaError('DATABASE_NOT_FOUND', `${folder} holds no database`, { context });
}

/** The note of the last sync is read before the segments are listed: it never claims more than they hold. */
export async function logOf(
  { env, folder }: Pick<VerifyDatabaseOptions, 'env' | 'folder'>,
  control: Control,
): Promise<TargetLog> {
  const synced = await readSynced(env.disk, folder);
  const source = logFolderSource({ disk: env.disk, folder: join(folder, 'log') });
  return { source, synced, pattern: control.pattern, timelines: control.timelines };
}
