// Lays out a backup as a new database, beside its place: loaded, read back and compared, synced, and
// only then given its name (P8). A crash leaves nothing that looks like a database.
import { basename, dirname, join } from 'node:path';
import {
  PaminaError,
  bytesToHex,
  formatPosition,
  isPaminaError,
  validateName,
  type BackupManifest,
  type Position,
  type Timeline,
} from '@pamina/format';
import type { Env } from '@pamina/env';
import {
  JobLog,
  StateStore,
  newInstance,
  refuseOccupied,
  writeControl,
  type Control,
} from '@pamina/engine';
import { storedBytes } from './layout.js';
import type { ChainPoint } from '@pamina/log';
import { requireFree, storeFolderOf } from './free-space.js';
import { loadStore, pointOf } from './load-store.js';
import { openBackup, type OpenedBackup } from './open-backup.js';
import type { BackupSource } from './source.js';
import { hashState } from './state-hash.js';

export interface RestoreProgress {
  /** Loading the backup, then reading the new store back. */
  readonly step: 'load' | 'verify';
  /** Bytes of the state, before compression; of a physical backup, of its files. */
  readonly done: number;
  readonly total: number;
  readonly entries: number;
}

/** What a store holds after log was replayed over the backup. It is closed, and on disk. */
export interface AdvancedState {
  readonly point: ChainPoint;
  readonly session: number;
  readonly position: Position;
  readonly timelines: readonly Timeline[];
  readonly pattern: string | null;
}

