// Recovers a throw-away copy of a database to a position, for its state hash: a backup at or before
// the position, and the log from there to exactly it. The database may be running; it is only read.
import { join } from 'node:path';
import { PaminaError, isPaminaError, timelineAt, type Position } from '@pamina/format';
import type { Env } from '@pamina/env';
import { StateStore, readControl } from '@pamina/engine';
import type { StatePoint } from './contract.js';
import { loadStore, pointOf } from './load-store.js';
import { openBackup } from './open-backup.js';
import { folderPlace, holdLogs, type RecoveryPlace } from './recover/place.js';
import { planRecovery, type RecoveryPlan } from './recover/plan.js';
import { replay } from './recover/replay.js';
import { hashState, type HashedState } from './state-hash.js';

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

/**
 * POSITION_UNREACHABLE before anything is touched if no backup and log lead to exactly the position;
 * DATABASE_NOT_FOUND, BACKUP_INVALID, LOG_DAMAGED. Nothing of the copy stays.
 */
export async function recoverScratch(options: ScratchOptions): Promise<RecoveredScratch> {
  const { env, folder, position, backupsFolder, pin, signal } = options;
  if ((await readControl(env.disk, folder)) === null) {
    throw new PaminaError('DATABASE_NOT_FOUND', `${folder} holds no database`, {
      context: { path: folder },
    });
  }
  const place = await folderPlace(env, folder, { backupsFolder, pin });
  const release = holdLogs(place, 0);
  try {
    const target = { kind: 'position', position } as const;
    const plan = await planRecovery({ place, target, prefer: options.start, signal });
    return await recoverPlanned(options, place, plan);
  } catch (error) {
    throw deletedMeanwhile(error);
  } finally {
    release();
  }
}

async function recoverPlanned(
  options: ScratchOptions,
  place: RecoveryPlace,
  plan: RecoveryPlan,
): Promise<RecoveredScratch> {
  const { disk } = options.env;
  const releaseBackup = plan.backup.source.hold?.();
  const scratch = await disk.temporaryFolder('pamina-scratch-');
  try {
    const { stateHash, entries } = await recoverIn(join(scratch, 'store'), options, plan);
    const { chain, time } = plan.point;
    const { id: timelineId } = timelineAt(place.history ?? plan.timelines, plan.position.seq);
    const point = { ...plan.position, timelineId, chain, time };
    return { point, stateHash, entries, backup: plan.backup.id };
  } finally {
    await disk.removeTree(scratch);
    releaseBackup?.();
  }
}

async function recoverIn(
  storeFolder: string,
  options: ScratchOptions,
  { backup, records, spans }: RecoveryPlan,
): Promise<HashedState> {
  const { env, signal, onProgress } = options;
  await loadStore(await openBackup(backup.source), {
    env,
    folder: storeFolder,
    signal,
    onProgress: ({ done, total }) => onProgress?.({ step: 'load', done, total }),
  });
  const store = await StateStore.open(env, storeFolder, { create: false });
  try {
    await replay(store, pointOf(backup.manifest), spans, {
      signal,
      onProgress: (done) => onProgress?.({ step: 'replay', done: done.records, total: records }),
    });
    return await hashStore(store, options);
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

/** The database that writes this log may delete what it no longer needs while it is read. */
function deletedMeanwhile(error: unknown): unknown {
  if (!isPaminaError(error, 'FILE_NOT_FOUND') && !isPaminaError(error, 'LOG_GONE')) return error;
  const message = 'the position cannot be reached: log was deleted meanwhile';
  return new PaminaError('POSITION_UNREACHABLE', message, {
    cause: error,
    context: error.context,
  });
}
