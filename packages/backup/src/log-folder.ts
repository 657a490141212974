// Reads the log of a database that somebody else may have open and write to: nothing is changed, and
// nothing but whole verified records up to the wanted one is looked at.
import { join } from 'node:path';
import {
  PaminaError,
  decodeSegmentTrailer,
  isPaminaError,
  isSegmentTrailer,
  segmentHeaderBytes,
  segmentTrailerBytes,
  viewOf,
  type SegmentHeader,
  type SegmentTrailer,
} from '@pamina/format';
import type { Disk } from '@pamina/env';
import {
  forEachRecord,
  listSegments,
  loadHeader,
  scanSegment,
  type RecordBatch,
  type Segment,
} from '@pamina/log';

/** A stretch of log that was found to be there without a gap, from a known point on. */
export interface LogStretch {
  readonly disk: Disk;
  readonly segments: readonly Segment[];
  readonly fromSeq: number;
  readonly toSeq: number;
  /** Chain before record `fromSeq`. */
  readonly chainBefore: number;
}

export interface StretchOptions {
  readonly databaseFolder: string;
  readonly pattern: string | null;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly chainBefore: number;
}

/**
 * Finds the segments of records `fromSeq` to `toSeq` and checks that they follow each other by number
 * and chain and that the last record is really there. POSITION_UNREACHABLE says what is missing.
 */
export async function findStretch(disk: Disk, options: StretchOptions): Promise<LogStretch> {
  try {
    return await findPresent(disk, options);
  } catch (error) {
    throw deletedMeanwhile(error);
  }
}

async function findPresent(disk: Disk, options: StretchOptions): Promise<LogStretch> {
  const { fromSeq, toSeq, chainBefore } = options;
  const folder = join(options.databaseFolder, 'log');
  if (fromSeq > toSeq) return { disk, segments: [], fromSeq, toSeq, chainBefore };
  const all = withoutSuperseded(await listSegments(disk, folder));
  const first = all.findLastIndex((segment) => segment.firstSeq <= fromSeq);
  const end = all.findIndex((segment) => segment.firstSeq > toSeq);
  const segments = first < 0 ? [] : all.slice(first, end < 0 ? all.length : end);
  if (segments.length === 0) {
    throw unreachable(folder, `the log no longer holds record ${fromSeq}`);
  }
  for (const [index, segment] of segments.entries()) {
    const header = await loadHeader(disk, segment);
    if (header.pattern !== options.pattern) {
      throw new PaminaError('PATTERN_MISMATCH', `${segment.path} is of another database`, {
        context: { file: segment.path },
      });
    }
    const before = segments[index - 1];
    if (before !== undefined) await checkFollows(disk, before, segment);
  }
  await checkHolds(disk, segments.at(-1) as Segment, toSeq);
  return { disk, segments, fromSeq, toSeq, chainBefore };
}

/** The records of a stretch in verified batches, cut to it. LOG_DAMAGED, DIVERGED, POSITION_UNREACHABLE. */
export async function* stretchBatches(
  stretch: LogStretch,
): AsyncGenerator<RecordBatch, void, undefined> {
  const { disk, segments, toSeq } = stretch;
  try {
    for (const segment of segments) {
      const header = await loadHeader(disk, segment);
      // The record before the first one wanted proves that the log continues the backup (P5).
      if (header.firstSeq === stretch.fromSeq) checkContinues(segment, header.chainBefore, stretch);
      for await (const batch of segmentBatches(stretch, segment, header)) {
        const cut = cutBatch(batch, stretch, segment);
        if (cut.end > cut.start) yield cut;
        if (cut.point.seq >= toSeq) return;
      }
    }
  } catch (error) {
    throw deletedMeanwhile(error);
  }
}

/** All records of one segment. That the next one follows was checked against this one's trailer. */
async function* segmentBatches(
  { disk, segments }: LogStretch,
  segment: Segment,
  header: SegmentHeader,
): AsyncGenerator<RecordBatch, void, undefined> {
  const file = await disk.open(segment.path, 'read');
  try {
    const end = yield* scanSegment(file, scanStart(header));
    const next = segments[segments.indexOf(segment) + 1];
    const isWhole = end.reason === 'trailer' && end.point.seq + 1 === next?.firstSeq;
    if (isWhole) return;
    const message = `${segment.path}, offset ${end.offset}: the record here fails its checksum`;
    const context = { file: segment.path, offset: end.offset };
    throw new PaminaError('LOG_DAMAGED', message, { context });
  } finally {
    await file.close();
  }
}

