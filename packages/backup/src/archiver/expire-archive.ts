// Expiry in an archive: the rule that backups here expire by, and then the log that no backup there needs.
// A kill at any call leaves only whole backups in the list, and log without a gap; the next run finishes (P8).
import type { DecidedBackup } from '../expire-backups.js';
import { manifestFileName } from '../layout.js';
import { orderedParallel } from '../ordered-parallel.js';
import { backupObject, retiredFileName } from './archive-layout.js';
import {
  archiveKeepMs,
  planExpiry,
  retiredBackup,
  type ExpireArchiveOptions,
  type ExpiryPlan,
  type Fate,
  type Fated,
  type Files,
  type RetiredBackup,
} from './expire-plan.js';
import { markTables, removeTables } from './expire-tables.js';

export interface ArchiveExpireReport {
  /** Of each backup, newest first. One that is due and kept goes when the time for readers is over. */
  readonly decisions: readonly DecidedBackup[];
  /** Ids. With `dryRun` what would be. */
  readonly removed: readonly string[];
  /** As stored: of backups, and of what a copy or a removal left that did not end. */
  readonly freedBytes: number;
  readonly freedLogBytes: number;
  /** The log from this record on stays, and so much it is; null while all of it does. */
  readonly keepFromSeq: number | null;
  readonly logBytes: number;
  /** What stays for its readers afterwards. */
  readonly retired: readonly RetiredBackup[];
  readonly dryRun: boolean;
}

const removals = { countMax: 8, weightMax: 8, weigh: () => 1 };
/** Always these: put once more after a kill it is the same. */
const retiredBytes = new TextEncoder().encode('{"pamina":"retired","formatVersion":1}\n');

/**
 * Nobody else may copy backups to this place meanwhile. What no rule keeps is retired first: it is in no
 * list any more. `archiveKeepHours` later a run removes it, and the log that only it needed.
 */
export async function expireArchive(options: ExpireArchiveOptions): Promise<ArchiveExpireReport> {
  const dryRun = options.dryRun === true;
  const plan = await planExpiry(options);
  if (!dryRun) await carryOut(options, plan);
  const { groups, leftovers, log, tables } = plan;
  const removed = plan.decisions.filter(({ keeps }) => !keeps).map(({ id }) => id);
  const gone = [...removed, ...leftovers].flatMap((id) => [...(groups.get(id)?.values() ?? [])]);
  return {
    decisions: plan.decisions.map(({ fate: _fate, ...decision }) => decision),
    removed,
    freedBytes: gone.reduce((sum, { bytes }) => sum + bytes, tables.bytes),
    freedLogBytes: log.bytes,
    keepFromSeq: log.keepFromSeq,
    logBytes: log.keptBytes,
    retired: retiredAfter(options, plan, dryRun),
    dryRun,
  };
}

function retiredAfter(
  { database }: ExpireArchiveOptions,
  { decisions, groups }: ExpiryPlan,
  dryRun: boolean,
): RetiredBackup[] {
  const stays: readonly Fate[] = dryRun ? ['waits', 'goes', 'returns'] : ['waits', 'retires'];
  const keepMs = archiveKeepMs(database);
  return decisions.flatMap(({ fate, id }) => {
    const mark = groups.get(id)?.get(retiredFileName);
    if (!stays.includes(fate) || (dryRun && mark === undefined)) return [];
    const since = mark === undefined ? database.env.clock.now() : mark.modifiedMs;
    return [retiredBackup(id, since, keepMs)];
  });
}

async function carryOut(options: ExpireArchiveOptions, plan: ExpiryPlan): Promise<void> {
  const { archive, database, place, signal } = options;
  const call = { signal };
  for (const backup of plan.inOrder) {
    const mark = backupObject(place, backup.id, retiredFileName);
    if (backup.fate === 'returns') await archive.delete(mark, call);
    if (backup.fate === 'retires') {
      await archive.putIfAbsent(mark, retiredBytes, call);
      note(options, 'archived-backup-retired', backup, 'goes from');
    }
  }
  await markTables(archive, place, plan.tables, signal);
  for (const backup of plan.inOrder) {
    if (backup.fate !== 'goes') continue;
    // Without it the rest is no backup any more.
    await archive.delete(backupObject(place, backup.id, manifestFileName), call);
    await removeFiles(options, backup.id, plan.groups.get(backup.id));
    note(options, 'archived-backup-removed', backup, 'was removed from');
  }
  for (const id of plan.leftovers) await removeFiles(options, id, plan.groups.get(id));
  await removeTables(archive, place, plan.tables, signal);
  // One after the other, oldest first: what is left is always an end of the log without a gap.
  for (const name of plan.log.names) await archive.delete(name, call);
  if (plan.log.names.length === 0) return;
  const { bytes, keepFromSeq } = plan.log;
  const message = `The archive ${archive.describe()} has the log from record ${keepFromSeq ?? 0} on.`;
  database.jobLog.write('info', 'archived-log-removed', message, { bytes, keepFromSeq });
}

/** The mark last: while it is there the next run knows what the other files are. */
async function removeFiles(
  { archive, place, signal }: ExpireArchiveOptions,
  id: string,
  files: Files | undefined,
): Promise<void> {
  const names = [...(files?.keys() ?? [])].filter(
    (file) => file !== manifestFileName && file !== retiredFileName,
  );
  const remove = (file: string): Promise<void> =>
    archive.delete(backupObject(place, id, file), { signal });
  for await (const _removed of orderedParallel(names, removals, remove)) signal?.throwIfAborted();
  if (files?.has(retiredFileName) === true) await remove(retiredFileName);
}

function note(
  { archive, database }: ExpireArchiveOptions,
  event: string,
  { bytes, id, reasons }: Fated,
  what: string,
): void {
  const message = `Backup ${id} ${what} the archive ${archive.describe()}: ${reasons.join('; ')}.`;
  database.jobLog.write('info', event, message, { backup: id, bytes, reasons });
}
