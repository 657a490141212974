// Backups that outlive their database: `delete --keep-backups` moves them to a folder of their own,
// where they are listed by the database's name and restored from like any others.

import { listBackups, type ListedBackup } from '@pamina/backup';
import type { Env } from '@pamina/env';
import { join } from 'node:path';

const keptFolder = '.kept-backups';
/** When the database was deleted, as in an ISO time with hyphens only. */
const timePattern = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$/;

export function keptBackupsFolder(dataFolder: string): string {
  return join(dataFolder, keptFolder);
}

/** `time` is when it was deleted, as `timePattern` has it. */
export function keptBackupsPath(dataFolder: string, name: string, time: string): string {
  return join(keptBackupsFolder(dataFolder), `${name}-${time}`);
}

/** Folders of kept backups of a name, of the database deleted last first; [] if there are none. */
export async function keptBackupsOf(
  { disk }: Pick<Env, 'disk'>,
  dataFolder: string,
  name: string,
): Promise<string[]> {
  const folder = keptBackupsFolder(dataFolder);
  if ((await disk.stat(folder)) === null) return [];
  const prefix = `${name}-`;
  return (await disk.list(folder))
    .filter((entry) => entry.isFolder && entry.name.startsWith(prefix))
    .filter((entry) => timePattern.test(entry.name.slice(prefix.length)))
    .map((entry) => join(folder, entry.name))
    .toReversed();
}

/** All backups of all deleted databases of this name, newest database first. */
export async function listKeptBackups(
  env: Env,
  dataFolder: string,
  name: string,
): Promise<ListedBackup[]> {
  const found: ListedBackup[] = [];
  for (const folder of await keptBackupsOf(env, dataFolder, name)) {
    found.push(...(await listBackups(env, folder)));
  }
  return found;
}
