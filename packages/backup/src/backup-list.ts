// What backups there are. A damaged one is listed with what is wrong with it, never left out: who
// counts on it must learn that before the day it is needed (P9).
import { join } from 'node:path';
import {
  PaminaError,
  decodeManifest,
  isPaminaError,
  toPaminaError,
  type BackupManifest,
} from '@pamina/format';
import type { Env } from '@pamina/env';
import { initialBackupId } from '@pamina/engine';
import { chainProblem } from './backup-chain.js';
import { isLeftover, manifestFileName, storedFiles } from './layout.js';
import {
  readRecordedAudit,
  readSkippedAudit,
  type RecordedAudit,
  type SkippedAudit,
} from './recorded-audit.js';
import { unlessUnread, unreadIn } from './read-failure.js';
import { readManifestFile } from './source.js';

export interface ListedBackup {
  /** Name of its folder. */
  readonly id: string;
  readonly folder: string;
  /** Null if it cannot be read; `problem` says why. */
  readonly manifest: BackupManifest | null;
  /** As stored, all files together. */
  readonly bytes: number;
  /** Of the manifest, or what an audit recorded later; null if it is not known. */
  readonly stateHash: string | null;
  /** Of a full backup whose state hash nobody knows: it is not proved to be right; null else. */
  readonly unproved: Unproved | null;
  /**
   * Null if the manifest is right, every file is there with its size, and, of an incremental backup,
   * all that it builds on is there and fits. Contents are for verifyBackup.
   */
  readonly problem: PaminaError | null;
}

export interface Unproved extends SkippedAudit {
  /** Its state was to be compared, and that came to nothing. */
  readonly isNoted: boolean;
}

/** Newest first, those without a readable manifest last; [] if the folder does not exist. */
export async function listBackups(env: Env, backupsFolder: string): Promise<ListedBackup[]> {
  const status = await env.disk.stat(backupsFolder);
  if (status === null || !status.isFolder) return [];
  const backups: ListedBackup[] = [];
  for (const entry of await env.disk.list(backupsFolder)) {
    if (!entry.isFolder || entry.name.startsWith('.') || isLeftover(entry.name)) continue;
    const backup = await readListed(env, backupsFolder, entry.name);
    if (backup !== null) backups.push(backup);
  }
  const byId = new Map(backups.map((backup) => [backup.id, backup]));
  return backups
    .map((backup) => ({ ...backup, problem: backup.problem ?? chainProblem(backup, byId) }))
    .sort(newestFirst);
}

/** A backup by its id or its tag; the newest good one that is not initial if null. BACKUP_NOT_FOUND,
 * or the problem of the one that was named;
 * where none is found and some could not be read, what kept them from it. */
export async function findBackup(
  env: Env,
  backupsFolder: string,
  idOrTag: string | null,
): Promise<ListedBackup & { readonly manifest: BackupManifest }> {
  const backups = await listBackups(env, backupsFolder);
  const found =
    idOrTag === null
      ? backups.find((backup) => backup.problem === null && backup.manifest?.kind === 'full')
      : (backups.find((backup) => backup.id === idOrTag) ??
        backups.find((backup) => backup.manifest?.tag === idOrTag));
  if (found === undefined) {
    throw unlessUnread(notFound(backupsFolder, idOrTag, backups), unreadIn(backups));
  }
  if (found.problem !== null) throw found.problem;
  return { ...found, manifest: found.manifest as BackupManifest };
}

async function readListed(env: Env, folder: string, id: string): Promise<ListedBackup | null> {
  const path = join(folder, id);
  let manifest: BackupManifest | null = null;
  let bytes = 0;
  let stateHash: string | null = null;
  try {
    const files = await env.disk.list(path);
    bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    manifest = decodeManifest(await readManifestFile(env, path));
    const audit = await auditOf(env, path, manifest);
    if (audit === null) stateHash = manifest.stateHash;
    else if (audit.differsFrom === null) stateHash = manifest.stateHash ?? audit.stateHash;
    const sizes = new Map(files.map((file) => [file.name, file.bytes]));
    const problem =
      nameProblem(manifest, id, path) ??
      sizeProblem(manifest, sizes, path) ??
      auditProblem(path, audit);
    const unproved = stateHash === null ? await unprovedOf(env, path, manifest) : null;
    return { id, folder: path, manifest, bytes, stateHash, unproved, problem };
  } catch (error) {
    // Removed since the folder was listed.
    if ((await env.disk.stat(path)) === null) return null;
    const problem = inPlace(toPaminaError(error), path);
    return { id, folder: path, manifest, bytes, stateHash, unproved: null, problem };
  }
}

