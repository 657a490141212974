// That a store is known not to hold what backup and log say, for as long as it lasts (docs/damage.md says
// what refutes a store). The note stands in the folder of the store itself: whatever puts another store
// in its place, a rebuild, a restore, a replica made anew, takes it away by the same rename (P8).
import { join } from 'node:path';
import { PaminaError, isPaminaError, toPaminaError } from '@pamina/format';
import type { Env } from '@pamina/env';
import { holdBackup } from './backup-holds.js';
import { listBackups } from './backup-list.js';
import type { JobLogWriter } from './contract.js';
import { storeFolderOf } from './free-space.js';
import { backupsFolderOf } from './layout.js';
import { readNoted, writeNoted } from './noted-json.js';
import { writeSkippedAudit } from './recorded-audit.js';

/**
 * `tables`: a checksum in LevelDB's files; `content`: against a copy recovered from backup and log;
 * `backup`: against a backup, with nothing committed since; `audit`: a replica against its master;
 * `unreadable`: something was found, and the note of it cannot be read.
 */
export type DamageFound = 'tables' | 'content' | 'backup' | 'audit' | 'unreadable';

export interface StoreDamage {
  /** ms since 1970, when it was found first; null if that is not known. */
  readonly at: number | null;
  readonly found: DamageFound;
  /** In plain words. */
  readonly message: string;
}

/** The database whose store it is. */
export interface DamagedDatabase {
  readonly folder: string;
  readonly env: Env;
  /** Left out where another process writes it. */
  readonly jobLog?: JobLogWriter | undefined;
}

/** LevelDB leaves alone what has none of its own names. */
const fileName = 'damage.json';
const fileVersion = 1;
const founds: ReadonlySet<unknown> = new Set(['tables', 'content', 'backup', 'audit']);

/** Null if nothing is known against the store. What cannot be read counts as damage (P9). */
export async function readStoreDamage(
  { disk }: Env,
  databaseFolder: string,
): Promise<StoreDamage | null> {
  const path = pathOf(databaseFolder);
  if ((await disk.stat(path)) === null) return null;
  const noted = await readNoted(disk, path);
  if (noted !== null && noted['version'] === fileVersion && founds.has(noted['found'])) {
    const { at, found, message } = noted;
    return { at: at as number, found: found as DamageFound, message: message as string };
  }
  // Taken away between the two looks at it.
  if ((await disk.stat(path)) === null) return null;
  return { at: null, found: 'unreadable', message: `${path} cannot be read` };
}

/**
 * Known from here on, also after a crash. Never fails: what the disk refuses is in the job log, and
 * whoever found the damage says it all the same.
 */
export async function noteStoreDamage(
  { env, folder, jobLog }: DamagedDatabase,
  { found, message }: Pick<StoreDamage, 'found' | 'message'>,
): Promise<void> {
  try {
    const before = await readStoreDamage(env, folder);
    // What a replica heard of its master may be the master's damage; anything else is its own.
    if (before !== null && before.found !== 'unreadable' && before.found !== 'audit') return;
    if (before?.found === found) return;
    const at = before?.at ?? env.clock.now();
    await writeNoted(env.disk, pathOf(folder), { version: fileVersion, at, found, message });
    const text = `The store is known to be damaged: ${message}. No full backup is taken until it is mended.`;
    jobLog?.write('error', 'store-damaged', text, { found });
    await doubtUnproved(env, folder);
  } catch (error) {
    if (!isPaminaError(error)) throw error;
    const text = `The store is damaged (${message}), and that could not be noted: ${error.message}.`;
    jobLog?.write('error', 'store-damage-not-noted', text, { found, code: error.code });
  }
}

/** What was taken of the store and never compared may hold the damage: it must drive out nothing good. */
async function doubtUnproved(env: Env, folder: string): Promise<void> {
  for (const backup of await listBackups(env, backupsFolderOf(folder))) {
    const { folder: place, manifest, unproved } = backup;
    if (manifest === null || unproved === null || unproved.isDoubted) continue;
    const release = holdBackup(env.disk, place);
    try {
      if ((await env.disk.stat(place)) === null) continue;
      const { why } = unproved;
      await writeSkippedAudit(env.disk, place, manifest, { why, isDoubted: true });
    } finally {
      release();
    }
  }
}

/** The store was proved. Whether there was something against it. */
export async function clearStoreDamage(
  { env, folder, jobLog }: DamagedDatabase,
  proof: string,
): Promise<boolean> {
  const before = await readStoreDamage(env, folder);
  if (before === null) return false;
  await env.disk.remove(pathOf(folder));
  await env.disk.syncFolder(storeFolderOf(folder));
  const text = `The store is what it should be: ${proof}. Full backups are taken again.`;
  jobLog?.write('info', 'store-proved', text, { found: before.found, since: before.at });
  return true;
}

/** Runs what reads the store; what it finds of damage in it is noted before it is thrown. */
export async function notingDamage<T>(
  database: DamagedDatabase,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const { code, message } = toPaminaError(error);
    if (code === 'STORE_DAMAGED') await noteStoreDamage(database, { found: 'tables', message });
    if (code === 'STATE_HASH_MISMATCH') {
      await noteStoreDamage(database, { found: 'backup', message });
    }
    throw error;
  }
}

/** STORE_REFUTED if the store is known to be damaged: a backup of it would be no backup. */
export async function refuseDamagedStore({
  control,
  env,
  folder,
}: DamagedDatabase & { readonly control: DatabaseInNeed }): Promise<void> {
  const damage = await readStoreDamage(env, folder);
  if (damage === null) return;
  const message = `the store of ${control.name} is known to be damaged: ${damage.message}`;
  const context = { path: folder, found: damage.found, at: damage.at };
  throw new PaminaError('STORE_REFUTED', message, { hint: damageRemedy(control), context });
}

interface DatabaseInNeed {
  readonly name: string;
  readonly type: string;
  readonly master: string | null;
}

/** What to do about a store that is known to be damaged. */
export function damageRemedy({ master, name, type }: DatabaseInNeed): string {
  const proof = `or prove the store with \`pamina verify ${name} --deep\``;
  return type === 'replica'
    ? `Make the replica anew with \`pamina replicate ${name} --master ${master ?? 'MASTER'} --recreate\`, build its store anew with \`pamina rebuild ${name}\`, ${proof}.`
    : `Build the store anew from backup and log with \`pamina rebuild ${name}\`, ${proof}.`;
}

function pathOf(databaseFolder: string): string {
  return join(storeFolderOf(databaseFolder), fileName);
}
