// Backups of the databases here: taken, listed, expired, and read by restores elsewhere.

import {
  backupsFolderOf,
  type DecidedBackup,
  expireBackups,
  folderSource,
  isReadFailure,
  listBackups,
  type ListedBackup,
  planExpiry,
  takeBackup,
  takeIncremental,
} from '@pamina/backup';
import {
  formatPosition,
  isPaminaError,
  PaminaError,
  toPaminaError,
  validateName,
} from '@pamina/format';
import type {
  BackupOptions,
  BackupSummary,
  ExpireAnswer,
  ExpireOptions,
  Progress,
} from '@pamina/wire';
import { join } from 'node:path';
import type { HostCore } from './host-core.js';
import { listKeptBackups } from './host-kept-backups.js';
import { backupProgress } from './progress.js';
import type { BackupFile } from './served.js';

/** Takes a full or an incremental backup, then removes those that no rule keeps. */
export async function backup(
  core: HostCore,
  name: string,
  options: BackupOptions,
  progress?: Progress,
  signal?: AbortSignal,
): Promise<BackupSummary> {
  const { type } = await core.control(name);
  return core.use(name, type === 'normal' ? 'write' : 'read', async (held) => {
    const { database } = held;
    const end = core.endOf(held);
    const take = options.incremental === true ? takeIncremental : takeBackup;
    const form = options.form ?? database.settings().backupForm;
    const tellArchivers = (): void => {
      for (const archiver of held.online?.archivers.values() ?? []) archiver.backupsChanged();
    };
    const manifest = await take(database, {
      tag: options.tag,
      compression: options.compression,
      form,
      // One that is opened for this alone closes before the state could be read behind the backup.
      audit: held.online === null && form === 'physical' ? false : undefined,
      // It may have been found to be of a damaged store after it was copied.
      onAudited: tellArchivers,
      onProgress: progress === undefined ? undefined : backupProgress(progress),
      signal: signal === undefined ? end : AbortSignal.any([signal, end]),
    });
    try {
      await expireBackups(database);
    } catch (error) {
      // The backup is made and good; older ones stay until the next one.
      const { code, message } = toPaminaError(error);
      const text = `Old backups were not removed: ${message}.`;
      database.jobLog.write('warning', 'expire-failed', text, { code });
    }
    tellArchivers();
    const taken = (await listed(core, name)).find(({ id }) => id === manifest.id);
    if (taken !== undefined) return taken;
    throw new PaminaError('BACKUP_NOT_FOUND', `the backup ${manifest.id} vanished`);
  });
}

/** BACKUP_RUNNING */
export function expire(
  core: HostCore,
  name: string,
  options: ExpireOptions,
): Promise<ExpireAnswer> {
  return core.use(name, 'read', async ({ database }) => {
    const report = await expireBackups(database, { dryRun: options.dryRun });
    const { removed, freedBytes, keepFromSeq, logBytes, dryRun } = report;
    const decisions = report.decisions.map(({ id, kind, tag, bytes, keeps, isDue, reasons }) => {
      return { id, kind, tag, bytes, keeps, isDue, reasons };
    });
    return { decisions, removed, freedBytes, keepFromSeq, logBytes, dryRun };
  });
}

/**
 * Newest first, each with why it stays or goes where the database can be asked. Of a deleted database
 * those that were kept, each with its folder. DATABASE_NOT_FOUND.
 */
export async function backups(core: HostCore, name: string): Promise<BackupSummary[]> {
  if (!(await core.exists(name))) {
    const kept = await listKeptBackups(core.env, core.dataFolder, name);
    if (kept.length > 0)
      return kept.map((entry) => ({ ...summary(name, entry), folder: entry.folder }));
  }
  const summaries = await listed(core, name);
  const decided = await decisions(core, name);
  return summaries.map((entry) => {
    const decision = decided.get(entry.id);
    if (decision === undefined) return entry;
    return { ...entry, reasons: decision.reasons, isDue: !decision.keeps };
  });
}

