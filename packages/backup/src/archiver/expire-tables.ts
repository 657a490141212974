// Which of the tables that backups in an archive share nobody needs any more. Two steps, so that a backup that
// is being sent meanwhile, from anywhere, never loses one: a table that no backup in the list needs is marked,
// and new backups do not count on it from then on; a later run removes it if still nobody does.
import type { Archive } from '@pamina/archive';
import { storedFiles } from '../layout.js';
import type { ArchivedBackup } from './archive-backups.js';
import type { ArchivePlace } from './archive-layout.js';
import {
  isSharedTable,
  retiredTableObject,
  sharedKeepMsMin,
  tableKey,
  tableObject,
  type SharedTable,
} from './shared-files.js';

/** Keys of tables. */
export interface TablePlan {
  readonly mark: readonly string[];
  /** Needed again, or nothing but the mark is left. */
  readonly unmark: readonly string[];
  readonly remove: readonly string[];
  readonly bytes: number;
}

/** A backup that stays, in the list or for its readers. */
export interface StayingBackup extends Pick<ArchivedBackup, 'manifest'> {
  /** Names of the files that stand beside its manifest. */
  readonly own: ReadonlySet<string>;
  /** Whom its files are encrypted for, as in `tableKey`. */
  readonly recipientsId: string | null;
  /** New backups may share what it needs. */
  readonly isListed: boolean;
}

export interface TableCircumstances {
  readonly noDelete: boolean;
  readonly keepMs: number;
  readonly now: number;
}

const nothing: TablePlan = { mark: [], unmark: [], remove: [], bytes: 0 };
const markBytes = new TextEncoder().encode('{"pamina":"retired","formatVersion":1}\n');

export function planTables(
  tables: ReadonlyMap<string, SharedTable>,
  staying: readonly StayingBackup[],
  { keepMs, noDelete, now }: TableCircumstances,
): TablePlan {
  const [listed, needed] = [new Set<string>(), new Set<string>()];
  for (const { isListed, manifest, own, recipientsId } of staying) {
    // Nobody knows what one needs whose manifest cannot be read.
    if (manifest === null) return nothing;
    for (const { file } of storedFiles(manifest)) {
      if (!isSharedTable(file) || own.has(file)) continue;
      const key = tableKey(file, recipientsId);
      needed.add(key);
      if (isListed) listed.add(key);
    }
  }
  const plan = { mark: [] as string[], unmark: [] as string[], remove: [] as string[], bytes: 0 };
  const waitMs = Math.max(keepMs, sharedKeepMsMin);
  for (const [key, { mark, object }] of tables) {
    // Where the storage does not say when it was marked it waits.
    const isOld = mark !== null && now - (mark.modifiedMs ?? now) >= waitMs;
    if (listed.has(key)) {
      if (mark !== null) plan.unmark.push(key);
    } else if (noDelete) continue;
    else if (object === null) {
      if (isOld) plan.unmark.push(key);
    } else if (mark === null) plan.mark.push(key);
    else if (isOld && !needed.has(key)) {
      plan.remove.push(key);
      plan.bytes += object.bytes;
    }
  }
  return plan;
}

export async function markTables(
  archive: Archive,
  place: ArchivePlace,
  { mark, unmark }: TablePlan,
  signal?: AbortSignal,
): Promise<void> {
  for (const key of unmark) await archive.delete(retiredTableObject(place, key), { signal });
  for (const key of mark) {
    await archive.putIfAbsent(retiredTableObject(place, key), markBytes, { signal });
  }
}

/** After the backups that needed them are gone. The mark last: without it a table counts as good. */
export async function removeTables(
  archive: Archive,
  place: ArchivePlace,
  { remove }: TablePlan,
  signal?: AbortSignal,
): Promise<void> {
  for (const key of remove) {
    await archive.delete(tableObject(place, key), { signal });
    await archive.delete(retiredTableObject(place, key), { signal });
  }
}
