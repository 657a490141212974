// Reads records back, verified against the chain: for replay, for printing, and for telling the chain
// at a position.
import {
  PaminaError,
  crc32,
  decodeSegmentTrailer,
  encodeSegmentHeader,
  isPaminaError,
  recordHeaderBytes,
  segmentHeaderBytes,
  segmentTrailerBytes,
  type RecordHeader,
  type SegmentHeader,
} from '@pamina/format';
import type { Disk, DiskFile } from '@pamina/env';
import { HeaderWalker, segmentWith, type CursorSource } from './cursor.js';
import { forEachRecord } from './record-batch.js';
import { loadHeader, openSegment, type Segment } from './segment-list.js';
import {
  damaged,
  scanSegment,
  type ScanEnd,
  type ScanStart,
  type SegmentBatch,
} from './segment-scan.js';
import { requireFits } from './settle-tail.js';

export interface LogRecord {
  readonly header: RecordHeader;
  /** A view into a buffer that is used again: copy what is kept. */
  readonly body: Uint8Array;
  readonly segment: Segment;
  /** Where the record begins in its segment file. */
  readonly offset: number;
}

/** Verified batches from the segment that holds `fromSeq` on; the first batch may begin before it. */
export async function* readBatches(
  source: CursorSource,
  fromSeq: number,
  toSeq: number,
): AsyncGenerator<{ batch: SegmentBatch; segment: Segment }> {
  if (fromSeq > Math.min(source.durableSeq, toSeq)) return;
  let segment = segmentWith(source.segments(), fromSeq);
  if (segment === null) throw gone(fromSeq, source);
  let nextSeq = segment.firstSeq;
  let chain: number | null = null;
  for (;;) {
    const header = await loadHeader(source.disk, segment);
    if (header.firstSeq !== nextSeq) throw gone(nextSeq, source);
    if (chain !== null && header.chainBefore !== chain) {
      throw damaged(segment.path, 56, 'its chain does not continue the segment before it');
    }
    for await (const batch of scanWhole(source.disk, segment, header)) {
      nextSeq = batch.point.seq + 1;
      chain = batch.point.chain;
      if (batch.point.seq >= fromSeq) yield { batch, segment };
      if (nextSeq > toSeq) return;
    }
    if (nextSeq > source.durableSeq) return;
    const next = segmentWith(source.segments(), nextSeq);
    if (next === null || next === segment) throw gone(nextSeq, source);
    segment = next;
  }
}

function gone(seq: number, source: CursorSource): PaminaError {
  return new PaminaError('LOG_GONE', `record ${seq} is no longer in this log`, {
    context: { seq, first: source.segments()[0]?.firstSeq ?? null },
  });
}

/** All records of one segment, up to what is durable when it ends. Throws LOG_DAMAGED where they break off early. */
async function* scanWhole(
  disk: Disk,
  segment: Segment,
  header: SegmentHeader,
): AsyncGenerator<SegmentBatch> {
  const file = await openSegment(disk, segment);
  try {
    await requireHeader(file, segment, header);
    let from: Omit<ScanStart, 'limit'> = {
      offset: segmentHeaderBytes,
      point: { seq: header.firstSeq - 1, chain: header.chainBefore, time: header.startTime },
      checksum: crc32(encodeSegmentHeader(header)),
    };
    for (;;) {
      const isClosed = segment.closed;
      const limit = Math.max(segment.bytes, segmentHeaderBytes);
      const end = yield* scanSegment(file, { ...from, limit });
      if (isClosed) {
        await requireTrailer(file, segment, end);
        return;
      }
      if (end.offset !== limit) {
        throw damaged(segment.path, end.offset, 'the record here fails its checksum');
      }
      // It may have grown or have been closed meanwhile; then the next segment continues from there.
      if (!segment.closed && segment.bytes <= limit) return;
      from = end;
    }
  } finally {
    await file.close();
  }
}

/** The header that an open log remembers says nothing of what the disk holds by now (P9). */
async function requireHeader(
  file: DiskFile,
  segment: Segment,
  header: SegmentHeader,
): Promise<void> {
  const expected = encodeSegmentHeader(header);
  const bytes = new Uint8Array(expected.length);
  await file.read(bytes, 0);
  const at = bytes.findIndex((byte, index) => byte !== expected[index]);
  if (at >= 0) throw damaged(segment.path, at, 'the header is not what it was');
}

async function requireTrailer(file: DiskFile, segment: Segment, end: ScanEnd): Promise<void> {
  const bytes = new Uint8Array(segmentTrailerBytes);
  if (end.reason !== 'trailer' || (await file.read(bytes, end.offset)) < bytes.length) {
    throw damaged(segment.path, end.offset, 'the record here fails its checksum');
  }
  try {
    requireFits(decodeSegmentTrailer(bytes), end, segment.path);
  } catch (error) {
    if (!isPaminaError(error, 'SEGMENT_INVALID')) throw error;
    throw damaged(segment.path, end.offset, error.message);
  }
}

export async function* readRecords(
  source: CursorSource,
  fromSeq: number,
  toSeq: number,
): AsyncGenerator<LogRecord> {
  for await (const { batch, segment } of readBatches(source, fromSeq, toSeq)) {
    const records: { header: RecordHeader; at: number }[] = [];
    forEachRecord(batch, (header, at) => {
      if (header.seq < fromSeq || header.seq > toSeq) return;
      records.push({ header: { ...header }, at });
    });
    for (const { header, at } of records) {
      const body = batch.bytes.subarray(at + recordHeaderBytes, at + header.length);
      yield { header, body, segment, offset: batch.offset + at - batch.start };
    }
  }
}

/** The chain after record `seq` is that record's own checksum. */
export async function chainAfter(disk: Disk, segment: Segment, seq: number): Promise<number> {
  const file = await openSegment(disk, segment);
  try {
    const walker = new HeaderWalker(file, segment);
    while (walker.nextSeq <= seq) {
      if (!(await walker.step())) {
        throw damaged(segment.path, walker.offset, 'the records break off here');
      }
    }
    return walker.header.checksum;
  } finally {
    await file.close();
  }
}
