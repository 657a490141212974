// A store that was built anew takes the place of the old one by two renames. A crash between them leaves
// no store but a whole one beside its place, which the next one to open the database puts there (P8).
import { basename, join } from 'node:path';
import { isPaminaError } from '@pamina/format';
import type { Disk, Env } from '@pamina/env';
import { storeFolder } from './create-database.js';

/** A store that is being built: worth nothing. */
export const partialStoreFolder = 'store.rebuilding';
/** One that is whole, verified and on disk. */
export const rebuiltStoreFolder = 'store.rebuilt';
const keptPrefix = 'store.kept-';

/** Whether there was something to make up for. */
export async function finishStoreSwap(disk: Disk, folder: string): Promise<boolean> {
  const store = join(folder, storeFolder);
  if ((await disk.stat(store)) !== null) return false;
  const rebuilt = join(folder, rebuiltStoreFolder);
  if ((await disk.stat(rebuilt)) === null) return false;
  try {
    await disk.rename(rebuilt, store);
    return true;
  } catch (error) {
    // Somebody who opens it at the same moment was faster.
    if (isPaminaError(error, 'FILE_NOT_FOUND') && (await disk.stat(store)) !== null) return false;
    throw error;
  }
}

/** `built` is whole and synced. Where the old store is kept; null if there was none. */
export async function swapStore(env: Env, folder: string, built: string): Promise<string | null> {
  const { clock, disk } = env;
  const store = join(folder, storeFolder);
  await disk.rename(built, join(folder, rebuiltStoreFolder));
  await disk.removeTree(join(folder, partialStoreFolder));
  let kept: string | null = null;
  if ((await disk.stat(store)) !== null) {
    kept = join(folder, keptPrefix + new Date(clock.now()).toISOString().replace(/[:.]/g, '-'));
    await disk.rename(store, kept);
  }
  await finishStoreSwap(disk, folder);
  return kept;
}

/** Paths of the stores that swaps have kept aside, oldest first. */
export async function keptStores(disk: Disk, folder: string): Promise<string[]> {
  const entries = await disk.list(folder);
  return entries
    .filter(({ name, isFolder }) => isFolder && basename(name).startsWith(keptPrefix))
    .map(({ name }) => join(folder, name));
}
