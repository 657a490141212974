// Creating databases: empty ones, and unassigned ones from a backup, wherever it is.

import { type BackupSource, folderSource, restore } from '@pamina/backup';
import { createDatabase } from '@pamina/engine';
import { isPaminaError, PaminaError } from '@pamina/format';
import {
  type BackupSummary,
  type CreateOptions,
  HttpBackupSource,
  parseBackupUrl,
  type Progress,
} from '@pamina/wire';
import { resolve } from 'node:path';
import type { HostCore } from './host-core.js';
import { inheritName, requireNameFree } from './host-names.js';
import { goOnline } from './host-start.js';
import { callerOf, type MasterLink } from './master-link.js';
import { restoreProgress } from './progress.js';

const directoryScheme = 'pamina://';

/** DATABASE_EXISTS, NAME_TAKEN, BACKUP_NOT_FOUND, and what a restore throws. */
export async function create(
  core: HostCore,
  name: string,
  options: CreateOptions = {},
  progress?: Progress,
): Promise<void> {
  await core.turns.run(name, async () => {
    await requireNew(core, name);
    if (options.fromBackup === undefined) {
      const { instance } = await createDatabase(core.folder(name), { env: core.env, name });
      await inheritName(core, name, instance);
      if (core.address !== null) await goOnline(core, name);
      return;
    }
    const source = await sourceOf(core, options.fromBackup);
    await restoreTo(core, core.folder(name), name, source, progress);
    await inheritName(core, name, (await core.control(name)).instance);
  });
}

/** Before anything is fetched or written. */
export async function requireNew(core: HostCore, name: string): Promise<void> {
  if (await core.exists(name)) {
    throw new PaminaError('DATABASE_EXISTS', `there is a database ${name} in ${core.dataFolder}`, {
      context: { name },
    });
  }
  await requireNameFree(core, name);
}

/** The caller has the turn. */
export async function restoreTo(
  core: HostCore,
  folder: string,
  name: string,
  source: BackupSource,
  progress?: Progress,
): Promise<void> {
  const onProgress = progress === undefined ? undefined : restoreProgress(progress);
  await restore({ env: core.env, source, folder, name, onProgress, signal: core.signal });
}

async function sourceOf(core: HostCore, text: string): Promise<BackupSource> {
  if (text.startsWith(directoryScheme)) {
    const link = await core.link(text.slice(directoryScheme.length).replace(/\/$/, ''));
    return link.source((await newestBackup(link)).id);
  }
  const url = parseBackupUrl(text);
  if (url !== null) {
    return new HttpBackupSource(callerOf(url.address, core), url.database, url.id, core.signal);
  }
  if (/^[a-z]+:\/\//i.test(text)) {
    throw new PaminaError('ADDRESS_INVALID', `${text} is not the address of a backup`, {
      hint: 'Write pamina://MASTER, or http://HOST:PORT/v1/databases/NAME/backups/ID.',
    });
  }
  return folderSource(core.env, resolve(text));
}

/** What a new replica starts from; asked for when there is none, or the log behind it is gone. */
export async function backupToStartFrom(
  link: MasterLink,
  progress?: Progress,
): Promise<BackupSummary> {
  try {
    const backup = await newestBackup(link);
    const { log } = await link.status();
    const seq = Number(backup.position?.split('/')[1] ?? 0);
    if (log.firstSeq === null || seq + 1 >= log.firstSeq) return backup;
  } catch (error) {
    if (!isPaminaError(error, 'BACKUP_NOT_FOUND')) throw error;
  }
  return link.takeBackup(progress);
}

/** The newest good backup that is not initial. BACKUP_NOT_FOUND. */
async function newestBackup(link: MasterLink): Promise<BackupSummary> {
  const backups = await link.backups();
  const newest = backups.find(
    ({ isDoubted, kind, problem }) =>
      kind === 'full' && (problem ?? null) === null && isDoubted !== true,
  );
  if (newest !== undefined) return newest;
  throw new PaminaError('BACKUP_NOT_FOUND', `${link.name} has no backup but its initial one`, {
    hint: `Take one with \`pamina backup ${link.name}\`.`,
    context: { name: link.name },
  });
}
