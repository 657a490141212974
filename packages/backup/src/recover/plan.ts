// Plans a recovery before anything is touched: which backup, which segments, up to which position and
// time. A target that cannot be reached exactly is refused with what can be (P9).
import {
  PaminaError,
  RecordKind,
  decodeBody,
  formatPosition,
  isPaminaError,
  recordHeaderBytes,
  timelineAt,
  type Position,
  type Timeline,
} from '@pamina/format';
import { timelinesUntil } from '@pamina/engine';
import { forEachRecord, type ChainPoint } from '@pamina/log';
import { pointOf } from '../load-store.js';
import { unlessUnread } from '../read-failure.js';
import type { LogSource } from '../log-source.js';
import type { PlaceBackup, RecoveryPlace } from './place.js';
import { backupsOn, liesOn, positionOn, rangesOn, wayFrom, type Span, type Way } from './line.js';
import { brokenOff, pointIn, scanUntil, segmentBatches } from './segment-stream.js';
import { survey, type Survey } from './survey.js';
import { isoTime, targetUnreachable, type RecoveryTarget } from './target.js';

export interface RecoveryPlan {
  readonly target: RecoveryTarget;
  readonly backup: PlaceBackup;
  readonly spans: readonly Span[];
  /** History up to the position. */
  readonly timelines: readonly Timeline[];
  readonly position: Position;
  /** The last record: its seq, the chain after it, its commit time. */
  readonly point: ChainPoint;
  /** Records and bytes of log that are read. */
  readonly records: number;
  readonly logBytes: number;
  /** State hashes that backups have recorded on this history, by their record. */
  readonly recordedHashes: ReadonlyMap<number, string>;
  /** Last record in each source of log, in the order of the place's; null in one without records. */
  readonly sourceEnds: readonly (number | null)[];
}

