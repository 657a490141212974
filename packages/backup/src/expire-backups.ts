// Removes backups that no rule keeps, and tells retention which log the kept generations need (P10).
import { backupGenerationsMin, forkPoint, type BackupManifest } from '@pamina/format';
import { heldFolders } from './backup-holds.js';
import { listBackups, type ListedBackup } from './backup-list.js';
import { lockBackups } from './backup-lock.js';
import type { ExpiringDatabase } from './contract.js';
import { decideBackups, type Decision, type RetentionPolicy } from './expire-rules.js';
import { backupsFolderOf } from './layout.js';
import { removeBackupFiles } from './remove-backup-files.js';
import { readStoreDamage } from './store-damage.js';

/** With replicas the one before the newest stays too: a replica may be being made from it. */
const generationsMinWithReplicas = 2;

export interface ExpireOptions {
  /** How many of the newest full backups to keep; by default the database's setting. */
  readonly generations?: number | undefined;
  /** Says what would go; nothing is changed. */
  readonly dryRun?: boolean | undefined;
}

export interface DecidedBackup extends Decision {
  readonly kind: BackupManifest['kind'] | null;
  readonly tag: string | null;
  readonly bytes: number;
}

export interface ExpireReport {
  /** Of each backup, newest first. */
  readonly decisions: readonly DecidedBackup[];
  /** Ids, newest first; the initial backup is never removed and in neither list. With `dryRun` what would be. */
  readonly kept: readonly string[];
  readonly removed: readonly string[];
  /** Left alone, and not counted as backups that are kept. */
  readonly damaged: readonly string[];
  /** Of the removed ones. */
  readonly freedBytes: number;
  /** Oldest record that the kept generations need; null when there are none. */
  readonly keepFromSeq: number | null;
  /** The log from there on; null when there are no generations. */
  readonly logBytes: number | null;
  readonly dryRun: boolean;
}

/** What is decided for the backups that are there now. */
export interface ExpirePlan {
  readonly listed: readonly ListedBackup[];
  readonly decisions: readonly DecidedBackup[];
  readonly keepFromSeq: number | null;
}

/**
 * Keeps what the rules keep (`decideBackups`). The log is kept for the generations, not for backups
 * that only a tier or a tag keeps. BACKUP_RUNNING.
 */
export async function expireBackups(
  database: ExpiringDatabase,
  options: ExpireOptions = {},
): Promise<ExpireReport> {
  const folder = backupsFolderOf(database.folder);
  if (options.dryRun === true) {
    return reportOf(database, await planExpiry(database, options), true);
  }
  const done = removeDue(database, folder, options);
  // It is quick: closing the database waits for its end.
  const ended = done.then(
    () => undefined,
    () => undefined,
  );
  const forget = database.background.add(() => ended);
  return done.finally(forget);
}

async function removeDue(
  database: ExpiringDatabase,
  folder: string,
  options: ExpireOptions,
): Promise<ExpireReport> {
  const release = await lockBackups(database.env, folder);
  try {
    const plan = await planExpiry(database, options);
    // Backups first: a crash before the log is told of it only keeps more log than is needed.
    const going = plan.decisions.filter(({ keeps }) => !keeps);
    for (const backup of deepestFirst(plan.listed, going)) {
      await removeBackupFiles(database.env, folder, backup.id);
      noteRemoved(database, backup);
    }
    await tellRetention(database, plan);
    return reportOf(database, plan, false);
  } finally {
    await release();
  }
}

/** Decides and changes nothing. */
export async function planExpiry(
  database: ExpiringDatabase,
  options: Pick<ExpireOptions, 'generations'> = {},
): Promise<ExpirePlan> {
  const { env } = database;
  const listed = await listBackups(env, backupsFolderOf(database.folder));
  const policy = await retentionPolicy(database, options);
  const held = await heldFolders(env.disk);
  const ruled = [];
  for (const backup of listed) {
    const isHeld = held.size > 0 && held.has(await env.disk.realPath(backup.folder));
    ruled.push(ruledBackup(backup, database, isHeld));
  }
  const decided = decideBackups(ruled, policy, env.clock.now());
  const decisions = decided.map((decision, index) => {
    const { manifest, bytes } = listed[index] as ListedBackup;
    return { ...decision, kind: manifest?.kind ?? null, tag: manifest?.tag ?? null, bytes };
  });
  const needed = neededSeq(database, listed, decisions);
  const keepFromSeq = policy.noDelete ? heldBack(needed, database) : needed;
  return { listed, decisions, keepFromSeq };
}

/** `folder` is null where an archive has no database here. */
type PolicyOwner = Pick<ExpiringDatabase, 'env' | 'system'> & { readonly folder: string | null };

/** Of the backups here and of those in archives alike. */
export async function retentionPolicy(
  { env, folder, system }: PolicyOwner,
  options: Pick<ExpireOptions, 'generations'> = {},
): Promise<RetentionPolicy> {
  const settings = system.settings();
  const isDamaged = folder !== null && (await readStoreDamage(env, folder)) !== null;
  const hasReplicas = (await system.permitted()).length > 0;
  const generationsMin = hasReplicas ? generationsMinWithReplicas : backupGenerationsMin;
  return {
    generations: Math.max(options.generations ?? settings.backupGenerations, generationsMin),
    generationsMin,
    daily: settings.backupDaily,
    weekly: settings.backupWeekly,
    monthly: settings.backupMonthly,
    ageDaysMax: settings.backupAgeDaysMax,
    noDelete: isDamaged || settings.backupNoDelete,
    // What was counted while the damage was not known must not drive out what is good (P9).
    noDeleteWhy: isDamaged
      ? 'the store is known to be damaged: nothing goes until it is mended'
      : undefined,
  };
}

