// Verifies what an archive holds of a database: every backup, all of its log, that the log goes on from
// each backup without a gap, and with a restore that the oldest of them leads to every state recorded later.
import {
  PaminaError,
  forkPoint,
  formatPosition,
  isPaminaError,
  type BackupManifest,
  type Position,
  type Timeline,
} from '@pamina/format';
import type { Archive } from '@pamina/archive';
import { segmentFacts, type LogSource, type SegmentEntry } from '../log-source.js';
import type { RecordedHash } from '../verify-replay.js';
import { attemptCheck, failedCheck, verifiedCheck, type VerifyCheck } from '../verify-report.js';
import {
  chainCheck,
  verifyFiles,
  verifyRestore,
  type TargetLog,
  type VerifySettings,
} from '../verify-target.js';
import {
  archiveBackupSource,
  listArchivedBackups,
  type ArchivedBackup,
} from './archive-backups.js';
import { holdArchivedBackup, holdArchivedLog } from './archive-holds.js';
import type { ArchivePlace } from './archive-layout.js';
import { archiveLogSource } from './archive-log-source.js';
import { ArchiveMemory, fingerprintOf } from './archive-memory.js';
import { findArchivePlace } from './archive-place.js';
import { verifyArchivedLog, type VerifiedArchivedLog } from './verify-archived-log.js';

export interface VerifyArchiveOptions extends VerifySettings {
  readonly archive: Archive;
  /** As the database was called when it was archived. */
  readonly name: string;
  readonly pattern: string | null;
  /** Of the database itself, where it is known. */
  readonly history: readonly Timeline[] | null;
  /** Id or tag of one backup; all of them without it. */
  readonly backup?: string | undefined;
  /** What the chain must reach; by default the end of the archived log. */
  readonly until?: Position | undefined;
  /** File for what is remembered, by the place in the archive; without it all is verified each time. */
  readonly memoryPath?: ((place: ArchivePlace) => string) | undefined;
}

type Good = ArchivedBackup & { readonly manifest: BackupManifest };

/** BACKUP_NOT_FOUND, ARCHIVE_CONFLICT, and what the storage answers. */
export async function verifyArchive(options: VerifyArchiveOptions): Promise<VerifyCheck[]> {
  const { archive, signal } = options;
  const place = await findArchivePlace(archive, options);
  const releases = [holdArchivedLog(archive, place, 0)];
  try {
    const listed = await listArchivedBackups(archive, place, signal);
    const chosen = chosenOf(options, listed);
    releases.push(...chosen.map(({ id }) => holdArchivedBackup(archive, place, id)));
    const memory = await ArchiveMemory.open(options, options.memoryPath?.(place) ?? null);
    const checks = await verifyChosen(options, { place, listed, chosen, memory });
    await memory.save(listed);
    return checks;
  } finally {
    for (const release of releases) release();
  }
}

function chosenOf(
  { archive, backup: wanted, name }: VerifyArchiveOptions,
  listed: readonly ArchivedBackup[],
): ArchivedBackup[] {
  const chosen = listed.filter(
    ({ id, manifest }) => wanted === undefined || id === wanted || manifest?.tag === wanted,
  );
  if (chosen.length > 0) return chosen;
  const what = wanted === undefined ? 'no backup' : `no backup ${JSON.stringify(wanted)}`;
  const message = `${archive.describe()} has ${what} of ${name}`;
  throw new PaminaError('BACKUP_NOT_FOUND', message);
}

interface Chosen {
  readonly place: ArchivePlace;
  readonly listed: readonly ArchivedBackup[];
  readonly chosen: readonly ArchivedBackup[];
  readonly memory: ArchiveMemory;
}

async function verifyChosen(options: VerifyArchiveOptions, given: Chosen): Promise<VerifyCheck[]> {
  const { archive, until } = options;
  const { chosen, listed, memory, place } = given;
  const good = chosen.filter((one): one is Good => one.manifest !== null && one.problem === null);
  const timelines = options.history ?? longest(listed);
  const { sealed, source } = await readableLog(archive, archiveLogSource(archive, place));
  const log: TargetLog = { source, pattern: place.pattern, timelines, synced: null };
  const checks: VerifyCheck[] = [];
  for (const backup of chosen) {
    const { id, problem } = backup;
    if (problem === null) {
      const files = { ...targetOf(options, given, backup), memory: memory.ofBackup(backup) };
      checks.push(await verifyFiles(files));
    } else checks.push(failedCheck({ check: 'files', subject: id }, [problem]));
  }
  const onHistory = good.filter(({ manifest }) => isOn(timelines, manifest));
  if (sealed.length > 0) {
    const about = {
      check: 'log',
      subject: `${source.describe()}, ${sealed.length} segments`,
    } as const;
    checks.push(failedCheck(about, sealed));
  }
  const { check, found } = await verifyWholeLog(options, given, log, onHistory);
  checks.push(check);
  if (found === null) return checks;
  const chains = onHistory.map(({ id, manifest }) =>
    chainCheck({ check: 'chain', subject: id }, log, found, { manifest, untilSeq: until?.seq }),
  );
  checks.push(...chains);
  if (options.deep !== true || checks.some(({ verdict }) => verdict !== 'verified')) return checks;
  return [...checks, await verifyOldest(options, given, { check, found, log, onHistory })];
}

