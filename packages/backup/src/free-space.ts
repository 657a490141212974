// Refuses work that cannot fit before it fills the disk under the database that writes there.
import { join } from 'node:path';
import { PaminaError } from '@pamina/format';
import type { Env } from '@pamina/env';

/** DISK_FULL if fewer than `bytes` bytes are free where `path` is. */
export async function requireFree(
  env: Env,
  path: string,
  bytes: number,
  what: string,
): Promise<void> {
  const free = await env.disk.freeBytes(path);
  if (free >= bytes) return;
  const message = `${what} needs about ${bytes} bytes at ${path}, and ${free} are free`;
  throw new PaminaError('DISK_FULL', message, { context: { path, bytes, free } });
}

/** Bytes of the files directly in a folder; 0 if it is not there. */
export async function folderBytes(env: Env, folder: string): Promise<number> {
  if ((await env.disk.stat(folder)) === null) return 0;
  const entries = await env.disk.list(folder);
  return entries.reduce((sum, entry) => sum + (entry.isFolder ? 0 : entry.bytes), 0);
}

export function storeFolderOf(databaseFolder: string): string {
  return join(databaseFolder, 'store');
}