export interface PlanOptions {
  readonly place: RecoveryPlace;
  readonly target: RecoveryTarget;
  /** Id or tag of the backup to begin with; the best one for the target if it is left out. */
  readonly backup?: string | undefined;
  /** Of several backups that lead to the target: the newest is quickest, the oldest proves most. */
  readonly prefer?: 'newest' | 'oldest' | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A target made exact: the last record, and the history that it is on. */
interface Goal {
  readonly history: readonly Timeline[];
  /** null: as far as the log leads. */
  readonly seq: number | null;
}

/**
 * POSITION_UNREACHABLE with the ranges that are reachable; BACKUP_NOT_FOUND; ARCHIVE_KEY_INVALID, with whose
 * keys it takes, where the backup, or all there is, is encrypted for others; DISK_ERROR or
 * ACCESS_DENIED where a backup that may lead there could not be read; what survey throws.
 */
export async function planRecovery(options: PlanOptions): Promise<RecoveryPlan> {
  const all = await survey(options.place, options.signal);
  try {
    return await planReadable(options, all);
  } catch (error) {
    const isMissing =
      isPaminaError(error, 'POSITION_UNREACHABLE') || isPaminaError(error, 'BACKUP_NOT_FOUND');
    if (!isMissing) throw error;
    throw unlessUnread(await withSealed(options, error), all.unread, options.backup);
  }
}

/** What was looked for may be there, for other keys than those that were given. */
async function withSealed(
  { backup, place }: PlanOptions,
  error: PaminaError,
): Promise<PaminaError> {
  const sealed = (await place.sealed?.()) ?? [];
  const [first] = sealed;
  if (first === undefined) return error;
  const given = sealed.find(({ id }) => id === backup);
  if (given !== undefined || (await place.backups()).whole.length === 0) {
    return (given ?? first).problem;
  }
  const { code, context, message } = error;
  const what = sealed.length === 1 ? 'another backup there is' : 'other backups there are';
  const also = `${what} for other keys (${first.problem.message})`;
  const { hint } = first.problem;
  return new PaminaError(code, `${message}; ${also}`, { cause: error, context, hint });
}

async function planReadable(options: PlanOptions, all: Survey): Promise<RecoveryPlan> {
  const given = options.backup === undefined ? null : findGiven(all, options.backup, options.place);
  const goal = await goalOf(options, all, given);
  const way = chooseWay(options, all, given, goal);
  const toSeq = goal.seq ?? way.toSeq;
  const spans = way.spans
    .filter((span) => span.fromSeq <= toSeq)
    .map((span) => ({ ...span, toSeq: Math.min(span.toSeq, toSeq) }));
  const point = await proveEnds(way.backup, spans);
  return {
    target: options.target,
    backup: way.backup,
    spans,
    timelines: timelinesUntil(goal.history, toSeq),
    position: positionOf(options.target, goal.history, toSeq),
    point,
    records: toSeq - way.backup.manifest.position.seq,
    logBytes: spans.reduce((sum, { segment }) => sum + segment.entry.bytes, 0),
    recordedHashes: hashesOn(all, goal.history),
    sourceEnds: options.place.logs.map((source) => endOfSource(source, all)),
  };
}

function hashesOn(all: Survey, history: readonly Timeline[]): Map<number, string> {
  const hashes = new Map<number, string>();
  for (const { manifest, stateHash } of backupsOn(all, history)) {
    if (stateHash !== null) hashes.set(manifest.position.seq, stateHash);
  }
  return hashes;
}

function endOfSource(source: LogSource, all: Survey): number | null {
  const own = all.segments.filter((segment) => segment.source === source);
  return own.reduce<number | null>((end, { lastSeq }) => Math.max(end ?? 0, lastSeq), null);
}

/** The state at a fork has two names: the one that was asked for is kept. */
function positionOf(target: RecoveryTarget, history: readonly Timeline[], seq: number): Position {
  if (target.kind === 'position') return target.position;
  return positionOn(history, seq);
}

function findGiven(all: Survey, idOrTag: string, place: RecoveryPlace): PlaceBackup {
  const found =
    all.backups.find(({ id }) => id === idOrTag) ??
    all.backups.find(({ manifest }) => manifest.tag === idOrTag);
  if (found !== undefined) return found;
  const isPartial = all.listed.some(
    ({ id, manifest }) => id === idOrTag || manifest.tag === idOrTag,
  );
  const what = isPartial ? 'a full backup' : 'a good backup';
  const message = `${place.describe()} does not have ${what} with the id or tag ${JSON.stringify(idOrTag)}`;
  throw new PaminaError('BACKUP_NOT_FOUND', message, {
    context: { backups: all.backups.map(({ id }) => id) },
  });
}

/** Which history, and which record of it, a target means. */
async function goalOf(
  { target, place, signal }: PlanOptions,
  all: Survey,
  given: PlaceBackup | null,
): Promise<Goal> {
  if (target.kind === 'position') return positionGoal(target, all);
  const history = historyFor(target, all, given, place);
  switch (target.kind) {
    case 'none': {
      const chosen = given ?? newestOn(all, history, target);
      // It may be newer: the backup that is asked for is the newest, not the newest that could be read.
      if (given === null && all.unread.length > 0) {
        throw targetUnreachable(target, 'which backup is the newest is not known', []);
      }
      return { history, seq: chosen.manifest.position.seq };
    }
    case 'all':
      return { history, seq: null };
    case 'time':
      return { history, seq: await seqAtTime(target, all, history, given) };
    case 'tag':
      return { history, seq: await seqOfTag(target, all, history, signal) };
  }
}

/** The database's own history; else the newest one on which the backup lies. */
function historyFor(
  target: RecoveryTarget,
  all: Survey,
  given: PlaceBackup | null,
  place: RecoveryPlace,
): readonly Timeline[] {
  if (target.kind === 'none' && given !== null) return given.manifest.timelines;
  const fitting = all.histories.filter((history) => given === null || liesOn(given, history));
  const [first, second] = fitting;
  if (first === undefined) {
    throw new PaminaError('BACKUP_NOT_FOUND', `${place.describe()} holds no good backup`, {
      context: { place: place.describe() },
    });
  }
  const isOwn = first === all.histories[0] && place.history !== null;
  if (!isOwn && second?.at(-1)?.timeline === first.at(-1)?.timeline) {
    const why = `two branches bear the number ${first.at(-1)?.timeline}`;
    throw targetUnreachable(target, why, rangesOn(all, first));
  }
  return first;
}

function newestOn(all: Survey, history: readonly Timeline[], target: RecoveryTarget): PlaceBackup {
  const [newest] = backupsOn(all, history);
  if (newest !== undefined) return newest;
  throw targetUnreachable(target, 'there is no backup of this history', []);
}

function positionGoal(target: RecoveryTarget & { readonly kind: 'position' }, all: Survey): Goal {
  const { timeline, seq } = target.position;
  const [own] = all.histories;
  const inOwn = own?.findIndex((entry) => entry.timeline === timeline) ?? -1;
  const ownEnds = own?.[inOwn + 1]?.atSeq ?? Number.POSITIVE_INFINITY;
  // Up to its fork a timeline is a part of every history that goes on from it.
  if (own !== undefined && inOwn >= 0 && seq <= ownEnds) {
    if (seq >= (own[inOwn] as Timeline).atSeq) return { history: own.slice(0, inOwn + 1), seq };
  }
  const others = all.histories.filter((history) => history.at(-1)?.timeline === timeline);
  const [history] = others;
  const ranges = rangesOn(all, history ?? own ?? []);
  if (history === undefined) {
    throw targetUnreachable(target, `nothing is known of timeline ${timeline}`, ranges);
  }
  if (others.length > 1) {
    throw targetUnreachable(target, `two branches bear the number ${timeline}`, ranges);
  }
  const start = history.at(-1)?.atSeq ?? 0;
  if (seq < start) {
    const earlier = timelineAt(history, seq).timeline;
    const why = `timeline ${timeline} starts after record ${start}; this record is ${earlier}/${seq}`;
    throw targetUnreachable(target, why, ranges);
  }
  return { history, seq };
}

/** The last record at or before a time; nothing but a later record, or a heartbeat, proves that it was. */
async function seqAtTime(
  target: RecoveryTarget & { readonly kind: 'time' },
  all: Survey,
  history: readonly Timeline[],
  given: PlaceBackup | null,
): Promise<number> {
  const candidates = backupsOn(all, history).filter(
    (backup) => backup.manifest.createdAt <= target.time && (given === null || backup === given),
  );
  const ranges = rangesOn(all, history);
  let why: string | null = null;
  for (const backup of candidates) {
    const way = wayFrom(backup, history, all);
    const seq = await lastBefore(way, target.time, all);
    if (seq !== null) return seq;
    const end = `the log ends with record ${way.toSeq}, and nothing later proves that it was the last one by then (recover all of it, or stop the database, which proves it)`;
    why ??= way.gap ?? end;
  }
  throw targetUnreachable(target, why ?? 'no good backup was taken at or before it', ranges);
}

/** null where nothing proves it. */
async function lastBefore(way: Way, time: number, all: Survey): Promise<number | null> {
  let last = way.backup.manifest.position.seq;
  for (const span of way.spans) {
    if (span.segment.lastTime > time) {
      const isBehind = (record: { seq: number; time: number }): boolean =>
        record.seq > span.toSeq || record.time > time;
      const { seq } = await scanUntil(span.segment, isBehind);
      // Cut at a fork: whether a later one follows on this history the next span says.
      if (seq < span.toSeq) return Math.max(seq, last);
    }
    last = span.toSeq;
  }
  const timelineId = way.history.at(-1)?.id;
  const isProven = (await all.completeUntil()).some(
    (end) =>
      end.seq === last &&
      end.time >= time &&
      (end.timelineId === undefined || end.timelineId === timelineId),
  );
  return isProven ? last : null;
}

/** Backups know their position; else the marks in the log are looked through, the newest one counts. */
async function seqOfTag(
  target: RecoveryTarget & { readonly kind: 'tag' },
  all: Survey,
  history: readonly Timeline[],
  signal?: AbortSignal,
): Promise<number> {
  const tagged = all.listed.filter(({ manifest }) => manifest.tag === target.tag);
  const [newest] = tagged.filter((backup) => liesOn(backup, history)).sort(laterFirst);
  if (newest !== undefined) return newest.manifest.position.seq;
  const ids = new Set(history.map(({ id }) => id));
  let found: number | null = null;
  for (const segment of all.segments) {
    if (!ids.has(segment.entry.timelineId)) continue;
    for await (const batch of segmentBatches(segment)) {
      signal?.throwIfAborted();
      forEachRecord(batch, (header, at) => {
        if (header.kind !== RecordKind.mark || header.seq > segment.lastSeq) return;
        const body = batch.bytes.subarray(at + recordHeaderBytes, at + header.length);
        const isIt = decodeBody(RecordKind.mark, body).tag === target.tag;
        const isOnLine = ids.has(segment.header.timelineId) && header.seq > (found ?? 0);
        if (isIt && isOnLine) found = header.seq;
      });
    }
  }
  if (found !== null) return found;
  throw targetUnreachable(target, 'no backup and no mark has it', rangesOn(all, history));
}

function laterFirst(one: PlaceBackup, other: PlaceBackup): number {
  return other.manifest.position.seq - one.manifest.position.seq;
}

function chooseWay(
  { target, prefer = 'newest' }: PlanOptions,
  all: Survey,
  given: PlaceBackup | null,
  { history, seq }: Goal,
): Way {
  const usable = backupsOn(all, history, seq ?? undefined).filter(
    (backup) => given === null || backup === given,
  );
  if (prefer === 'oldest') usable.reverse();
  usable.sort((a, b) => Number(a.isDoubted === true) - Number(b.isDoubted === true));
  const none = given === null ? 'no good backup at or before it' : behindWhy(given, history);
  // Of the backup that was to be begun with, since the others lead no further.
  let why: string | null = null;
  for (const backup of usable) {
    const way = wayFrom(backup, history, all);
    if (seq === null ? way.gap === null : way.toSeq >= seq) return way;
    why ??= way.gap ?? `the log ends with record ${way.toSeq}`;
  }
  throw targetUnreachable(target, why ?? none, rangesOn(all, history));
}

function behindWhy(given: PlaceBackup, history: readonly Timeline[]): string {
  const at = formatPosition(given.manifest.position);
  const { createdAt } = given.manifest;
  return liesOn(given, history)
    ? `the backup ${given.id} stands behind it, at ${at} (${isoTime(createdAt)})`
    : `the backup ${given.id} (${at}) is not on this history`;
}

/**
 * A segment that is used in part is read, so that its records are known to be there and the next
 * one is known to continue it. Gives back the point that the last span ends with.
 */
async function proveEnds(backup: PlaceBackup, spans: readonly Span[]): Promise<ChainPoint> {
  let end = pointOf(backup.manifest);
  for (const [index, { segment, toSeq }] of spans.entries()) {
    const isWhole = toSeq === segment.lastSeq;
    end = isWhole
      ? { seq: toSeq, chain: segment.chain, time: segment.lastTime }
      : await pointIn(segment, toSeq);
    if (end.seq !== toSeq) throw brokenOff(segment, 0);
    const next = spans[index + 1];
    if (next === undefined || next.segment.entry.firstSeq !== toSeq + 1) continue;
    if (next.segment.header.chainBefore === end.chain) continue;
    const message = `${next.segment.entry.name} in ${next.segment.source.describe()} does not continue record ${toSeq}`;
    throw new PaminaError('DIVERGED', message, { context: { seq: toSeq } });
  }
  return end;
}
