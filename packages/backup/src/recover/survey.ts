// What the sources of a recovery hold: every segment with its first and last record, and the histories
// of timelines that they tell of.
import {
  PaminaError,
  RecordKind,
  decodeBody,
  isPaminaError,
  recordHeaderBytes,
} from '@pamina/format';
import type { Timeline } from '@pamina/format';
import { readRecordHeader, newRecordHeader } from '@pamina/format';
import {
  damagedEntry,
  segmentFacts,
  type CompleteUntil,
  type LogSource,
  type SegmentEntry,
} from '../log-source.js';
import { orderedParallel } from '../ordered-parallel.js';
import type { UnreadBackup } from '../read-failure.js';
import type { PlaceBackup, RecoveryPlace } from './place.js';
import { endOfOpen, pointIn, segmentBatches, type OpenedSegment } from './segment-stream.js';

export interface SurveyedSegment extends OpenedSegment {
  /** Last record that may be used; the one before the first when there is none. */
  readonly lastSeq: number;
  /** Chain and commit time of the last record. */
  readonly chain: number;
  readonly lastTime: number;
  /** Why what stands behind the last record cannot be used, if something stands there. */
  readonly damage: PaminaError | null;
}

/** One whose header or trailer is not right, or not to be read with these keys: nothing of it can be used. */
export interface DamagedSegment {
  readonly entry: SegmentEntry;
  readonly damage: PaminaError;
}

export interface Survey {
  /** Those that a store can be laid out from. */
  readonly backups: readonly PlaceBackup[];
  /** All of them, by which a person may mean a position. */
  readonly listed: readonly PlaceBackup[];
  /** Nobody knows what they hold. */
  readonly unread: readonly UnreadBackup[];
  readonly segments: readonly SurveyedSegment[];
  readonly damaged: readonly DamagedSegment[];
  /** Each ends with another timeline; the one of the database itself, if that is known, is first. */
  readonly histories: readonly (readonly Timeline[])[];
  /** Asked last: what is proved about an end that is no longer the one that was found proves nothing. */
  completeUntil(): Promise<readonly CompleteUntil[]>;
}

/** What holds a whole state, as opposed to log alone. */
const wholeKinds: readonly string[] = ['full', 'initial'];
/** Of a segment that is there and gives nothing. The last one: it is encrypted for others. */
const unusableCodes: ReadonlySet<string> = new Set([
  'LOG_DAMAGED',
  'FORMAT_UNKNOWN',
  'ARCHIVE_KEY_INVALID',
]);
const ahead = { countMax: 8, weightMax: Number.MAX_SAFE_INTEGER, weigh: () => 1 };

/** PATTERN_MISMATCH if a segment is of another database than the rest. Damage is noted, not thrown. */
export async function survey(place: RecoveryPlace, signal?: AbortSignal): Promise<Survey> {
  const { unread, whole: listed } = await place.backups();
  const backups = listed.filter(({ manifest }) => wholeKinds.includes(manifest.kind));
  const found: { source: LogSource; entry: SegmentEntry; settled: number }[] = [];
  for (const source of place.logs) {
    signal?.throwIfAborted();
    const entries = await source.segments();
    const settled = source.settledSeq?.() ?? Number.MAX_SAFE_INTEGER;
    for (const entry of entries) found.push({ source, entry, settled });
  }
  const segments: SurveyedSegment[] = [];
  const damaged: DamagedSegment[] = [];
  const opened = orderedParallel(found, ahead, async ({ source, entry, settled }) => {
    signal?.throwIfAborted();
    return surveySegment(source, entry, settled);
  });
  for await (const segment of opened) {
    if (segment === null) continue;
    if ('header' in segment) segments.push(segment);
    else damaged.push(segment);
  }
  noteLost(place, segments);
  requireOnePattern(place, listed, segments);
  const histories = await findHistories(place, listed, segments);
  const completeUntil = async (): Promise<CompleteUntil[]> => {
    const ends: CompleteUntil[] = [];
    for (const source of place.logs) {
      const end = await source.completeUntil?.();
      if (end !== undefined && end !== null) ends.push(end);
    }
    return ends;
  };
  const ofLogs = place.logs.flatMap((source) => source.unread?.() ?? []);
  return {
    ...{ backups, listed, segments, damaged, histories, completeUntil },
    unread: [...unread, ...ofLogs],
  };
}

