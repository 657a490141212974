// Puts a store that was built anew in the place of the old one, which is kept. Two renames: a crash
// between them leaves no store, and the next open makes up for the second one.
import { join } from 'node:path';
import type { Disk } from '@pamina/env';
import { storeFolder } from './create-database.js';

/** A new store goes by this name when it is whole, proved and on disk. */
const readyName = 'store.recovered';

/** Where a new store is made ready; what is there already was left by a crash and may be removed. */
export function readyStoreFolder(folder: string): string {
  return join(folder, readyName);
}

/** The database must be closed; the old store is kept at `kept`. */
export async function swapStore(disk: Disk, folder: string, kept: string): Promise<void> {
  const store = join(folder, storeFolder);
  if ((await disk.stat(store)) !== null) await disk.rename(store, kept);
  await disk.rename(readyStoreFolder(folder), store);
}

/** At open. A new store beside one that is there was never put in its place: the next recovery removes it. */
export async function finishStoreSwap(disk: Disk, folder: string): Promise<void> {
  const ready = readyStoreFolder(folder);
  if ((await disk.stat(ready)) === null) return;
  const store = join(folder, storeFolder);
  if ((await disk.stat(store)) === null) await disk.rename(ready, store);
}
