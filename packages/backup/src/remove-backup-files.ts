// Removes one backup. Files that it shares with others are one file with a name in each: what goes is its
// name here, and the file with the last one.
import { join } from 'node:path';
import type { Env } from '@pamina/env';
import { removingFolder } from './layout.js';

/**
 * Loses its name first, so that no half of it is ever taken for a backup (P8); what a crash leaves is
 * cleared away by the next who locks the folder, as the caller has. FILE_NOT_FOUND.
 */
export async function removeBackupFiles(
  env: Pick<Env, 'disk'>,
  backupsFolder: string,
  id: string,
): Promise<void> {
  const removing = removingFolder(backupsFolder, id);
  await env.disk.rename(join(backupsFolder, id), removing);
  await env.disk.removeTree(removing);
}
