// Takes a full backup while writers go on: one mark record, the state exactly at it (a snapshot, or a
// checkpoint of the store's files), chunks or tables, manifest, and only then its name (P8).
import { join } from 'node:path';
import {
  PaminaError,
  currentTimeline,
  formatPosition,
  isPaminaError,
  type BackupForm,
  type BackupManifest,
  type MarkBody,
} from '@pamina/format';
import { timelinesUntil, version } from '@pamina/engine';
import { listBackups, type ListedBackup } from './backup-list.js';
import { discardPartial, refuseTakenTag, runAlone, type BackupTurnOptions } from './backup-turn.js';
import { writeChunks, writeManifest } from './backup-writer.js';
import type { ChunkCodec } from './chunk-format.js';
import { codecDefault } from './compression.js';
import type { BackupDatabase, PlacedSnapshot } from './contract.js';
import { folderBytes, requireFree, storeFolderOf } from './free-space.js';
import { backupIdAt, partialFolder, storedBytes } from './layout.js';
import { auditBehind, endAudit, recordAudit } from './master-audit.js';
import { pacerOf } from './pacer.js';
import { StoredTables } from './physical/stored-tables.js';
import { CheckpointMaker, removeOldCheckpoint } from './physical/take-checkpoint.js';
import { writeTables } from './physical/write-tables.js';
import { requireSameState } from './require-same-state.js';
import { hashState } from './state-hash.js';
import { notingDamage, refuseDamagedStore } from './store-damage.js';

export interface BackupProgress {
  /** Bytes of the state that are in the backup, before compression; of a physical one, of its files. */
  readonly done: number;
  /** What `done` comes to; in a logical one from the newest backup, null if there is none to tell from. */
  readonly total: number | null;
  /** 0 until the state is read. */
  readonly entries: number;
  readonly rawBytes: number;
  /** As stored; of a physical backup, what no earlier one held. */
  readonly bytes: number;
  /** Of `done`, since the start. */
  readonly bytesPerSecond: number;
}

export interface TakeBackupOptions extends BackupTurnOptions {
  /** `logical` if it is not given. LINK_REFUSED, BACKUP_FORM where `physical` is not possible. */
  readonly form?: BackupForm | undefined;
  /** Of a logical backup. */
  readonly compression?: ChunkCodec | undefined;
  /**
   * Reads the state through for the hash of it before a physical backup is done, not behind it; a logical
   * one has it anyhow.
   */
  readonly stateHash?: boolean | undefined;
  /**
   * The state hash is recorded in the log behind the backup, for replicas and restores; by default what
   * the setting `backupAudit` says. Of a physical backup it is computed in the background, until the
   * database is closed or the next full backup begins.
   */
  readonly audit?: boolean | undefined;
  /** Called when what is computed in the background has ended, whatever came of it. */
  readonly onAudited?: (() => void) | undefined;
  readonly onProgress?: ((progress: BackupProgress) => void) | undefined;
}

/**
 * Resolves when the backup is whole on disk. TAG_TAKEN, TAG_INVALID, BACKUP_RUNNING, DISK_FULL,
 * STORE_REFUTED, STATE_HASH_MISMATCH, STORE_DAMAGED (the store is not what backup and log say),
 * DATABASE_TYPE (a database that never had a session has nothing to back up but its initial backup).
 */
export async function takeBackup(
  database: BackupDatabase,
  options: TakeBackupOptions = {},
): Promise<BackupManifest> {
  return runAlone(database, options, (folder, signal) =>
    notingDamage(database, () => takeLocked(database, folder, { ...options, signal })),
  );
}

async function takeLocked(
  database: BackupDatabase,
  folder: string,
  options: TakeBackupOptions,
): Promise<BackupManifest> {
  await refuseDamagedStore(database);
  const backups = await listBackups(database.env, folder);
  refuseTakenTag(backups, options.tag);
  const own = backups.filter((backup) => isBackupOf(backup, database));
  const before = own[0] ?? null;
  const known = own.find(({ stateHash }) => stateHash !== null) ?? null;
  // How much of a physical one is new is known when its files are.
  if (options.form !== 'physical') await requireSpaceLike(database, folder, before);
  options.signal?.throwIfAborted();
  const startedAt = database.env.clock.now();
  const taken = new Set(backups.map((backup) => backup.id));
  await removeOldCheckpoint(database);
  const maker = options.form === 'physical' ? await CheckpointMaker.prepare(database) : null;
  try {
    const whileThere = maker === null ? undefined : () => maker.make();
    const audit = options.audit ?? database.system.settings().backupAudit;
    const tag = options.tag ?? null;
    await endAudit(database, 'the next backup was begun');
    // What it found in its last moment counts too.
    await refuseDamagedStore(database);
    const at = await place(database, { taken, tag, audit }, whileThere);
    const work = { ...options, ...at, folder, before, known, backups, maker, startedAt, audit };
    return await writePinned(database, work);
  } finally {
    await maker?.remove();
  }
}

