// Removes backups beyond the generations that are kept, and tells retention which log the kept ones
// need (P10).
import { backupGenerationsMin, forkPoint, type BackupManifest } from '@pamina/format';
import { heldFolders } from './backup-holds.js';
import { listBackups, type ListedBackup } from './backup-list.js';
import { lockBackups } from './backup-lock.js';
import type { ExpiringDatabase } from './contract.js';
import { backupsFolderOf } from './layout.js';
import { removeBackupFiles } from './remove-backup-files.js';

/** With replicas the one before the newest stays too: a replica may be being made from it. */
const generationsMinWithReplicas = 2;

export interface ExpireOptions {
  /** How many of the newest full backups to keep; by default the database's setting. */
  readonly generations?: number | undefined;
}

export interface ExpireReport {
  /** Ids, newest first; the initial backup is never removed and in neither list. */
  readonly kept: readonly string[];
  readonly removed: readonly string[];
  /** Left alone, and not counted as backups that are kept. */
  readonly damaged: readonly string[];
  /** Oldest record that the kept generations need; null when there are none. */
  readonly keepFromSeq: number | null;
}

interface Good extends ListedBackup {
  readonly manifest: BackupManifest;
}

/**
 * Keeps the newest full backups that are whole, and any that bears a tag or is being read. The log is
 * kept for the generations, not for older backups that only their tag keeps. BACKUP_RUNNING.
 */
export async function expireBackups(
  database: ExpiringDatabase,
  options: ExpireOptions = {},
): Promise<ExpireReport> {
  const { env } = database;
  const folder = backupsFolderOf(database.folder);
  const hasReplicas = (await database.system.permitted()).length > 0;
  const generations = Math.max(
    options.generations ?? database.system.settings().backupGenerations,
    hasReplicas ? generationsMinWithReplicas : backupGenerationsMin,
  );
  const release = await lockBackups(env, folder);
  try {
    const listed = await listBackups(env, folder);
    const own = listed.filter((backup) => isOwn(backup, database));
    const good = own.filter((backup): backup is Good => backup.problem === null);
    const damaged = listed.filter((backup) => backup.problem !== null).map(({ id }) => id);
    const newest = good.slice(0, generations);
    const older = good.slice(generations);
    const expired = await withoutPinned(database, older);
    // Backups first: a crash before the log is told of it only keeps more log than is needed.
    const removed: string[] = [];
    for (const backup of expired) {
      await remove(database, folder, backup, generations);
      removed.push(backup.id);
    }
    const isInitialNeeded = newest.length > 0 && newest.length < generations;
    const initial = isInitialNeeded ? wholeInitial(listed, database) : [];
    const keepFromSeq = neededSeq([...newest, ...initial], database);
    // Damaged ones may be all there is: then what they need stays until somebody decides.
    const isKnown = keepFromSeq !== null || damaged.length === 0;
    if (isKnown && keepFromSeq !== database.control.keepFromSeq) {
      await database.updateControl({ keepFromSeq });
    }
    await database.applyRetention();
    const kept = good.filter(({ id }) => !removed.includes(id)).map(({ id }) => id);
    return { kept, removed, damaged, keepFromSeq };
  } finally {
    await release();
  }
}

/** The record after the oldest of the generations that are on this database's history. */
function neededSeq(newest: readonly Good[], database: ExpiringDatabase): number | null {
  const seqs = newest
    .filter(({ manifest }) => isOnHistory(manifest, database))
    .map(({ manifest }) => manifest.position.seq + 1);
  return seqs.length === 0 ? null : Math.min(...seqs);
}

/** Until enough newer ones exist the initial backup is a generation too, as long as all log since it is here. */
function wholeInitial(listed: readonly ListedBackup[], database: ExpiringDatabase): Good[] {
  return listed.filter(
    (backup): backup is Good =>
      backup.manifest?.kind === 'initial' &&
      backup.problem === null &&
      database.log.firstSeq <= backup.manifest.position.seq + 1,
  );
}

function isOnHistory(manifest: BackupManifest, database: ExpiringDatabase): boolean {
  return forkPoint(database.timelines, manifest.timelines).seqMax >= manifest.position.seq;
}

/** A backup of another database that somebody put here is not ours to remove. */
function isOwn({ manifest }: ListedBackup, database: ExpiringDatabase): boolean {
  return manifest?.kind === 'full' && manifest.pattern === database.identity.pattern;
}

/** Those that neither a tag nor a reader keeps. */
async function withoutPinned(
  database: ExpiringDatabase,
  backups: readonly Good[],
): Promise<Good[]> {
  const { disk } = database.env;
  const held = await heldFolders(disk);
  const free: Good[] = [];
  for (const backup of backups) {
    if (backup.manifest.tag !== null) continue;
    if (!held.has(await disk.realPath(backup.folder))) free.push(backup);
  }
  return free;
}

async function remove(
  database: ExpiringDatabase,
  folder: string,
  backup: Good,
  generations: number,
): Promise<void> {
  await removeBackupFiles(database.env, folder, backup.id);
  const message = `Backup ${backup.id} was removed: ${generations} newer ones are kept.`;
  const fields = { backup: backup.id, bytes: backup.bytes, generations };
  database.jobLog.write('info', 'backup-removed', message, fields);
}