/** Nobody compares the state of the initial backup, or of one that holds log alone. */
async function unprovedOf(
  env: Env,
  path: string,
  manifest: BackupManifest,
): Promise<Unproved | null> {
  if (manifest.kind !== 'full') return null;
  const skipped = await readSkippedAudit(env.disk, path, manifest);
  if (skipped !== null) return { ...skipped, isNoted: true };
  return { why: 'no hash of its state was recorded', isDoubted: false, isNoted: false };
}

/** Of a full backup alone. */
async function auditOf(
  env: Env,
  path: string,
  manifest: BackupManifest,
): Promise<RecordedAudit | null> {
  if (manifest.kind !== 'full') return null;
  return readRecordedAudit(env.disk, path, manifest);
}

/** Found only after the backup was published: it must not drive the last good one out (P9). */
function auditProblem(path: string, audit: RecordedAudit | null): PaminaError | null {
  if (audit === null || audit.differsFrom === null) return null;
  const { backup, differsFrom, stateHash } = audit;
  const message = `${path} is of a store that did not hold what backup ${differsFrom} and the log behind it lead to`;
  const context = { path, backup, differsFrom, found: stateHash };
  return new PaminaError('STATE_HASH_MISMATCH', message, { context });
}

/** Others name a backup by its id, and find it by its folder. */
function nameProblem(manifest: BackupManifest, id: string, path: string): PaminaError | null {
  if (manifest.id === id) return null;
  const message = `${path} holds the backup ${manifest.id}: give it that name`;
  return new PaminaError('BACKUP_INVALID', message, { context: { path, backup: manifest.id } });
}

function sizeProblem(
  manifest: BackupManifest,
  sizes: ReadonlyMap<string, number>,
  path: string,
): PaminaError | null {
  for (const { file, bytes } of storedFiles(manifest)) {
    const found = sizes.get(file);
    if (found === bytes) continue;
    const what = found === undefined ? 'is missing' : `has ${found} bytes instead of ${bytes}`;
    const context = { file, path: join(path, file) };
    return new PaminaError('BACKUP_INVALID', `${join(path, file)} ${what}`, { context });
  }
  return null;
}

function inPlace(error: PaminaError, path: string): PaminaError {
  if (!isPaminaError(error, 'MANIFEST_INVALID') && !isPaminaError(error, 'FORMAT_UNKNOWN')) {
    return error;
  }
  const file = join(path, manifestFileName);
  const context = { ...error.context, path: file };
  return new PaminaError(error.code, `${file}: ${error.message}`, { cause: error, context });
}

/** By commit time, which never goes back in one history; then by seq; of one state, the later taken. */
function newestFirst(one: ListedBackup, other: ListedBackup): number {
  const [a, b] = [one.manifest, other.manifest];
  if (a === null || b === null) {
    if (a === null && b === null) return one.id < other.id ? 1 : -1;
    return a === null ? 1 : -1;
  }
  return (
    b.createdAt - a.createdAt ||
    b.position.seq - a.position.seq ||
    b.startedAt - a.startedAt ||
    (one.id < other.id ? 1 : -1)
  );
}

function notFound(
  folder: string,
  idOrTag: string | null,
  backups: readonly ListedBackup[],
): PaminaError {
  const context = { path: folder, backups: backups.map((backup) => backup.id) };
  if (idOrTag !== null) {
    const message = `${folder} has no backup with the id or tag ${JSON.stringify(idOrTag)}`;
    return new PaminaError('BACKUP_NOT_FOUND', message, { context });
  }
  const hasInitial = backups.some((backup) => backup.id === initialBackupId);
  const only = hasInitial && backups.length === 1 ? 'only its initial backup' : 'no good backup';
  return new PaminaError('BACKUP_NOT_FOUND', `${folder} holds ${only}`, { context });
}
