// What every way of taking a backup begins and ends with: one at a time, no tag twice, nothing left
// behind by one that failed.
import { PaminaError, isPaminaError, toPaminaError, validateTag } from '@pamina/format';
import type { ListedBackup } from './backup-list.js';
import { lockBackups } from './backup-lock.js';
import type { BackupDatabase } from './contract.js';
import { backupsFolderOf } from './layout.js';

/** Databases that are being backed up: one backup at a time each, wherever it goes. */
const running = new WeakSet<object>();

/** What every way of taking a backup is asked for. */
export interface BackupTurnOptions {
  /** Names the backup and keeps it from expiring. TAG_TAKEN, TAG_INVALID. */
  readonly tag?: string | undefined;
  /** A folder of backups; by default the database's own. */
  readonly destination?: string | undefined;
  /** Ends the backup with `signal.reason`; nothing of it stays. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `take` with the folder of backups locked; closing the database ends it by `signal` and waits until
 * nothing of it is left. TAG_INVALID, BACKUP_RUNNING; a failure is in the job log too.
 */
export async function runAlone<T>(
  database: BackupDatabase,
  options: BackupTurnOptions,
  take: (folder: string, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { name } = database.control;
  const closing = new AbortController();
  const { signal: closed } = closing;
  const signal = options.signal === undefined ? closed : AbortSignal.any([options.signal, closed]);
  const done = run(database, options, signal, take);
  const forget = database.background.add(async () => {
    closing.abort(new PaminaError('DATABASE_CLOSED', `${name} was closed`));
    await done.catch(() => {
      // Who asked for the backup hears of it.
    });
  });
  try {
    return await done;
  } finally {
    forget();
  }
}

async function run<T>(
  database: BackupDatabase,
  { destination, tag }: BackupTurnOptions,
  signal: AbortSignal,
  take: (folder: string, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (tag !== undefined) validateTag(tag);
  signal.throwIfAborted();
  const folder = destination ?? backupsFolderOf(database.folder);
  if (running.has(database)) {
    const message = `a backup of ${database.control.name} is already running`;
    throw new PaminaError('BACKUP_RUNNING', message, { context: { path: database.folder } });
  }
  running.add(database);
  try {
    const release = await lockBackups(database.env, folder);
    try {
      return await take(folder, signal);
    } finally {
      await release();
    }
  } catch (error) {
    reportFailure(database, error);
    throw error;
  } finally {
    running.delete(database);
  }
}

export function refuseTakenTag(backups: readonly ListedBackup[], tag: string | undefined): void {
  if (tag === undefined) return;
  const holder = backups.find((backup) => backup.manifest?.tag === tag || backup.id === tag);
  if (holder === undefined) return;
  const message = `the tag ${JSON.stringify(tag)} names the backup ${holder.id}`;
  throw new PaminaError('TAG_TAKEN', message, { context: { tag, backup: holder.id } });
}

/** Removes what there is of a backup that will not be. Never throws for what the disk says. */
export async function discardPartial(
  database: BackupDatabase,
  partial: string,
  why: unknown,
): Promise<void> {
  try {
    await database.env.disk.removeTree(partial);
  } catch (error) {
    // Why the backup failed is the better error; the next one removes what is left by its name.
    if (!isPaminaError(error)) throw error;
    const message = `${partial} could not be removed; the next backup will.`;
    const fields = { path: partial, code: error.code, cause: toPaminaError(why).code };
    database.jobLog.write('warning', 'backup-leftover', message, fields);
  }
}

function reportFailure(database: BackupDatabase, error: unknown): void {
  const { code, message } = toPaminaError(error);
  const name = database.control.name;
  const text = `The backup of ${name} was not made: ${message}.`;
  database.jobLog.write('error', 'backup-failed', text, { code });
}
