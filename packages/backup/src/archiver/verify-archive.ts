// Verifies what an archive holds of a database: every backup, all of its log, that the log goes on from
// each backup without a gap, and with a restore that the oldest of them leads to every state recorded later.
import {
  PaminaError,
  forkPoint,
  formatPosition,
  type BackupManifest,
  type Position,
  type Timeline,
} from '@pamina/format';
import type { Archive } from '@pamina/archive';
import { verifyLog, type VerifiedLog } from '../verify-log.js';
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
import { findArchivePlace } from './archive-place.js';

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
    return await verifyChosen(options, place, listed, chosen);
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

async function verifyChosen(
  options: VerifyArchiveOptions,
  place: ArchivePlace,
  listed: readonly ArchivedBackup[],
  chosen: readonly ArchivedBackup[],
): Promise<VerifyCheck[]> {
  const { archive, signal, until } = options;
  const good = chosen.filter((one): one is Good => one.manifest !== null && one.problem === null);
  const timelines = options.history ?? longest(listed);
  const source = archiveLogSource(archive, place);
  const log: TargetLog = { source, pattern: place.pattern, timelines, synced: null };
  const sourceOf = (id: string) => archiveBackupSource(archive, place, id, signal);
  const checks: VerifyCheck[] = [];
  for (const { id, problem } of chosen) {
    const subject = { check: 'files', subject: id } as const;
    if (problem !== null) checks.push(failedCheck(subject, [problem]));
    else
      checks.push(
        await verifyFiles({ ...options, source: sourceOf(id), subject: id, folder: null }),
      );
  }
  const onHistory = good.filter(({ manifest }) => isOn(timelines, manifest));
  const { check, found } = await verifyWholeLog(options, log, onHistory);
  checks.push(check);
  if (found === null) return checks;
  const chains = onHistory.map(({ id, manifest }) =>
    chainCheck({ check: 'chain', subject: id }, log, found, { manifest, untilSeq: until?.seq }),
  );
  checks.push(...chains);
  if (options.deep !== true || checks.some(({ verdict }) => verdict !== 'verified')) return checks;
  const oldest = onHistory
    .filter(({ manifest }) => manifest.after === undefined)
    .toSorted((a, b) => seqOf(a) - seqOf(b))[0];
  if (oldest === undefined) {
    const about = { check: 'restore', subject: archive.describe() } as const;
    const message = 'none of these backups can be restored by itself';
    return [...checks, failedCheck(about, [new PaminaError('NOT_VERIFIED', message)])];
  }
  const target = {
    ...options,
    source: sourceOf(oldest.id),
    subject: oldest.id,
    folder: null,
    log,
    untilSeq: until?.seq,
    recorded: recordedBy(onHistory),
  };
  checks.push(await verifyRestore(target, oldest.manifest, { check, log: found }));
  return checks;
}

async function verifyWholeLog(
  { onProgress, signal, until }: VerifyArchiveOptions,
  log: TargetLog,
  backups: readonly Good[],
): Promise<{ check: VerifyCheck; found: VerifiedLog | null }> {
  const about = { check: 'log', subject: log.source.describe() } as const;
  let found: VerifiedLog | null = null;
  const check = await attemptCheck(about, signal, async () => {
    const foreign = await unknownTimeline(log);
    const verified = await verifyLog({
      ...log,
      toSeq: until?.seq,
      watch: backups.map(seqOf),
      signal,
      onProgress: (done, total) => onProgress?.({ step: 'log', done, total, unit: 'bytes' }),
    });
    found = verified;
    const { bytes, damages, end, segments } = verified;
    if (damages.length > 0) return failedCheck(about, damages, { bytes });
    if (foreign !== null) {
      const message = `segments of timeline ${foreign}, which no backup here knows, were not verified`;
      return failedCheck(about, [new PaminaError('NOT_VERIFIED', message)], { bytes });
    }
    const timeline = log.timelines.at(-1)?.timeline ?? 1;
    const to = formatPosition({ timeline, seq: end?.seq ?? 0 });
    const message = `${segments} segments up to position ${to}, none missing, every checksum right`;
    return verifiedCheck(about, message, { bytes });
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
  return backups.flatMap(({ id, manifest: { position, stateHash } }) =>
    stateHash === null ? [] : [{ seq: position.seq, stateHash, backup: id }],
  );
}