/** null for one that was deleted meanwhile, and for one that is being born. */
async function surveySegment(
  source: LogSource,
  entry: SegmentEntry,
  settledSeq: number,
): Promise<SurveyedSegment | DamagedSegment | null> {
  if (entry.firstSeq > settledSeq) return null;
  try {
    const { header, trailer } = await segmentFacts(source, entry);
    const opened = { source, entry, header };
    if (trailer !== null && trailer.lastSeq <= settledSeq) {
      const { lastSeq, chain, lastTime } = trailer;
      return { ...opened, lastSeq, chain, lastTime, damage: null };
    }
    const isCut = settledSeq < Number.MAX_SAFE_INTEGER;
    const end = isCut
      ? { point: await pointIn(opened, settledSeq), damage: null }
      : await endOfOpen(opened);
    const { seq, chain, time } = end.point;
    return { ...opened, lastSeq: seq, chain, lastTime: time, damage: end.damage };
  } catch (error) {
    if (isPaminaError(error, 'LOG_GONE')) return null;
    if (isPaminaError(error) && unusableCodes.has(error.code)) return { entry, damage: error };
    throw error;
  }
}

/** A log that ends before what it is known to have held has lost something behind its last record. */
function noteLost(place: RecoveryPlace, segments: SurveyedSegment[]): void {
  for (const source of place.logs) {
    const known = source.knownSeq?.() ?? 0;
    const at = segments.findLastIndex((segment) => segment.source === source);
    const last = segments[at];
    if (last === undefined || last.lastSeq >= known) continue;
    const what = `the log ends with record ${last.lastSeq}, and record ${known} was on disk`;
    segments[at] = { ...last, damage: last.damage ?? damagedEntry(source, last.entry, what) };
  }
}

function requireOnePattern(
  place: RecoveryPlace,
  backups: readonly PlaceBackup[],
  segments: readonly SurveyedSegment[],
): void {
  const pattern =
    place.pattern ??
    backups.find(({ manifest }) => manifest.pattern !== null)?.manifest.pattern ??
    segments[0]?.header.pattern;
  const stranger = segments.find(({ header }) => header.pattern !== pattern);
  if (stranger === undefined) return;
  const file = `${stranger.entry.name} in ${stranger.source.describe()}`;
  throw new PaminaError('PATTERN_MISMATCH', `${file} is of another database`, {
    context: { file: stranger.entry.name, source: stranger.source.describe() },
    hint: 'Keep the log and the backups of each database in a folder or an archive of its own.',
  });
}

/** From the database's own control file, the manifests, and the first session record of a timeline. */
async function findHistories(
  place: RecoveryPlace,
  backups: readonly PlaceBackup[],
  segments: readonly SurveyedSegment[],
): Promise<(readonly Timeline[])[]> {
  const known = new Map<string, readonly Timeline[]>();
  const learn = (history: readonly Timeline[]): void => {
    for (const [index, { id }] of history.entries()) {
      if (!known.has(id)) known.set(id, history.slice(0, index + 1));
    }
  };
  for (const { manifest } of backups) learn(manifest.timelines);
  for (const segment of segments) {
    const { timelineId } = segment.entry;
    if (known.has(timelineId) || segment.header.timelineId !== timelineId) continue;
    learn((await historyIn(segment)) ?? []);
  }
  const own = place.history ?? [];
  learn(own);
  const ownId = own.at(-1)?.id;
  const others = [...known.values()].filter((history) => history.at(-1)?.id !== ownId);
  others.sort((a, b) => (b.at(-1)?.timeline ?? 0) - (a.at(-1)?.timeline ?? 0));
  return own.length > 0 ? [own, ...others] : others;
}

/** A session begins with a record that tells its history; null where the segment begins otherwise. */
export async function historyIn(segment: OpenedSegment): Promise<readonly Timeline[] | null> {
  for await (const { bytes, view, start } of segmentBatches(segment)) {
    const header = newRecordHeader();
    readRecordHeader(view, start, header);
    if (header.kind !== RecordKind.session) return null;
    const body = bytes.subarray(start + recordHeaderBytes, start + header.length);
    return decodeBody(RecordKind.session, body).timelines;
  }
  return null;
}