export interface RestoreOptions {
  readonly env: Env;
  readonly source: BackupSource;
  /** The new database's folder; must not exist, or be empty. */
  readonly folder: string;
  readonly name: string;
  /** Takes the store that was laid out and proved further along the history; says where it stands then. */
  readonly advance?: ((storeFolder: string) => Promise<AdvancedState>) | undefined;
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined;
  /** Ends the restore with `signal.reason`; nothing of it stays. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Resolves to the control data of the new database, of type `unassigned`, when it is on disk.
 * DATABASE_EXISTS, DATABASE_IN_USE (another restore to this folder runs), BACKUP_INVALID,
 * STATE_HASH_MISMATCH, DISK_FULL, and what openBackup throws.
 */
export async function restore(options: RestoreOptions): Promise<Control> {
  const { env, folder, source } = options;
  validateName(options.name);
  options.signal?.throwIfAborted();
  await env.disk.makeFolder(dirname(folder));
  const unlock = await lockTarget(env, folder);
  const release = source.hold?.();
  try {
    await refuseOccupied(env.disk, folder);
    await removeLeftovers(env, folder);
    const backup = await openBackup(source);
    await requireFree(
      env,
      dirname(folder),
      storedBytes(backup.manifest),
      `the restore of ${source.describe()}`,
    );
    const beside = `${besidePrefix(folder)}${bytesToHex(env.random.bytes(6))}`;
    try {
      return await layOut(options, backup, beside);
    } catch (error) {
      await discard(env, beside);
      throw error;
    }
  } finally {
    release?.();
    await unlock();
  }
}

async function layOut(
  options: RestoreOptions,
  backup: OpenedBackup,
  beside: string,
): Promise<Control> {
  const { env, folder } = options;
  const storeFolder = storeFolderOf(beside);
  const stateHash = await loadStore(backup, {
    env,
    folder: storeFolder,
    signal: options.signal,
    onProgress: (progress) => options.onProgress?.({ step: 'load', ...progress }),
  });
  // The files of a physical backup were proved on the way and are as they were.
  if (stateHash !== null) await proveStore(options, backup, storeFolder, stateHash);
  options.signal?.throwIfAborted();
  const state = (await options.advance?.(storeFolder)) ?? stateOf(backup.manifest);
  const control = controlOf(env, options.name, state);
  await writeRestored(env, beside, backup, control, state);
  await writeControl(env.disk, beside, control);
  await env.disk.syncFolder(beside);
  try {
    await env.disk.rename(beside, folder, { replace: true });
  } catch (cause) {
    if (!isPaminaError(cause)) throw cause;
    await refuseOccupied(env.disk, folder);
    throw cause;
  }
  return control;
}

/**
 * Opens the new store as a database would and proves that what it gives back is what the backup
 * holds (P3, P9): LevelDB says nothing when it lost something.
 */
async function proveStore(
  options: RestoreOptions,
  backup: OpenedBackup,
  storeFolder: string,
  expected: string,
): Promise<void> {
  const { env, signal, onProgress } = options;
  const { manifest } = backup;
  const store = await StateStore.open(env, storeFolder, { create: false });
  try {
    const snapshot = store.snapshot();
    try {
      const found = await hashState(snapshot, {
        signal,
        onProgress: ({ entries, rawBytes }) =>
          onProgress?.({
            step: 'verify',
            done: rawBytes,
            total: manifest.rawBytes ?? rawBytes,
            entries,
          }),
      });
      if (found.stateHash !== expected || found.entries !== manifest.entries) {
        throw new PaminaError(
          'STATE_HASH_MISMATCH',
          `the store restored from ${backup.source.describe()} does not hold what the backup holds`,
          { context: { expected, found: found.stateHash, entries: found.entries } },
        );
      }
    } finally {
      await snapshot.close();
    }
    // Opening wrote new files: they too are on disk before the store is published.
    await store.syncLogs();
    await store.initialize(pointOf(manifest), manifest.session);
  } finally {
    await store.close();
  }
}

function stateOf(manifest: BackupManifest): AdvancedState {
  const { session, position, timelines, pattern } = manifest;
  return { point: pointOf(manifest), session, position, timelines, pattern };
}

function controlOf(env: Env, name: string, state: AdvancedState): Control {
  return {
    formatVersion: 1,
    name,
    type: 'unassigned',
    instance: newInstance(env),
    master: null,
    readOnly: false,
    simultaneousQuery: false,
    timelines: state.timelines,
    pattern: state.pattern,
    base: state.point,
    session: state.session,
    createdAt: env.clock.now(),
    keepFromSeq: null,
    formerMaster: null,
  };
}

/** The first line of the new database's job log says where it comes from. */
async function writeRestored(
  env: Env,
  beside: string,
  backup: OpenedBackup,
  control: Control,
  state: AdvancedState,
): Promise<void> {
  const { manifest, source } = backup;
  const position = formatPosition(manifest.position);
  const reached = formatPosition(state.position);
  const replayed = reached === position ? '' : `, and log was replayed up to ${reached}`;
  const jobLog = new JobLog(env.disk, env.clock, beside);
  jobLog.write(
    'info',
    'restored',
    `${control.name} was restored from backup ${manifest.id} of ${manifest.database} at position ${position}${replayed}.`,
    { backup: manifest.id, source: source.describe(), position, entries: manifest.entries },
  );
  await jobLog.settle();
}

function besidePrefix(folder: string): string {
  return join(dirname(folder), `.${basename(folder)}.restoring-`);
}

async function lockTarget(env: Env, folder: string): Promise<() => Promise<void>> {
  const path = join(dirname(folder), `.${basename(folder)}.restore.lock`);
  try {
    return await env.disk.lockFile(path, { waitMs: 0 });
  } catch (cause) {
    if (!isPaminaError(cause, 'TIMEOUT')) throw cause;
    const message = `another restore to ${folder} is running`;
    const context = { ...cause.context, path: folder };
    throw new PaminaError('DATABASE_IN_USE', message, { cause, context });
  }
}

/** The lock is held: what bears such a name was left by a crash. */
async function removeLeftovers(env: Env, folder: string): Promise<void> {
  const prefix = basename(besidePrefix(folder));
  for (const entry of await env.disk.list(dirname(folder))) {
    if (entry.name.startsWith(prefix)) {
      await env.disk.removeTree(join(dirname(folder), entry.name));
    }
  }
}

async function discard(env: Env, beside: string): Promise<void> {
  try {
    await env.disk.removeTree(beside);
  } catch (error) {
    // Why the restore failed is the better error; the next restore of this name removes the rest.
    if (!isPaminaError(error)) throw error;
  }
}
