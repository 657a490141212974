// Which stretches of log lead from a backup on, along one history. Pure: over what a survey found.
import { forkPoint, timelineAt, type Position, type Timeline } from '@pamina/format';
import type { PlaceBackup } from './place.js';
import type { Survey, SurveyedSegment } from './survey.js';
import type { ReachableRange } from './target.js';

/** Records `fromSeq` to `toSeq` of one segment. */
export interface Span {
  readonly segment: SurveyedSegment;
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** What leads on from a backup without a gap. */
export interface Way {
  readonly backup: PlaceBackup;
  readonly history: readonly Timeline[];
  readonly spans: readonly Span[];
  /** Last record that is reached. */
  readonly toSeq: number;
  /** Why it ends there; null where nothing more is known of. */
  readonly gap: string | null;
}

/** Whether the state of a backup lies on a history. The initial one bears no pattern, but its timeline. */
export function liesOn(backup: PlaceBackup, history: readonly Timeline[]): boolean {
  const { position, timelines } = backup.manifest;
  const shared = forkPoint(history, timelines);
  return shared.common > 0 && shared.seqMax >= position.seq;
}

/** The backups on a history up to `seq`, the newest first. */
export function backupsOn(
  survey: Survey,
  history: readonly Timeline[],
  seq = Number.POSITIVE_INFINITY,
): PlaceBackup[] {
  return survey.backups
    .filter((backup) => backup.manifest.position.seq <= seq && liesOn(backup, history))
    .sort((a, b) => b.manifest.position.seq - a.manifest.position.seq);
}

/** Follows the log from a backup as far as it goes on the history. */
export function wayFrom(backup: PlaceBackup, history: readonly Timeline[], all: Survey): Way {
  const { position, chain: startChain } = backup.manifest;
  const ends = new Map(history.map(({ id }, index) => [id, endOf(history, index)]));
  const reach = (segment: SurveyedSegment): number =>
    Math.min(segment.lastSeq, ends.get(segment.entry.timelineId) ?? -1);
  const onLine = all.segments
    .filter((segment) => reach(segment) >= Math.max(segment.entry.firstSeq, position.seq + 1))
    .sort((a, b) => a.entry.firstSeq - b.entry.firstSeq);
  const spans: Span[] = [];
  let next = position.seq + 1;
  let chain: number | null = startChain;
  let from = 0;
  for (;;) {
    while (from < onLine.length && reach(onLine[from] as SurveyedSegment) < next) from++;
    let best: SurveyedSegment | null = null;
    let stranger: SurveyedSegment | null = null;
    for (let at = from; at < onLine.length; at++) {
      const segment = onLine[at] as SurveyedSegment;
      if (segment.entry.firstSeq > next) break;
      if (reach(segment) < next) continue;
      if (!continues(segment, next, chain)) stranger = segment;
      else if (best === null || reach(segment) > reach(best)) best = segment;
    }
    if (best === null) {
      const gap = gapAt(next, onLine, stranger, damageAt(next, ends, all));
      return { backup, history, spans, toSeq: next - 1, gap };
    }
    const toSeq = reach(best);
    spans.push({ segment: best, fromSeq: next, toSeq });
    next = toSeq + 1;
    chain = toSeq === best.lastSeq ? best.chain : null;
  }
}

function endOf(history: readonly Timeline[], index: number): number {
  return history[index + 1]?.atSeq ?? Number.POSITIVE_INFINITY;
}

/** In the middle of a segment the chain is known only when it is read. */
function continues(segment: SurveyedSegment, next: number, chain: number | null): boolean {
  const { firstSeq } = segment.entry;
  return firstSeq < next || chain === null || segment.header.chainBefore === chain;
}

/** What is wrong with a segment of the line that should hold a record. */
function damageAt(next: number, ends: ReadonlyMap<string, number>, all: Survey): string | null {
  const isOnLine = (timelineId: string): boolean => (ends.get(timelineId) ?? 0) >= next;
  const cut = all.segments.find(
    ({ damage, entry, lastSeq }) =>
      damage !== null && isOnLine(entry.timelineId) && lastSeq === next - 1,
  );
  const spoiled = all.damaged.find(
    ({ entry }) => isOnLine(entry.timelineId) && entry.firstSeq === next,
  );
  return (cut ?? spoiled)?.damage?.message ?? null;
}

function gapAt(
  next: number,
  onLine: readonly SurveyedSegment[],
  stranger: SurveyedSegment | null,
  damage: string | null,
): string | null {
  if (damage !== null) return damage;
  if (stranger !== null) {
    const { entry, source } = stranger;
    return `${entry.name} in ${source.describe()} does not continue record ${next - 1}`;
  }
  const behind = onLine.find(({ entry }) => entry.firstSeq > next);
  return behind === undefined
    ? null
    : `records ${next} to ${behind.entry.firstSeq - 1} are missing`;
}

/** The commit time of the last record of a way, as far as the survey tells it. */
function endTimeOf(way: Way): number {
  const last = way.spans.at(-1);
  if (last === undefined) return way.backup.manifest.createdAt;
  // Cut at a fork: the segment goes on, so its last time is the latest that it can be.
  return last.segment.lastTime;
}

export function positionOn(history: readonly Timeline[], seq: number): Position {
  return { timeline: timelineAt(history, seq).timeline, seq };
}

/** What can be reached on a history, with which a refusal ends. */
export function rangesOn(survey: Survey, history: readonly Timeline[]): ReachableRange[] {
  const ranges: ReachableRange[] = [];
  let reached = -1;
  for (const backup of backupsOn(survey, history).toReversed()) {
    const { position, createdAt } = backup.manifest;
    const way = wayFrom(backup, history, survey);
    const range = {
      from: positionOn(history, position.seq),
      fromTime: createdAt,
      to: positionOn(history, way.toSeq),
      toTime: endTimeOf(way),
    };
    if (way.toSeq <= reached) continue;
    const before = ranges.at(-1);
    if (before !== undefined && position.seq <= reached) {
      ranges[ranges.length - 1] = { ...range, from: before.from, fromTime: before.fromTime };
    } else {
      ranges.push(range);
    }
    reached = way.toSeq;
  }
  return ranges;
}
