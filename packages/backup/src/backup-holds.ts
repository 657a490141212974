// Backups that somebody in this process reads: they are not expired under the reader (P10).
import { resolve } from 'node:path';
import { isPaminaError } from '@pamina/format';
import type { Disk } from '@pamina/env';

/** Of each disk: how many readers each backup has, by its path. */
const holdsOf = new WeakMap<Disk, Map<string, number>>();

/** Until the returned function is called, `expireBackups` leaves the backup in `folder` alone. */
export function holdBackup(disk: Disk, folder: string): () => void {
  const path = resolve(folder);
  const holds = holdsOf.get(disk) ?? new Map<string, number>();
  holdsOf.set(disk, holds);
  holds.set(path, (holds.get(path) ?? 0) + 1);
  let isHeld = true;
  return () => {
    if (!isHeld) return;
    isHeld = false;
    const left = (holds.get(path) ?? 1) - 1;
    if (left === 0) holds.delete(path);
    else holds.set(path, left);
  };
}

/** Real paths of all that is held: a reader may name a folder by another way than its database. */
export async function heldFolders(disk: Disk): Promise<ReadonlySet<string>> {
  const folders = new Set<string>();
  for (const path of holdsOf.get(disk)?.keys() ?? []) {
    try {
      folders.add(await disk.realPath(path));
    } catch (error) {
      // What is not there cannot be removed.
      if (!isPaminaError(error, 'FILE_NOT_FOUND')) throw error;
    }
  }
  return folders;
}
