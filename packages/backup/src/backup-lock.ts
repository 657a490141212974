// Whoever changes a folder of backups holds its lock, between processes and inside one, and begins
// by clearing away what a crash left there.
import { join } from 'node:path';
import { PaminaError, isPaminaError } from '@pamina/format';
import type { Env } from '@pamina/env';
import { isLeftover, lockPath } from './layout.js';

/** Returns the release. BACKUP_RUNNING if somebody else holds the folder. */
export async function lockBackups(env: Env, backupsFolder: string): Promise<() => Promise<void>> {
  await env.disk.makeFolder(backupsFolder);
  let release: () => Promise<void>;
  try {
    release = await env.disk.lockFile(lockPath(backupsFolder), { waitMs: 0 });
  } catch (cause) {
    if (!isPaminaError(cause, 'TIMEOUT')) throw cause;
    const message = `a backup is already being written to or removed from ${backupsFolder}`;
    throw new PaminaError('BACKUP_RUNNING', message, {
      cause,
      context: { ...cause.context, path: backupsFolder },
    });
  }
  try {
    await removeLeftovers(env, backupsFolder);
    return release;
  } catch (error) {
    await release();
    throw error;
  }
}

/** The lock is held, so nobody is still writing what bears the name of a leftover. */
async function removeLeftovers(env: Env, backupsFolder: string): Promise<void> {
  for (const entry of await env.disk.list(backupsFolder)) {
    if (entry.isFolder && isLeftover(entry.name)) {
      await env.disk.removeTree(join(backupsFolder, entry.name));
    }
  }
}
