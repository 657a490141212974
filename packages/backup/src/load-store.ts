// Fills a new store with a backup: what a restore and a scratch copy begin with.
import { PaminaError, type BackupManifest } from '@pamina/format';
import type { Env } from '@pamina/env';
import { StateStore, StoreLoader } from '@pamina/engine';
import type { ChainPoint } from '@pamina/log';
import type { OpenedBackup } from './open-backup.js';
import { copyStore } from './physical/copy-store.js';
import { readThrough, type VerifyOptions } from './verify.js';

export interface LoadOptions extends VerifyOptions {
  readonly env: Env;
  /** Of the store; must not exist. */
  readonly folder: string;
}

/**
 * Verifies while loading; the store is on disk and closed when this resolves, to the state hash of
 * what was put into it; null for a physical backup, whose files are proved and copied as they are.
 * Whoever calls removes the folder after an error.
 */
export async function loadStore(
  backup: OpenedBackup,
  options: LoadOptions,
): Promise<string | null> {
  if (backup.manifest.form === 'physical') {
    await loadFiles(backup, options);
    return null;
  }
  return loadEntries(backup, options);
}

async function loadFiles(backup: OpenedBackup, options: LoadOptions): Promise<void> {
  const { env, folder, onProgress } = options;
  const { manifest, source } = backup;
  const entries = 0;
  await copyStore(backup, {
    ...options,
    onProgress: ({ done, total }) => onProgress?.({ done, total, entries }),
  });
  const store = await StateStore.open(env, folder, { create: false });
  try {
    const expected = pointOf(manifest);
    const found = await store.applied();
    if (found?.seq !== expected.seq || found.chain !== expected.chain) {
      const message = `the store in ${source.describe()} is not at the position that its manifest says`;
      throw new PaminaError('BACKUP_INVALID', message, {
        context: { backup: source.describe(), expected, found },
      });
    }
    // Opening made tables of the logs, and files of its own.
    await store.syncLogs();
    await store.initialize(expected, manifest.session);
  } finally {
    await store.close();
  }
}

async function loadEntries(backup: OpenedBackup, options: LoadOptions): Promise<string> {
  const loader = await StoreLoader.create(options.env, options.folder);
  try {
    const stateHash = await readThrough(backup, options, (entries) => loader.put(entries));
    await loader.finish(pointOf(backup.manifest), backup.manifest.session);
    return stateHash;
  } catch (error) {
    await loader.abandon();
    throw storeRefused(error, options.folder);
  }
}

/** What LevelDB says of a write that the system refused: a full disk is told apart by its words alone. */
function storeRefused(error: unknown, folder: string): unknown {
  const code = error instanceof Error ? String((error as { code?: unknown }).code) : '';
  if (!(error instanceof Error) || !code.startsWith('LEVEL_')) return error;
  const isFull = /No space left|ENOSPC|not enough space/i.test(
    `${error.message} ${String(error.cause)}`,
  );
  const message = `LevelDB could not write to ${folder}: ${error.message}`;
  return new PaminaError(isFull ? 'DISK_FULL' : 'STORE_ERROR', message, {
    cause: error,
    context: { path: folder },
  });
}

/** The last record that a backup holds. */
export function pointOf({ position, chain, createdAt }: BackupManifest): ChainPoint {
  return { seq: position.seq, chain, time: createdAt };
}