function scanStart(header: SegmentHeader): Parameters<typeof scanSegment>[1] {
  const { firstSeq, chainBefore, startTime } = header;
  const point = { seq: firstSeq - 1, chain: chainBefore, time: startTime };
  return { offset: segmentHeaderBytes, point, checksum: 0 };
}

/** The database that writes this log may delete what it no longer needs while it is read. */
function deletedMeanwhile(error: unknown): unknown {
  if (!isPaminaError(error, 'FILE_NOT_FOUND') && !isPaminaError(error, 'LOG_GONE')) return error;
  const message = 'the position cannot be reached: log was deleted meanwhile';
  return new PaminaError('POSITION_UNREACHABLE', message, {
    cause: error,
    context: error.context,
  });
}

function cutBatch(batch: RecordBatch, stretch: LogStretch, segment: Segment): RecordBatch {
  const { fromSeq, toSeq } = stretch;
  let start = batch.end;
  let end = batch.start;
  let { point } = batch;
  forEachRecord(batch, (header, at) => {
    if (header.seq === fromSeq - 1) checkContinues(segment, header.checksum, stretch);
    if (header.seq < fromSeq || header.seq > toSeq) return;
    start = Math.min(start, at);
    end = at + header.length;
    point = { seq: header.seq, chain: header.checksum, time: header.time };
  });
  return { ...batch, start, end, firstSeq: Math.max(batch.firstSeq, fromSeq), point };
}

function checkContinues(segment: Segment, chain: number, stretch: LogStretch): void {
  if (chain === stretch.chainBefore) return;
  const seq = stretch.fromSeq - 1;
  throw new PaminaError(
    'DIVERGED',
    `${segment.path}: the log is not the continuation of the backup at record ${seq}`,
    { context: { file: segment.path, seq } },
  );
}

/** Of two segments with one first record the newer timeline's is the closed copy that a promotion made. */
function withoutSuperseded(segments: readonly Segment[]): Segment[] {
  return segments.filter((segment, index) => segments[index + 1]?.firstSeq !== segment.firstSeq);
}

async function checkFollows(disk: Disk, before: Segment, segment: Segment): Promise<void> {
  const trailer = await readTrailer(disk, before);
  const lastSeq = trailer?.lastSeq ?? null;
  const { chainBefore } = await loadHeader(disk, segment);
  if (trailer !== null && lastSeq === segment.firstSeq - 1 && trailer.chain === chainBefore) return;
  throw unreachable(before.path, `the segment before record ${segment.firstSeq} is missing`);
}

/** Null for a segment that was not closed. SEGMENT_INVALID if its trailer is damaged. */
async function readTrailer(disk: Disk, segment: Segment): Promise<SegmentTrailer | null> {
  const file = await disk.open(segment.path, 'read');
  try {
    const size = await file.size();
    const bytes = new Uint8Array(segmentTrailerBytes);
    await file.read(bytes, Math.max(0, size - segmentTrailerBytes));
    return isSegmentTrailer(bytes, viewOf(bytes), 0) ? decodeSegmentTrailer(bytes) : null;
  } finally {
    await file.close();
  }
}

/** Reads the last segment as far as the wanted record: what comes behind it may be half written. */
async function checkHolds(disk: Disk, segment: Segment, toSeq: number): Promise<void> {
  const header = await loadHeader(disk, segment);
  const file = await disk.open(segment.path, 'read');
  let lastSeq = header.firstSeq - 1;
  try {
    const scan = scanSegment(file, scanStart(header));
    for (let step = await scan.next(); step.done !== true; step = await scan.next()) {
      lastSeq = step.value.point.seq;
      if (lastSeq >= toSeq) return;
    }
  } finally {
    await file.close();
  }
  throw unreachable(segment.path, `the log ends with record ${lastSeq}`);
}

export function unreachable(path: string, what: string, cause?: unknown): PaminaError {
  const message = `the position cannot be reached: ${what}`;
  return new PaminaError('POSITION_UNREACHABLE', message, { cause, context: { path } });
}
