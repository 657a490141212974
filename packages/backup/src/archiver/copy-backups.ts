// Copies the backups of a database into its archive: every file proved by the manifest before it leaves,
// the manifest last, so that a backup in an archive is whole from the moment that it can be seen (P8).
import { createHash } from 'node:crypto';
import { PaminaError, decodeManifest, isPaminaError } from '@pamina/format';
import type { Archive } from '@pamina/archive';
import type { Env } from '@pamina/env';
import { holdBackup } from '../backup-holds.js';
import { listBackups, type ListedBackup } from '../backup-list.js';
import { manifestFileName, storedFiles } from '../layout.js';
import { orderedParallel } from '../ordered-parallel.js';
import { folderSource } from '../source.js';
import { backupObject, groupBackups, placePrefix, type ArchivePlace } from './archive-layout.js';

export interface CopyBackupsOptions {
  readonly env: Env;
  readonly archive: Archive;
  readonly place: ArchivePlace;
  /** Where the database has its backups. */
  readonly folder: string;
  /** Ids that are known to be in the archive; grows.. */
  readonly known: Set<string>;
  readonly isFirst: boolean;
  readonly signal: AbortSignal;
}

const underWay = { countMax: 3, weightMax: 64 * 1024 * 1024 };

/** Ids of those that were copied. A backup that is damaged here stays here: it is no backup. */
export async function copyBackups(options: CopyBackupsOptions): Promise<string[]> {
  const { archive, env, folder, isFirst, known, place, signal } = options;
  if (isFirst) {
    const objects = await archive.list(`${placePrefix(place)}backups/`, { signal });
    for (const [id, files] of groupBackups(place, objects)) {
      if (files.has(manifestFileName)) known.add(id);
    }
  }
  const copied: string[] = [];
  for (const backup of (await listBackups(env, folder)).reverse()) {
    if (!isWanted(backup, place) || known.has(backup.id)) continue;
    const release = holdBackup(env.disk, backup.folder);
    try {
      await copyBackup(options, backup);
    } catch (error) {
      // Expired since it was listed.
      if (
        !isPaminaError(error, 'FILE_NOT_FOUND') ||
        (await env.disk.stat(backup.folder)) !== null
      ) {
        throw error;
      }
      continue;
    } finally {
      release();
    }
    known.add(backup.id);
    copied.push(backup.id);
  }
  return copied;
}

/** The initial backup has no pattern, and is made again by `create`. */
function isWanted({ manifest, problem }: ListedBackup, place: ArchivePlace): boolean {
  return problem === null && manifest !== null && manifest.pattern === place.pattern;
}

async function copyBackup(options: CopyBackupsOptions, backup: ListedBackup): Promise<void> {
  const { archive, env, place, signal } = options;
  const source = folderSource(env, backup.folder);
  const manifestBytes = await source.readManifest();
  const files = storedFiles(decodeManifest(manifestBytes));
  const parallel = { ...underWay, weigh: ({ bytes }: { bytes: number }) => bytes };
  const sent = orderedParallel(files, parallel, async ({ file, sha256 }) => {
    signal.throwIfAborted();
    const bytes = await env.disk.readFile(`${backup.folder}/${file}`);
    if (sha256Of(bytes) !== sha256) {
      const message = `${backup.folder}/${file} is not what the manifest says; it was not archived`;
      throw new PaminaError('BACKUP_INVALID', message, { context: { file, path: backup.folder } });
    }
    return archive.putIfAbsent(backupObject(place, backup.id, file), bytes, { signal });
  });
  for await (const _outcome of sent) signal.throwIfAborted();
  await archive.putIfAbsent(backupObject(place, backup.id, manifestFileName), manifestBytes, {
    signal,
  });
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