function ruledBackup(backup: ListedBackup, database: ExpiringDatabase, isHeld: boolean) {
  const { id, manifest, problem, unproved } = backup;
  return {
    id,
    kind: manifest?.kind ?? ('full' as const),
    tag: manifest?.tag ?? null,
    startedAt: manifest?.startedAt ?? 0,
    after: manifest?.after ?? null,
    isHeld,
    isDamaged: problem !== null,
    isDoubted: unproved?.isDoubted === true,
    // An initial backup carries no pattern.
    isForeign:
      manifest !== null &&
      manifest.kind !== 'initial' &&
      manifest.pattern !== database.identity.pattern,
  };
}

/** What builds on another goes before it: a crash in between leaves no broken chain. */
export function deepestFirst<T extends { readonly id: string }>(
  listed: readonly Pick<ListedBackup, 'id' | 'manifest'>[],
  decisions: readonly T[],
): T[] {
  const afterOf = new Map(listed.map(({ id, manifest }) => [id, manifest?.after ?? null]));
  const depthOf = (id: string): number => {
    let depth = 0;
    for (let at = afterOf.get(id) ?? null; at !== null; at = afterOf.get(at) ?? null) {
      if (++depth > listed.length) break;
    }
    return depth;
  };
  return decisions.toSorted((a, b) => depthOf(b.id) - depthOf(a.id));
}

/** The record after the oldest of the generations that are on this database's history. */
function neededSeq(
  database: ExpiringDatabase,
  listed: readonly ListedBackup[],
  decisions: readonly DecidedBackup[],
): number | null {
  const seqs: number[] = [];
  for (const [index, { manifest }] of listed.entries()) {
    if (manifest === null || decisions[index]?.isGeneration !== true) continue;
    const fromSeq = manifest.position.seq + 1;
    const isWhole = manifest.kind !== 'initial' || database.log.firstSeq <= fromSeq;
    if (isWhole && isOnHistory(manifest, database)) seqs.push(fromSeq);
  }
  return seqs.length === 0 ? null : Math.min(...seqs);
}

/** Where nothing is removed no log is either: what is kept by now stays kept. */
function heldBack(needed: number | null, { control }: ExpiringDatabase): number | null {
  if (needed === null || control.keepFromSeq === null) return needed ?? control.keepFromSeq;
  return Math.min(needed, control.keepFromSeq);
}

function isOnHistory(manifest: BackupManifest, database: ExpiringDatabase): boolean {
  return forkPoint(database.timelines, manifest.timelines).seqMax >= manifest.position.seq;
}

async function tellRetention(database: ExpiringDatabase, plan: ExpirePlan): Promise<void> {
  const { keepFromSeq } = plan;
  // Damaged ones may be all there is: then what they need stays until somebody decides.
  const isKnown = keepFromSeq !== null || plan.listed.every(({ problem }) => problem === null);
  if (isKnown && keepFromSeq !== database.control.keepFromSeq) {
    await database.updateControl({ keepFromSeq });
  }
  await database.applyRetention();
}

function noteRemoved(database: ExpiringDatabase, { id, bytes, reasons }: DecidedBackup): void {
  const message = `Backup ${id} was removed: ${reasons.join('; ')}.`;
  database.jobLog.write('info', 'backup-removed', message, { backup: id, bytes, reasons });
}

function reportOf(database: ExpiringDatabase, plan: ExpirePlan, dryRun: boolean): ExpireReport {
  const { decisions, keepFromSeq, listed } = plan;
  const damaged = listed.filter(({ problem }) => problem !== null).map(({ id }) => id);
  const isOwn = new Set(listed.filter((backup) => isCounted(backup, database)).map(({ id }) => id));
  const removed = decisions.filter(({ keeps }) => !keeps);
  const kept = decisions.filter(({ id, keeps }) => keeps && isOwn.has(id));
  const segments = database.log.segments();
  const needed = segments.filter(
    ({ lastSeq }) => lastSeq === null || lastSeq >= (keepFromSeq ?? 0),
  );
  return {
    decisions,
    kept: kept.map(({ id }) => id),
    removed: removed.map(({ id }) => id),
    damaged,
    freedBytes: freedBytes(plan),
    keepFromSeq,
    logBytes: keepFromSeq === null ? null : needed.reduce((sum, { bytes }) => sum + bytes, 0),
    dryRun,
  };
}

/** A file that backups share is freed with the last of them. */
function freedBytes({ decisions, listed }: ExpirePlan): number {
  const filesOf = (keeps: boolean) =>
    listed
      .filter((_, index) => decisions[index]?.keeps === keeps)
      .map(({ manifest }) => manifest?.tables ?? []);
  const staying = new Set(
    filesOf(true)
      .flat()
      .map(({ file }) => file),
  );
  const shared = filesOf(false).map((tables) => [
    ...new Map(tables.map((one) => [one.file, one])).values(),
  ]);
  const counted = new Set(staying);
  let freed = decisions.filter(({ keeps }) => !keeps).reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { bytes, file } of shared.flat()) {
    if (counted.has(file)) freed -= bytes;
    counted.add(file);
  }
  return freed;
}

/** Whole, and taken of this database. */
function isCounted({ manifest, problem }: ListedBackup, database: ExpiringDatabase): boolean {
  if (manifest === null || problem !== null || manifest.kind === 'initial') return false;
  return manifest.pattern === database.identity.pattern;
}
