// Recovers a throw-away copy of a database to a position, for its state hash: a backup at or before
// the position, and the log from there to exactly it. The database may be running; it is only read.
import { join } from 'node:path';
import {
  PaminaError,
  isPaminaError,
  forkPoint,
  formatPosition,
  type BackupManifest,
  type Position,
  type Timeline,
} from '@pamina/format';
import type { Env } from '@pamina/env';
import { StateStore, readControl, type Control } from '@pamina/engine';
import { listBackups, type ListedBackup } from './backup-list.js';
import type { StatePoint } from './contract.js';
import { backupsFolderOf } from './layout.js';
import { loadStore } from './load-store.js';
import { findStretch, stretchBatches, unreachable, type LogStretch } from './log-folder.js';
import { openBackup } from './open-backup.js';
import { folderSource } from './source.js';
import { hashState, type HashedState } from './state-hash.js';
import type { ReadProgress } from './verify.js';

export interface ScratchProgress {
  readonly step: 'load' | 'replay' | 'hash';
  /** `load` and `hash`: bytes of the state; `replay`: records. */
  readonly done: number;
  readonly total: number | null;
}

export interface ScratchOptions {
  readonly env: Env;
  /** The database's folder. */
  readonly folder: string;
  /** The state after this record is the one that is hashed. */
  readonly position: Position;
  /** Where to look for a backup; by default the database's own. */
  readonly backupsFolder?: string | undefined;
  /**
   * Which of the usable backups to begin with: `newest` is quickest; `oldest`, as far as the log
   * reaches, proves most, since a newer one may have been taken of a store that was damaged by then.
   */
  readonly start?: 'newest' | 'oldest' | undefined;
  /** Of a database in this process: keeps its log from `fromSeq` on until the returned function is called. */
  readonly pin?: ((fromSeq: number) => () => void) | undefined;
  readonly onProgress?: ((progress: ScratchProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RecoveredScratch {
  readonly point: StatePoint;
  readonly stateHash: string;
  readonly entries: number;
  /** Id of the backup that was the start. */
  readonly backup: string;
}

interface Recovered {
  readonly hashed: HashedState;
  readonly end: { readonly chain: number; readonly time: number };
}

interface Start extends ListedBackup {
  readonly manifest: BackupManifest;
}

/**
 * POSITION_UNREACHABLE before anything is touched if no backup and log lead to exactly the position;
 * DATABASE_NOT_FOUND, BACKUP_INVALID, LOG_DAMAGED. Nothing of the copy stays.
 */
export async function recoverScratch(options: ScratchOptions): Promise<RecoveredScratch> {
  const { env, folder, position } = options;
  const control = await readControl(env.disk, folder);
  if (control === null) {
    throw new PaminaError('DATABASE_NOT_FOUND', `${folder} holds no database`, {
      context: { path: folder },
    });
  }
  const timelineId = timelineIdOf(control.timelines, position, folder);
  const { start, stretch, release } = await holdStart(options, control);
  try {
    const scratch = await env.disk.temporaryFolder('pamina-scratch-');
    try {
      const recovered = await recoverIn(join(scratch, 'store'), options, start, stretch);
      const { stateHash, entries } = recovered.hashed;
      const point = { ...position, timelineId, ...recovered.end };
      return { point, stateHash, entries, backup: start.id };
    } finally {
      await env.disk.removeTree(scratch);
    }
  } finally {
    release();
  }
}

interface HeldStart {
  readonly start: Start;
  readonly stretch: LogStretch;
  readonly release: () => void;
}

/** The backup to begin with and the log from there on, both kept until released. */
async function holdStart(options: ScratchOptions, control: Control): Promise<HeldStart> {
  const { env, folder, position } = options;
  const usable = await findStarts(options, control);
  for (const [index, start] of usable.entries()) {
    const { manifest } = start;
    const releaseBackup = folderSource(env, start.folder).hold?.();
    const unpin = options.pin?.(manifest.position.seq + 1);
    const release = (): void => {
      unpin?.();
      releaseBackup?.();
    };
    try {
      const stretch = await findStretch(env.disk, {
        databaseFolder: folder,
        pattern: control.pattern,
        fromSeq: manifest.position.seq + 1,
        toSeq: position.seq,
        chainBefore: manifest.chain,
      });
      return { start, stretch, release };
    } catch (error) {
      release();
      const isLast = index === usable.length - 1;
      const mayTryNext = options.start === 'oldest' && isPaminaError(error, 'POSITION_UNREACHABLE');
      if (isLast || !mayTryNext) throw error;
    }
  }
  const where = options.backupsFolder ?? backupsFolderOf(folder);
  throw unreachable(where, `no good backup at or before ${formatPosition(position)}`);
}

async function recoverIn(
  storeFolder: string,
  options: ScratchOptions,
  start: Start,
  stretch: LogStretch,
): Promise<Recovered> {
  const { env, signal, onProgress } = options;
  const { manifest } = start;
  const startSeq = manifest.position.seq;
  const total = stretch.toSeq - startSeq;
  const backup = await openBackup(folderSource(env, start.folder));
  const onLoaded = ({ done, total }: ReadProgress): void =>
    onProgress?.({ step: 'load', done, total });
  await loadStore(backup, { env, folder: storeFolder, signal, onProgress: onLoaded });
  const store = await StateStore.open(env, storeFolder, { create: false });
  try {
    let end = { chain: manifest.chain, time: manifest.createdAt };
    for await (const batch of stretchBatches(stretch)) {
      signal?.throwIfAborted();
      await store.apply(batch);
      end = { chain: batch.point.chain, time: batch.point.time };
      onProgress?.({ step: 'replay', done: batch.point.seq - startSeq, total });
    }
    return { hashed: await hashStore(store, options), end };
  } finally {
    await store.close();
  }
}

async function hashStore(store: StateStore, options: ScratchOptions): Promise<HashedState> {
  const { signal, onProgress } = options;
  const onHashed = ({ rawBytes }: { rawBytes: number }): void =>
    onProgress?.({ step: 'hash', done: rawBytes, total: null });
  const snapshot = store.snapshot();
  try {
    return await hashState(snapshot, { signal, onProgress: onHashed });
  } finally {
    await snapshot.close();
  }
}

/** Whole backups of this history at or before the position, the one to try first first; the initial one counts. */
async function findStarts(options: ScratchOptions, control: Control): Promise<Start[]> {
  const { env, folder, position, start = 'newest' } = options;
  const backupsFolder = options.backupsFolder ?? backupsFolderOf(folder);
  const usable = (await listBackups(env, backupsFolder)).filter(
    (backup): backup is Start =>
      backup.problem === null && isBefore(backup.manifest, control, position),
  );
  const direction = start === 'oldest' ? 1 : -1;
  return usable.sort((a, b) => direction * (a.manifest.position.seq - b.manifest.position.seq));
}

function isBefore(manifest: BackupManifest | null, control: Control, position: Position): boolean {
  if (manifest === null || manifest.position.seq > position.seq) return false;
  if (manifest.kind === 'incremental') return false;
  if (manifest.pattern !== null && manifest.pattern !== control.pattern) return false;
  const shared = forkPoint(control.timelines, manifest.timelines);
  return shared.common > 0 && shared.seqMax >= manifest.position.seq;
}

/** Where one timeline forks from another, the state can be named by either number. */
function timelineIdOf(timelines: readonly Timeline[], position: Position, folder: string): string {
  const index = timelines.findIndex((entry) => entry.timeline === position.timeline);
  const timeline = timelines[index];
  const endSeq = timelines[index + 1]?.atSeq ?? Number.POSITIVE_INFINITY;
  if (timeline !== undefined && position.seq >= timeline.atSeq && position.seq <= endSeq) {
    return timeline.id;
  }
  const message = `${formatPosition(position)} is not on the history of this database`;
  throw new PaminaError('POSITION_UNREACHABLE', message, { context: { path: folder, timelines } });
}