/** None where the database does not open: its backups are listed all the more. */
async function decisions(
  core: HostCore,
  name: string,
): Promise<ReadonlyMap<string, DecidedBackup>> {
  try {
    const plan = await core.use(name, 'read', ({ database }) => planExpiry(database));
    return new Map(plan.decisions.map((decision) => [decision.id, decision]));
  } catch (error) {
    if (!isPaminaError(error)) throw error;
    return new Map();
  }
}

/** From the files alone; newest first. */
export async function listed(core: HostCore, name: string): Promise<BackupSummary[]> {
  await core.control(name);
  const found = await listBackups(core.env, backupsFolderOf(core.folder(name)));
  return found.map((entry) => summary(name, entry));
}

/** Of one in an archive nobody notes why it is not proved. */
type SummarizedBackup = Omit<ListedBackup, 'folder' | 'unproved'> &
  Partial<Pick<ListedBackup, 'unproved'>>;

export function summary(
  name: string,
  { bytes, id, manifest, problem, stateHash, unproved }: SummarizedBackup,
): BackupSummary {
  return {
    id,
    kind: manifest?.kind ?? 'full',
    form: manifest?.form ?? null,
    tag: manifest?.tag ?? null,
    database: manifest?.database ?? name,
    pattern: manifest?.pattern ?? null,
    position: manifest === null ? null : formatPosition(manifest.position),
    createdAt: manifest?.createdAt ?? 0,
    entries: manifest?.entries ?? null,
    bytes,
    rawBytes: manifest?.rawBytes ?? null,
    stateHash,
    problem: problem?.message ?? null,
    isUnread: isReadFailure(problem) ? true : undefined,
    unproved: unproved === undefined ? undefined : (unproved?.why ?? null),
    isDoubted: unproved?.isDoubted,
    after: manifest?.after ?? null,
  };
}

/** For restores elsewhere; the backup is kept from expiring while they go on. */
export async function openBackupFile(
  core: HostCore,
  name: string,
  id: string,
  file: string,
): Promise<BackupFile> {
  validateName(name);
  const folder = join(backupsFolderOf(core.folder(name)), publishedId(id));
  const status = await core.env.disk.stat(join(folder, plainName(file)));
  if (status === null || status.isFolder) {
    await core.control(name);
    throw new PaminaError('BACKUP_NOT_FOUND', `${name} has no file ${file} in a backup ${id}`, {
      context: { name, backup: id, file },
    });
  }
  core.leases.touch(folder);
  const source = folderSource(core.env, folder);
  const { bytes } = status;
  const pieces = (from: number, to: number): AsyncIterable<Uint8Array> => {
    if (file === 'manifest') return part(source.readManifest(), from, to);
    return source.readRange?.(file, from, to - from) ?? source.readFile(file);
  };
  return { bytes, stream: (from = 0, to = bytes) => leased(core, folder, pieces(from, to)) };
}

/** A slow reader has asked for a part of it as long as it takes pieces. */
async function* leased(
  core: HostCore,
  folder: string,
  pieces: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  for await (const piece of pieces) {
    core.leases.touch(folder);
    yield piece;
  }
}

async function* part(
  bytes: Promise<Uint8Array>,
  from: number,
  to: number,
): AsyncIterable<Uint8Array> {
  yield (await bytes).subarray(from, to);
}

/** Nothing that leads elsewhere; what is still being written or removed has a dot in its name. */
function publishedId(id: string): string {
  if (/^[0-9a-z][0-9a-z-]*$/.test(id)) return id;
  throw new PaminaError('BACKUP_NOT_FOUND', `${JSON.stringify(id)} is not the id of a backup`);
}

function plainName(file: string): string {
  if (/^[0-9a-z][0-9a-z.-]*$/.test(file) && !file.includes('..')) return file;
  throw new PaminaError('BACKUP_NOT_FOUND', `${JSON.stringify(file)} is not a file of a backup`);
}