async function writePinned(database: BackupDatabase, work: Work): Promise<BackupManifest> {
  const { placed } = work;
  // Until the backup is known to retention, a replica made from it must find the log behind it (P10).
  const unpin = database.log.pin(placed.point.seq + 1);
  let isHandedOn = false;
  try {
    const manifest = await writeBackup(database, work);
    if (!work.isMarked || !work.audit) return manifest;
    if (manifest.stateHash !== null) await recordAudit(database, manifest, manifest.stateHash);
    else {
      const folder = join(work.folder, work.id);
      const { known, onAudited } = work;
      const { snapshot } = placed;
      auditBehind(database, { manifest, folder, snapshot, known, onEnded: onAudited });
      isHandedOn = true;
    }
    return manifest;
  } finally {
    unpin();
    if (!isHandedOn) await placed.snapshot.close();
  }
}

/** Commits the mark where that is possible; replicas and databases that are only read write no log. */
async function place(
  database: BackupDatabase,
  {
    audit,
    tag,
    taken,
  }: {
    readonly taken: ReadonlySet<string>;
    readonly tag: string | null;
    readonly audit: boolean;
  },
  whileThere: (() => Promise<void>) | undefined,
): Promise<{ id: string; placed: PlacedSnapshot; isMarked: boolean }> {
  const { timeline } = currentTimeline(database.timelines);
  const idAt = (seq: number): string => backupIdAt({ timeline, seq }, taken);
  try {
    const body = (seq: number): MarkBody => {
      const backup = idAt(seq);
      return audit ? { backup, tag } : { backup, tag, audit: false };
    };
    const placed = await database.mark(body, whileThere);
    return { id: idAt(placed.point.seq), placed, isMarked: true };
  } catch (error) {
    const writesNoLog =
      isPaminaError(error, 'READ_ONLY') || isPaminaError(error, 'REPLICA_READ_ONLY');
    if (!writesNoLog) throw error;
  }
  if (database.identity.pattern === null) {
    const message = `${database.control.name} never had a session: its initial backup is all there is`;
    throw new PaminaError('DATABASE_TYPE', message, { context: { path: database.folder } });
  }
  const placed = await database.stateSnapshot(whileThere);
  return { id: backupIdAt(placed.point, taken), placed, isMarked: false };
}

interface Work extends TakeBackupOptions {
  readonly folder: string;
  readonly id: string;
  readonly placed: PlacedSnapshot;
  readonly before: ListedBackup | null;
  /** The newest one whose state hash is known. */
  readonly known: ListedBackup | null;
  readonly backups: readonly ListedBackup[];
  /** With a checkpoint at `placed`; null for a logical backup. */
  readonly maker: CheckpointMaker | null;
  /** Whether a mark stands in the log at `placed`. */
  readonly isMarked: boolean;
  readonly audit: boolean;
  readonly startedAt: number;
}

async function writeBackup(database: BackupDatabase, work: Work): Promise<BackupManifest> {
  const { disk } = database.env;
  const { point } = work.placed;
  const partial = partialFolder(work.folder, work.id);
  const startedMs = database.env.clock.monotonic();
  const fields = { backup: work.id, position: formatPosition(point), tag: work.tag ?? null };
  database.jobLog.write(
    'info',
    'backup-started',
    `Backup ${work.id} at position ${fields.position} started.`,
    fields,
  );
  try {
    await disk.makeFolder(partial);
    const manifest = await writeFiles(database, work, partial, startedMs);
    work.signal?.throwIfAborted();
    await requireSameState(database, work.known, manifest, manifest.stateHash);
    await noteKept(database, work);
    await disk.rename(partial, join(work.folder, work.id));
    const ms = Math.round(database.env.clock.monotonic() - startedMs);
    const { entries, form, rawBytes } = manifest;
    const bytes = storedBytes(manifest);
    const what = entries === null ? 'the files of the store' : `${entries} entries`;
    database.jobLog.write(
      'info',
      'backup-finished',
      `Backup ${work.id} holds ${what} in ${bytes} bytes and took ${ms} ms.`,
      { ...fields, form, entries, bytes, rawBytes, ms },
    );
    return manifest;
  } catch (error) {
    await discardPartial(database, partial, error);
    throw error;
  }
}

type Content = Pick<
  BackupManifest,
  'form' | 'codec' | 'chunks' | 'tables' | 'entries' | 'rawBytes' | 'stateHash'
