// What expiry in an archive is going to do: of each backup its fate, by the rule that backups here expire by;
// then the tables and the log that nobody needs. One list, and the manifests; nothing is changed.
import type { Archive, ArchiveObject } from '@pamina/archive';
import type { Env } from '@pamina/env';
import { isPaminaError } from '@pamina/format';
import { listBackups, type ListedBackup } from '../backup-list.js';
import type { BackupSettings, JobLogWriter } from '../contract.js';
import { deepestFirst, retentionPolicy, type DecidedBackup } from '../expire-backups.js';
import { decideBackups, type Decision, type RuledBackup } from '../expire-rules.js';
import { backupsFolderOf, manifestFileName } from '../layout.js';
import { readArchivedBackups, type ArchivedBackup } from './archive-backups.js';
import { heldBackups, heldFromSeq } from './archive-holds.js';
import {
  groupBackups,
  groupSegments,
  placePrefix,
  recipientsIdIn,
  retiredFileName,
  type ArchivedSegment,
  type ArchivePlace,
} from './archive-layout.js';
import { planTables, type StayingBackup, type TablePlan } from './expire-tables.js';
import { groupTables, SharedFiles } from './shared-files.js';
import { unneededLog, type UnneededLog } from './unneeded-log.js';

const hourMs = 3_600_000;

/** The database whose settings decide; what is archived is its own. */
export interface ExpiringOwner {
  /** null where there is no database any more, and a person says what is to stay. */
  readonly folder: string | null;
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

/** A backup that expired: it is in no list of what can be restored any more. */
export interface RetiredBackup {
  readonly id: string;
  /** By the storage's clock, ms since 1970; null where it does not say. */
  readonly since: number | null;
  /** The first expiry after it removes the backup. */
  readonly goesAt: number | null;
}

/** How long what expired stays for those who read it elsewhere. */
export function archiveKeepMs({ system }: Pick<ExpiringOwner, 'system'>): number {
  return system.settings().archiveKeepHours * hourMs;
}

/** The retired backups in a list of objects below `backups/`. */
export function retiredIn(
  place: ArchivePlace,
  objects: readonly ArchiveObject[],
  keepMs: number,
): RetiredBackup[] {
  return [...groupBackups(place, objects)].flatMap(([id, files]) => {
    const mark = files.get(retiredFileName);
    return mark === undefined || !files.has(manifestFileName)
      ? []
      : [retiredBackup(id, mark.modifiedMs, keepMs)];
  });
}

export function retiredBackup(id: string, since: number | null, keepMs: number): RetiredBackup {
  if (since === null) return { id, since, goesAt: null };
  return { id, since: Math.round(since), goesAt: Math.round(since) + keepMs };
}

export type Files = ReadonlyMap<string, ArchiveObject>;
/** `returns`: it was retired, and is kept after all. */
export type Fate = 'stays' | 'returns' | 'retires' | 'waits' | 'goes';
export type Fated = DecidedBackup & { readonly fate: Fate };

export interface ExpiryPlan {
  readonly decisions: readonly Fated[];
  /** Those that build on others first, so that a kill leaves no broken chain. */
  readonly inOrder: readonly Fated[];
  readonly groups: ReadonlyMap<string, Files>;
  /** Ids of what has no manifest and never will. */
  readonly leftovers: readonly string[];
  readonly tables: TablePlan;
  readonly log: UnneededLog;
}

export async function planExpiry(options: ExpireArchiveOptions): Promise<ExpiryPlan> {
  const { archive, database, place, signal } = options;
  const { env, folder } = database;
  const objects = await archive.list(placePrefix(place), { signal });
  const groups = groupBackups(place, objects);
  const whole = [...groups].filter(([, files]) => files.has(manifestFileName));
  const shared = SharedFiles.of(archive, place, objects);
  const listed = await readArchivedBackups(archive, place, { found: whole, shared, signal });
  const here = folder === null ? [] : await listBackups(env, backupsFolderOf(folder));
  const hereIds = new Set(here.map(({ id }) => id));
  // What is known here of a backup that was copied before it was known.
  const doubted = new Set(here.filter(isDoubtedHere).map(({ id }) => id));
  const segments = groupSegments(place, objects);
  const initial = standingInitial(here, segments);
  const held = heldBackups(archive, place);
  const ruled = listed.map((backup) => ({
    ...ruledBackup(backup, held, hereIds),
    isDoubted: doubted.has(backup.id),
  }));
  const policy = await retentionPolicy(database);
  const now = env.clock.now();
  const decided = decideBackups([...ruled, ...initial], policy, now);
  const keepMs = archiveKeepMs(database);
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
  const tables = planTables(groupTables(place, objects), staysOf(listed, decisions, groups), {
    noDelete: policy.noDelete,
    keepMs,
    now,
  });
  const leftovers = policy.noDelete ? [] : leftoversIn(groups, hereIds, now - keepMs);
  return { decisions, inOrder, groups, leftovers, tables, log };
}

function staysOf(
  listed: readonly ArchivedBackup[],
  decisions: readonly Fated[],
  groups: ReadonlyMap<string, Files>,
): StayingBackup[] {
  return listed.flatMap(({ id, manifest }, index) => {
    const fate = decisions[index]?.fate;
    const isListed = fate === 'stays' || fate === 'returns';
    if (fate === 'goes') return [];
    const own = new Set(groups.get(id)?.keys());
    return [{ manifest, own, recipientsId: recipientsIdIn(own), isListed }];
  });
}

function isDoubtedHere({ problem, unproved }: ListedBackup): boolean {
  return unproved?.isDoubted === true || problem?.code === 'STATE_HASH_MISMATCH';
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
    isSealed: isPaminaError(problem, 'ARCHIVE_KEY_INVALID'),
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
    // An incremental one may share the log that it holds.
    const [first] = manifest?.segments ?? [];
    if (first !== undefined) return first.firstSeq;
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
