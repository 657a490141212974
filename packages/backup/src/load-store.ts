// Fills a new store with a backup: what a restore and a scratch copy begin with.
import type { BackupManifest } from '@pamina/format';
import type { Env } from '@pamina/env';
import { StoreLoader } from '@pamina/engine';
import type { ChainPoint } from '@pamina/log';
import type { OpenedBackup } from './open-backup.js';
import { readThrough, type VerifyOptions } from './verify.js';

export interface LoadOptions extends VerifyOptions {
  readonly env: Env;
  /** Of the store; must not exist. */
  readonly folder: string;
}

/**
 * Verifies while loading; the store is on disk and closed when this resolves, to the state hash of
 * what was put into it. Whoever calls removes the folder after an error.
 */
export async function loadStore(backup: OpenedBackup, options: LoadOptions): Promise<string> {
  const loader = await StoreLoader.create(options.env, options.folder);
  try {
    const stateHash = await readThrough(backup, options, (entries) => loader.put(entries));
    await loader.finish(pointOf(backup.manifest), backup.manifest.session);
    return stateHash;
  } catch (error) {
    await loader.abandon();
    throw error;
  }
}

/** The last record that a backup holds. */
export function pointOf({ position, chain, createdAt }: BackupManifest): ChainPoint {
  return { seq: position.seq, chain, time: createdAt };
}