>;

async function writeFiles(
  database: BackupDatabase,
  work: Work,
  partial: string,
  startedMs: number,
): Promise<BackupManifest> {
  const { point, session } = work.placed;
  const content =
    work.maker === null
      ? await writeLogical(database, work, partial, startedMs)
      : await writePhysical(database, work, work.maker, partial, startedMs);
  const manifest: BackupManifest = {
    id: work.id,
    kind: 'full',
    tag: work.tag ?? null,
    database: database.control.name,
    pattern: database.identity.pattern,
    // A replica may know of timelines that it has not reached.
    timelines: timelinesUntil(database.timelines, point.seq),
    session,
    position: { timeline: point.timeline, seq: point.seq },
    chain: point.chain,
    createdAt: point.time,
    startedAt: work.startedAt,
    ...content,
    version,
  };
  await writeManifest(database.env.disk, partial, manifest);
  return manifest;
}

async function writeLogical(
  database: BackupDatabase,
  work: Work,
  partial: string,
  startedMs: number,
): Promise<Content> {
  const { clock, disk } = database.env;
  const codec = work.compression ?? codecDefault;
  const total = work.before?.manifest?.rawBytes ?? null;
  const written = await writeChunks(work.placed.snapshot, {
    disk,
    folder: partial,
    codec,
    signal: work.signal,
    pacer: pacerOf(clock, () => database.log.durable.seq),
    onChunk: (sofar) => {
      const bytesPerSecond = rate(sofar.rawBytes, clock.monotonic() - startedMs);
      const atLeast = total === null ? null : Math.max(total, sofar.rawBytes);
      work.onProgress?.({ ...sofar, done: sofar.rawBytes, total: atLeast, bytesPerSecond });
    },
  });
  const { chunks, entries, rawBytes, stateHash } = written;
  return { form: 'logical', codec, chunks, entries, rawBytes, stateHash };
}

async function writePhysical(
  database: BackupDatabase,
  work: Work,
  { checkpoint }: CheckpointMaker,
  partial: string,
  startedMs: number,
): Promise<Content> {
  const { clock, disk } = database.env;
  const { signal } = work;
  const total = [...checkpoint.tables, ...checkpoint.logs].reduce(
    (sum, { bytes }) => sum + bytes,
    checkpoint.manifestBytes.length,
  );
  const { tables } = await writeTables(checkpoint, {
    disk,
    folder: partial,
    stored: new StoredTables(disk, work.backups),
    signal,
    pacer: pacerOf(clock, () => database.log.durable.seq),
    requireFree: (bytes) =>
      requireFree(database.env, work.folder, bytes, `a backup of ${database.control.name}`),
    onFile: ({ bytes, newBytes }) => {
      const bytesPerSecond = rate(bytes, clock.monotonic() - startedMs);
      const sofar = { done: bytes, rawBytes: bytes, bytes: newBytes };
      work.onProgress?.({ ...sofar, total, entries: 0, bytesPerSecond });
    },
    onDamaged: (path) => {
      const message = `The file ${path} of an earlier backup is damaged; this backup has a copy of its own.`;
      database.jobLog.write('error', 'backup-damaged', message, { path });
    },
  });
  const state =
    work.stateHash === true
      ? await hashState(work.placed.snapshot, { signal })
      : { stateHash: null, entries: null, rawBytes: null };
  return { form: 'physical', codec: 'none', chunks: [], tables, ...state };
}

function rate(bytes: number, ms: number): number {
  return Math.round(bytes / (Math.max(1, ms) / 1000));
}

/**
 * The first kept backup begins to hold log back, at first all that is here; expiry moves on. Noted
 * before the backup has its name: a crash between the two only keeps more log than is needed.
 */
async function noteKept(database: BackupDatabase, work: Work): Promise<void> {
  if (work.destination !== undefined || database.control.keepFromSeq !== null) return;
  const keepFromSeq = Math.min(database.log.firstSeq, work.placed.point.seq + 1);
  await database.updateControl({ keepFromSeq });
}

/** What the newest backup takes, or the store if that has become smaller, is what this one may take. */
async function requireSpaceLike(
  database: BackupDatabase,
  folder: string,
  before: ListedBackup | null,
): Promise<void> {
  const store = await folderBytes(database.env, storeFolderOf(database.folder));
  const bytes = Math.min(before?.bytes ?? 0, store);
  await requireFree(database.env, folder, bytes, `a backup of ${database.control.name}`);
}

function isBackupOf(backup: ListedBackup, database: BackupDatabase): boolean {
  const { manifest } = backup;
  return manifest?.kind === 'full' && manifest.pattern === database.identity.pattern;
}
