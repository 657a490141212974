// Copies the backups of a database into its archive: those that are good here and not there.
import { join } from 'node:path';
import { isPaminaError } from '@pamina/format';
import type { Archive, ArchiveObject } from '@pamina/archive';
import type { Env } from '@pamina/env';
import { holdBackup } from '../backup-holds.js';
import { listBackups, type ListedBackup } from '../backup-list.js';
import { auditFileName, manifestFileName } from '../layout.js';
import { parseRecordedAudit } from '../recorded-audit.js';
import {
  backupObject,
  groupBackups,
  placePrefix,
  refutedFileName,
  type ArchivePlace,
} from './archive-layout.js';
import { copyBackup } from './copy-backup.js';

export interface CopyBackupsOptions {
  readonly env: Env;
  readonly archive: Archive;
  readonly place: ArchivePlace;
  /** Where the database has its backups. */
  readonly folder: string;
  /** Ids that are known to be in the archive; grows. */
  readonly known: Set<string>;
  /** What stands beside them, as `<id>/<file>`; grows. */
  readonly beside: Set<string>;
  readonly isFirst: boolean;
  /** With what the archive has of backups, where it is listed. */
  readonly onListed?: ((objects: readonly ArchiveObject[]) => void) | undefined;
  readonly signal: AbortSignal;
}

/** What counts is that the object is there. */
const besideNames = [auditFileName, refutedFileName];
const refutedBytes = new TextEncoder().encode('refuted\n');

/** Ids of those that were copied. A backup that is damaged here stays here: it is no backup. */
export async function copyBackups(options: CopyBackupsOptions): Promise<string[]> {
  const { archive, beside, env, folder, isFirst, known, onListed, place, signal } = options;
  if (isFirst) {
    const objects = await archive.list(`${placePrefix(place)}backups/`, { signal });
    onListed?.(objects);
    for (const [id, files] of groupBackups(place, objects)) {
      if (files.has(manifestFileName)) known.add(id);
      for (const file of besideNames) if (files.has(file)) beside.add(`${id}/${file}`);
    }
  }
  const copied: string[] = [];
  for (const backup of (await listBackups(env, folder)).reverse()) {
    if (known.has(backup.id)) await copyBeside(options, backup);
    if (!isWanted(backup, place) || known.has(backup.id)) continue;
    const release = holdBackup(env.disk, backup.folder);
    try {
      await copyBackup(options, backup.folder, backup.id);
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
    await copyBeside(options, backup);
  }
  return copied;
}

/** What became known of a backup behind its manifest: the hash that its audit recorded, or that it is bad. */
async function copyBeside(
  { archive, beside, env, place, signal }: CopyBackupsOptions,
  backup: ListedBackup,
): Promise<void> {
  const { folder, id, manifest, stateHash } = backup;
  const put = async (file: string, bytes: Uint8Array): Promise<void> => {
    await archive.putIfAbsent(backupObject(place, id, file), bytes, { signal });
    beside.add(`${id}/${file}`);
  };
  if (isRefuted(backup) && !beside.has(`${id}/${refutedFileName}`)) {
    await put(refutedFileName, refutedBytes);
  }
  const isRecorded = manifest !== null && manifest.stateHash === null && stateHash !== null;
  if (!isRecorded || beside.has(`${id}/${auditFileName}`)) return;
  const bytes = await env.disk.readFileIfPresent(join(folder, auditFileName));
  if (bytes !== null && parseRecordedAudit(bytes, manifest) !== null) {
    await put(auditFileName, bytes);
  }
}

/** Found to be of a damaged store after it was made, and perhaps copied. */
function isRefuted({ manifest, problem }: ListedBackup): boolean {
  return manifest !== null && isPaminaError(problem, 'STATE_HASH_MISMATCH');
}

/** The initial backup has no pattern, and is made again by `create`. */
function isWanted({ manifest, problem }: ListedBackup, place: ArchivePlace): boolean {
  return problem === null && manifest !== null && manifest.pattern === place.pattern;
}
