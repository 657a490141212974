// Expiry in an archive: the rule that backups here expire by, and then the log that no backup there needs.
// A kill at any call leaves only whole backups in the list, and log without a gap; the next run finishes (P8).
import type { Archive, ArchiveObject } from '@pamina/archive';
import type { Env } from '@pamina/env';
import type { BackupSettings, JobLogWriter } from '../contract.js';
import { listBackups, type ListedBackup } from '../backup-list.js';
import { deepestFirst, retentionPolicy, type DecidedBackup } from '../expire-backups.js';
import { decideBackups, type Decision, type RuledBackup } from '../expire-rules.js';
import { backupsFolderOf, manifestFileName } from '../layout.js';
import { orderedParallel } from '../ordered-parallel.js';
import { readArchivedBackups, type ArchivedBackup } from './archive-backups.js';
import { heldBackups, heldFromSeq } from './archive-holds.js';
import {
  backupObject,
  groupBackups,
  groupSegments,
  placePrefix,
  retiredFileName,
  type ArchivedSegment,
  type ArchivePlace,
} from './archive-layout.js';
import { unneededLog, type UnneededLog } from './unneeded-log.js';

/** The database whose settings decide; what is archived is its own. */
export interface ExpiringOwner {
  readonly folder: string;
  readonly env: Env;
  readonly jobLog: JobLogWriter;
  readonly timelines: readonly { readonly id: string }[];
  readonly system: {
    settings(): BackupSettings;
    permitted(): Promise<readonly unknown[]>;
  };
}

export interface ExpireArchiveOptions {
  readonly database: ExpiringOwner;
  readonly archive: Archive;
  readonly place: ArchivePlace;
  /** Says what would go; nothing is changed. */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

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
  readonly dryRun: boolean;
}

type Files = ReadonlyMap<string, ArchiveObject>;
/** `returns`: it was retired, and is kept after all. */
type Fate = 'stays' | 'returns' | 'retires' | 'waits' | 'goes';
type Fated = DecidedBackup & { readonly fate: Fate };

interface Plan {
  readonly decisions: readonly Fated[];
  /** Those that build on others first, so that a kill leaves no broken chain. */
  readonly inOrder: readonly Fated[];
  readonly groups: ReadonlyMap<string, Files>;
  /** Ids of what has no manifest and never will. */
  readonly leftovers: readonly string[];
  readonly log: UnneededLog;
}

const hourMs = 3_600_000;
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
  const { groups, leftovers, log } = plan;
  const removed = plan.decisions.filter(({ keeps }) => !keeps).map(({ id }) => id);
  const gone = [...removed, ...leftovers].flatMap((id) => [...(groups.get(id)?.values() ?? [])]);
  return {
    decisions: plan.decisions.map(({ fate: _fate, ...decision }) => decision),
    removed,
    freedBytes: gone.reduce((sum, { bytes }) => sum + bytes, 0),
    freedLogBytes: log.bytes,
    keepFromSeq: log.keepFromSeq,
    logBytes: log.keptBytes,
    dryRun,
  };
}

/** One list, and the manifests. */
async function planExpiry(options: ExpireArchiveOptions): Promise<Plan> {
  const { archive, database, place, signal } = options;
  const { env, folder, system } = database;
  const objects = await archive.list(placePrefix(place), { signal });
  const groups = groupBackups(place, objects);
  const whole = [...groups].filter(([, files]) => files.has(manifestFileName));
  const listed = await readArchivedBackups(archive, place, whole, signal);
  const here = await listBackups(env, backupsFolderOf(folder));
  const hereIds = new Set(here.map(({ id }) => id));
  const segments = groupSegments(place, objects);
  const initial = standingInitial(here, segments);
  const held = heldBackups(archive, place);
  const ruled = listed.map((backup) => ruledBackup(backup, held, hereIds));
  const policy = await retentionPolicy(database);
  const now = env.clock.now();
  const decided = decideBackups([...ruled, ...initial], policy, now);
  const keepMs = system.settings().archiveKeepHours * hourMs;
  const decisions = listed.map(({ bytes, id, manifest }, index): Fated => {
    const decision = decided[index] as Decision;
    const { kind = null, tag = null } = manifest ?? {};
    const retired = groups.get(id)?.get(retiredFileName) ?? null;
    const fate = fateOf(decision, { noDelete: policy.noDelete, retired, keepMs, now });
    return { ...withFate(decision, fate, keepMs), kind, tag, bytes };
  });
  const inOrder = deepestFirst(listed, decisions);
  const staying = listed.filter((_, index) => decisions[index]?.fate !== 'goes');
  const keepsInitial = decided.slice(listed.length).some(({ isGeneration }) => isGeneration);
  const needed = Math.min(keepsInitial ? 1 : neededFrom(staying), heldFromSeq(archive, place));
  const log = await unneededLog({
    archive,
    place,
    segments,
    objects,
    signal,
    keepFromSeq: policy.noDelete ? 0 : needed,
    currentTimelineId: database.timelines.at(-1)?.id ?? null,
    writtenBefore: now - keepMs,
  });
  const leftovers = policy.noDelete ? [] : leftoversIn(groups, hereIds, now - keepMs);
  return { decisions, inOrder, groups, leftovers, log };
}

