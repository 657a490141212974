// Backups that somebody in this process reads: they are not expired under the reader (P10).
import { resolve } from 'node:path';

const holds = new Map<string, number>();

/** Until the returned function is called, `expireBackups` leaves the backup in `folder` alone. */
export function holdBackup(folder: string): () => void {
  const path = resolve(folder);
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

export function isHeld(folder: string): boolean {
  return holds.has(resolve(folder));
}
