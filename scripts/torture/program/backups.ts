// Backups and restores as a writer process makes them, and what it finds of them at the next opening.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  backupsFolderOf,
  expireBackups,
  folderSource,
  hashState,
  listBackups,
  restore,
  takeBackup,
  verifyNamedBackup,
  type ListedBackup,
} from '@pamina/backup';
import { Database } from '@pamina/engine';
import type { Env } from '@pamina/env';
import { formatPosition, isPaminaError, type BackupForm } from '@pamina/format';
import { say } from './job.js';
import { paminaError, type Opened } from './opened.js';

export interface BackupWish {
  readonly form: BackupForm;
  /** The manifest holds the hash; else the audit of a physical one comes behind it, or is cut off. */
  readonly stateHash: boolean;
}

/** So many backups stay: log that was not checked yet is never deleted. */
const generations = 2;

export async function takeOne(level: Opened, wish: BackupWish): Promise<void> {
  try {
    const { id } = await takeBackup(level.database, wish);
    await expireBackups(level.database, { generations });
    say('backup', { id });
  } catch (error) {
    say('backup', { code: paminaError(error).code, message: String(error) });
  }
}

export interface JudgedBackups {
  readonly ids: readonly string[];
  readonly faults: readonly string[];
}

/**
 * P8: none is there in part. The newest is really restored: it is the state whose hash was recorded, and
 * the log goes on from it.
 */
export async function judgeBackups(
  env: Env,
  folder: string,
  deep: boolean,
): Promise<JudgedBackups> {
  const listed = await listBackups(env, backupsFolderOf(folder));
  const faults = listed.flatMap(({ id, problem }) =>
    problem === null ? [] : [`backup ${id}: ${problem.toString()}`],
  );
  const ids = listed.map(({ id }) => id);
  const [newest] = listed;
  if (!deep || newest === undefined || faults.length > 0) return { ids, faults };
  const checks = await verifyNamedBackup({ env, folder, backup: newest.id, deep });
  for (const { check, message, problems, verdict } of checks) {
    // Of a physical one whose audit was cut off nobody knows the hash.
    const mayBe = check === 'restore' && newest.stateHash === null && verdict === 'unverified';
    if (verdict !== 'verified' && !mayBe) {
      faults.push(`backup ${newest.id}, ${check} ${verdict}: ${message} ${problems.join('; ')}`);
    }
  }
  return { ids, faults };
}

/** Restores the newest full backup of the database in `folder` beside it. */
export async function restoreCopy(env: Env, folder: string, target: string): Promise<void> {
  say('restoring');
  try {
    const source = folderSource(env, (await newestOf(env, folder)).folder);
    await restore({ env, source, folder: target, name: 'copy' });
    say('restored');
  } catch (error) {
    say('refused', { code: paminaError(error).code, message: String(error) });
  }
}

/** A copy that is there is whole: it holds what another restore of the same backup holds. */
export async function judgeCopy(env: Env, folder: string, target: string): Promise<string[]> {
  const scratch = await env.disk.temporaryFolder('pamina-torture-copy-');
  try {
    const backup = await newestOf(env, folder);
    const again = join(scratch, 'again');
    await restore({ env, source: folderSource(env, backup.folder), folder: again, name: 'again' });
    const [found, expected] = [await stateOf(env, target), await stateOf(env, again)];
    const faults: string[] = [];
    if (found.state !== expected.state) {
      faults.push(`the copy at ${found.state} is not backup ${backup.id}, ${expected.state}`);
    }
    if (backup.stateHash !== null && found.stateHash !== backup.stateHash) {
      faults.push(`the copy does not have the hash that backup ${backup.id} recorded`);
    }
    return faults;
  } catch (error) {
    if (!isPaminaError(error)) throw error;
    return [`the copy cannot be read: ${error.toString()}`];
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function newestOf(env: Env, folder: string): Promise<ListedBackup> {
  const listed = await listBackups(env, backupsFolderOf(folder));
  const newest = listed.find(({ problem }) => problem === null);
  if (newest === undefined) throw new Error(`${folder} has no good backup`);
  return newest;
}

async function stateOf(
  env: Env,
  folder: string,
): Promise<{ readonly state: string; readonly stateHash: string }> {
  const database = await Database.open(folder, { env, access: 'read' });
  try {
    const { point, snapshot } = await database.stateSnapshot();
    const { stateHash } = await hashState(snapshot);
    await snapshot.close();
    return { state: `${formatPosition(point)} ${point.chain} ${stateHash}`, stateHash };
  } finally {
    await database.close();
  }
}