/** What the log begins with and is encrypted for others, from before the recipients were changed, is left out. */
async function readableLog(
  archive: Archive,
  source: LogSource,
): Promise<{ readonly source: LogSource; readonly sealed: readonly PaminaError[] }> {
  const sealed: PaminaError[] = [];
  if (!archive.isEncrypted) return { source, sealed };
  const entries = await source.segments();
  for (const entry of entries) {
    try {
      await segmentFacts(source, entry);
      break;
    } catch (error) {
      if (isPaminaError(error, 'ARCHIVE_KEY_INVALID')) sealed.push(error);
      else break;
    }
  }
  // None is for these keys: whoever reads the first one is told.
  if (sealed.length === 0 || sealed.length === entries.length) return { source, sealed: [] };
  const names = new Set(entries.slice(0, sealed.length).map(({ name }) => name));
  const segments = async (): Promise<SegmentEntry[]> =>
    (await source.segments()).filter(({ name }) => !names.has(name));
  return { source: { ...source, segments }, sealed };
}

interface WholeLog {
  readonly check: VerifyCheck;
  readonly found: VerifiedArchivedLog;
  readonly log: TargetLog;
  readonly onHistory: readonly Good[];
}

/** The oldest backup restored, and all of the log replayed over it: to every state that was recorded. */
async function verifyOldest(
  options: VerifyArchiveOptions,
  given: Chosen,
  { check, found, log, onHistory }: WholeLog,
): Promise<VerifyCheck> {
  const { archive, until } = options;
  const oldest = onHistory
    .filter(({ manifest }) => manifest.after === undefined)
    .toSorted((a, b) => seqOf(a) - seqOf(b))[0];
  if (oldest === undefined) {
    const about = { check: 'restore', subject: archive.describe() } as const;
    const message = 'none of these backups can be restored by itself';
    return failedCheck(about, [new PaminaError('NOT_VERIFIED', message)]);
  }
  const recorded = recordedBy(onHistory);
  const fingerprint = fingerprintOf(oldest.objects, oldest.manifestHash);
  const end = until === undefined ? found.end : null;
  const same =
    fingerprint === null || end === null
      ? null
      : {
          backup: oldest.id,
          fingerprint,
          seq: end.seq,
          chain: end.chain,
          recorded: recorded.length + found.audits.length,
        };
  const at = same === null ? null : given.memory.restoredAt(same);
  if (at !== null) {
    const message = 'restored and compared before, and nothing came since';
    return verifiedCheck({ check: 'restore', subject: oldest.id }, message, { rememberedAt: at });
  }
  const target = { ...targetOf(options, given, oldest), log, untilSeq: until?.seq, recorded };
  const restored = await verifyRestore(target, oldest.manifest, { check, log: found });
  if (same !== null && restored.verdict === 'verified') given.memory.noteRestore(same);
  return restored;
}

function targetOf(options: VerifyArchiveOptions, { place }: Chosen, { id }: ArchivedBackup) {
  const source = archiveBackupSource(options.archive, place, id, options.signal);
  return { ...options, source, subject: id, folder: null };
}

async function verifyWholeLog(
  { archive, onProgress, signal, until }: VerifyArchiveOptions,
  { memory, place }: Chosen,
  log: TargetLog,
  backups: readonly Good[],
): Promise<{ check: VerifyCheck; found: VerifiedArchivedLog | null }> {
  const about = { check: 'log', subject: log.source.describe() } as const;
  let found: VerifiedArchivedLog | null = null;
  const check = await attemptCheck(about, signal, async () => {
    const foreign = await unknownTimeline(log);
    const verified = await verifyArchivedLog({
      archive,
      place,
      log,
      memory,
      backupSeqs: backups.map(seqOf),
      toSeq: until?.seq,
      signal,
      onProgress: (done, total) => onProgress?.({ step: 'log', done, total, unit: 'bytes' }),
    });
    found = verified;
    const { bytes, damages, end, remembered, rememberedAt, segments } = verified;
    if (damages.length > 0) return failedCheck(about, damages, { bytes });
    if (foreign !== null) {
      const message = `segments of timeline ${foreign}, which no backup here knows, were not verified`;
      return failedCheck(about, [new PaminaError('NOT_VERIFIED', message)], { bytes });
    }
    const timeline = log.timelines.at(-1)?.timeline ?? 1;
    const to = formatPosition({ timeline, seq: end?.seq ?? 0 });
    const before =
      remembered === 0 ? '' : `, ${remembered} of them verified before and not changed since`;
    const message = `${segments} segments up to position ${to}, none missing, every checksum right${before}`;
    return verifiedCheck(about, message, { bytes, rememberedAt });
  });
  return { check, found };
}

/** Log behind the last backup may be of a history that only the database itself would know. */
async function unknownTimeline({ source, timelines }: TargetLog): Promise<string | null> {
  const known = new Set(timelines.map(({ id }) => id));
  const unknown = (await source.segments()).find(({ timelineId }) => !known.has(timelineId));
  return unknown?.timelineId ?? null;
}

function longest(listed: readonly ArchivedBackup[]): readonly Timeline[] {
  return listed
    .map(({ manifest }) => manifest?.timelines ?? [])
    .reduce((one, other) => (other.length > one.length ? other : one), []);
}

function isOn(
  timelines: readonly Timeline[],
  { position, timelines: theirs }: BackupManifest,
): boolean {
  const { common, seqMax } = forkPoint(timelines, theirs);
  return common > 0 && seqMax >= position.seq;
}

const seqOf = ({ manifest }: Good): number => manifest.position.seq;

function recordedBy(backups: readonly Good[]): RecordedHash[] {
  return backups.flatMap(({ id, manifest: { position }, stateHash }) =>
    stateHash === null ? [] : [{ seq: position.seq, stateHash, backup: id }],
  );
}