function ruledBackup(
  { id, manifest, problem }: ArchivedBackup,
  held: ReadonlySet<string>,
  hereIds: ReadonlySet<string>,
): RuledBackup {
  return {
    id,
    kind: manifest?.kind ?? 'full',
    tag: manifest?.tag ?? null,
    startedAt: manifest?.startedAt ?? 0,
    after: manifest?.after ?? null,
    isHeld: held.has(id),
    isDamaged: problem !== null,
    isForeign: false,
    isHereToo: hereIds.has(id),
  };
}

/** The initial backup is in no archive: the database has it, and an archive with all of the log goes on from it. */
function standingInitial(
  here: readonly ListedBackup[],
  segments: readonly ArchivedSegment[],
): RuledBackup[] {
  const initial = here.find(({ manifest, problem }) => manifest?.kind === 'initial' && !problem);
  if (initial?.manifest === undefined || initial.manifest === null) return [];
  if (!segments.some(({ firstSeq }) => firstSeq <= 1)) return [];
  const { id, manifest } = initial;
  return [
    {
      id,
      kind: 'initial',
      tag: manifest.tag,
      startedAt: manifest.startedAt,
      after: null,
      isHeld: false,
      isDamaged: false,
      isForeign: false,
    },
  ];
}

interface Circumstances {
  readonly noDelete: boolean;
  readonly retired: ArchiveObject | null;
  readonly keepMs: number;
  readonly now: number;
}

function fateOf({ isDue }: Decision, given: Circumstances): Fate {
  const { keepMs, noDelete, now, retired } = given;
  if (!isDue || noDelete) return retired === null ? 'stays' : 'returns';
  if (keepMs === 0) return 'goes';
  if (retired === null) return 'retires';
  // Where the storage does not say when it was retired it waits: nobody knows for how long it must.
  return now - (retired.modifiedMs ?? now) >= keepMs ? 'goes' : 'waits';
}

function withFate<T extends Decision>(
  decision: T,
  fate: Fate,
  keepMs: number,
): T & { readonly fate: Fate } {
  if (fate !== 'retires' && fate !== 'waits') return { ...decision, fate };
  const hours = keepMs / hourMs;
  const when = fate === 'retires' ? 'from now on' : 'already';
  const why = `out of the list ${when}, and kept for ${hours} ${hours === 1 ? 'hour' : 'hours'} for those who read it elsewhere`;
  return { ...decision, keeps: true, reasons: [...decision.reasons, why], fate };
}

/** What any of them goes on with, damaged ones too: a person decides about those. 0: all of the log. */
function neededFrom(staying: readonly ArchivedBackup[]): number {
  if (staying.length === 0) return 0;
  const seqs = staying.map(({ id, manifest }) => {
    if (manifest !== null) return manifest.position.seq + 1;
    const inName = /^(\d{16})-/.exec(id)?.[1];
    return inName === undefined ? 0 : Number(inName) + 1;
  });
  return Math.min(...seqs);
}

/**
 * Files without a manifest: of a removal that did not end, or of a copy that did not. The latter may still
 * go on elsewhere while they are young, and here while the database has the backup.
 */
function leftoversIn(
  groups: ReadonlyMap<string, Files>,
  hereIds: ReadonlySet<string>,
  writtenBefore: number,
): string[] {
  const unfinished = [...groups].filter(
    ([id, files]) => !files.has(manifestFileName) && !hereIds.has(id),
  );
  return unfinished
    .filter(
      ([, files]) =>
        files.has(retiredFileName) ||
        [...files.values()].every(({ modifiedMs }) => (modifiedMs ?? Infinity) <= writtenBefore),
    )
    .map(([id]) => id);
}

async function carryOut(options: ExpireArchiveOptions, plan: Plan): Promise<void> {
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
  for (const backup of plan.inOrder) {
    if (backup.fate !== 'goes') continue;
    // Without it the rest is no backup any more.
    await archive.delete(backupObject(place, backup.id, manifestFileName), call);
    await removeFiles(options, backup.id, plan.groups.get(backup.id));
    note(options, 'archived-backup-removed', backup, 'was removed from');
  }
  for (const id of plan.leftovers) await removeFiles(options, id, plan.groups.get(id));
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
