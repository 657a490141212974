// The records of a place's log for people who look for a moment: in order, or around a time.
import { PaminaError, newRecordHeader, recordHeaderBytes, timelineAt } from '@pamina/format';
import { readRecordHeader, type RecordHeader, type Timeline } from '@pamina/format';
import type { RecoveryPlace } from './place.js';
import { segmentBatches } from './segment-stream.js';
import { survey, type SurveyedSegment } from './survey.js';

export interface ViewedRecord {
  readonly header: RecordHeader;
  /** A view into a buffer that is used again: copy what is kept. */
  readonly body: Uint8Array;
  readonly timeline: number;
  readonly session: number;
  /** Name of the segment in its source, and where the record begins in it. */
  readonly segment: string;
  readonly offset: number;
}

export interface LogView {
  /** In the order of the log. */
  records(fromSeq: number): AsyncGenerator<ViewedRecord>;
  /** What `pick` makes of records, null for those that do not count: the nearest ones around a time. */
  around<T>(
    time: number,
    counts: { readonly before: number; readonly after: number },
    pick: (record: ViewedRecord) => T | null,
  ): AsyncGenerator<T>;
}

/** Of the database's own history, or the newest one that the place knows. LOG_GONE where there is no log. */
export async function viewLog(place: RecoveryPlace, signal?: AbortSignal): Promise<LogView> {
  const { damaged, histories, segments } = await survey(place, signal);
  const [history] = histories;
  if (history === undefined) {
    throw new PaminaError('LOG_GONE', `${place.describe()} holds no log`, {
      context: { place: place.describe() },
    });
  }
  const line = lineOf(segments, history).map((segment) => ({
    ...segment,
    damage:
      segment.damage ??
      damaged.find(({ entry }) => entry.firstSeq === segment.toSeq + 1)?.damage ??
      null,
  }));
  const read = (segment: LineSegment): AsyncGenerator<ViewedRecord> =>
    recordsOf(segment, history, signal);
  return {
    async *records(fromSeq) {
      for (const segment of line) {
        if (segment.toSeq < fromSeq) continue;
        for await (const record of read(segment)) if (record.header.seq >= fromSeq) yield record;
      }
    },
    async *around(time, counts, pick) {
      const at = Math.max(
        0,
        line.findLastIndex(({ header }) => header.startTime <= time),
      );
      yield* await pickBefore(line.slice(0, at + 1), read, time, counts.before, pick);
      yield* pickAfter(line.slice(at), read, time, counts.after, pick);
    },
  };
}

interface LineSegment extends SurveyedSegment {
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** Each record once, whichever sources have it. */
function lineOf(segments: readonly SurveyedSegment[], history: readonly Timeline[]): LineSegment[] {
  const ends = new Map(
    history.map(({ id }, index) => [id, history[index + 1]?.atSeq ?? Number.POSITIVE_INFINITY]),
  );
  const line: LineSegment[] = [];
  let next = 1;
  const reach = (segment: SurveyedSegment): number =>
    Math.min(segment.lastSeq, ends.get(segment.entry.timelineId) ?? -1);
  const inOrder = segments.toSorted(
    (a, b) => a.entry.firstSeq - b.entry.firstSeq || reach(b) - reach(a),
  );
  for (const segment of inOrder) {
    const toSeq = reach(segment);
    if (toSeq < next || toSeq < segment.entry.firstSeq) continue;
    line.push({ ...segment, fromSeq: Math.max(next, segment.entry.firstSeq), toSeq });
    next = toSeq + 1;
  }
  return line;
}

/** Throws what is wrong behind the last record: what cannot be read is not left out as if it were not. */
async function* recordsOf(
  segment: LineSegment,
  history: readonly Timeline[],
  signal?: AbortSignal,
): AsyncGenerator<ViewedRecord> {
  const { session } = segment.header;
  for await (const batch of segmentBatches(segment)) {
    signal?.throwIfAborted();
    const header = newRecordHeader();
    for (let at = batch.start; at < batch.end; at += header.length) {
      readRecordHeader(batch.view, at, header);
      if (header.seq > segment.toSeq) break;
      if (header.seq < segment.fromSeq) continue;
      const { timeline } = timelineAt(history, header.seq);
      const body = batch.bytes.subarray(at + recordHeaderBytes, at + header.length);
      const offset = batch.offset + at - batch.start;
      yield { header, body, timeline, session, segment: segment.entry.name, offset };
    }
    if (batch.point.seq >= segment.toSeq) break;
  }
  if (segment.damage !== null) throw segment.damage;
}

type Reader = (segment: LineSegment) => AsyncGenerator<ViewedRecord>;
type Pick<T> = (record: ViewedRecord) => T | null;

/** Backwards by segments, until enough are found. */
async function pickBefore<T>(
  segments: readonly LineSegment[],
  read: Reader,
  time: number,
  count: number,
  pick: Pick<T>,
): Promise<T[]> {
  let found: T[] = [];
  for (const segment of segments.toReversed()) {
    if (found.length >= count) break;
    const here: T[] = [];
    for await (const record of read(segment)) {
      if (record.header.time > time) break;
      const picked = pick(record);
      if (picked === null) continue;
      here.push(picked);
      if (here.length > count - found.length) here.shift();
    }
    found = [...here, ...found];
  }
  return found;
}

async function* pickAfter<T>(
  segments: readonly LineSegment[],
  read: Reader,
  time: number,
  count: number,
  pick: Pick<T>,
): AsyncGenerator<T> {
  let left = count;
  for (const segment of segments) {
    for await (const record of read(segment)) {
      if (left === 0) return;
      const picked = record.header.time > time ? pick(record) : null;
      if (picked === null) continue;
      yield picked;
      left -= 1;
    }
  }
}
