// Reads records back, verified against the chain: for replay, for printing, and for telling the chain
// at a position.
import {
  PaminaError,
  crc32,
  encodeSegmentHeader,
  recordHeaderBytes,
  segmentHeaderBytes,
  type RecordHeader,
} from '@pamina/format';
import type { Disk } from '@pamina/env';
import { HeaderWalker, segmentWith, type CursorSource } from './cursor.js';
import { forEachRecord } from './record-batch.js';
import { loadHeader, type Segment } from './segment-list.js';
import { damaged, scanSegment, type SegmentBatch } from './segment-scan.js';

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
  let segment: Segment | undefined = segmentWith(source.segments(), fromSeq) ?? undefined;
  if (segment === undefined) {
    throw new PaminaError('LOG_GONE', `record ${fromSeq} is no longer in this log`, {
      context: { seq: fromSeq, first: source.segments()[0]?.firstSeq ?? null },
    });
  }
  let nextSeq = segment.firstSeq;
  while (segment !== undefined) {
    const header = await loadHeader(source.disk, segment);
    if (header.firstSeq !== nextSeq) {
      throw new PaminaError(
        'LOG_GONE',
        `records ${nextSeq} to ${header.firstSeq - 1} are missing`,
        {
          context: { seq: nextSeq, file: segment.path },
        },
      );
    }
    for await (const batch of scanWhole(source.disk, segment)) {
      nextSeq = batch.point.seq + 1;
      if (batch.point.seq >= fromSeq) yield { batch, segment };
      if (nextSeq > Math.min(toSeq, source.durableSeq)) return;
    }
    segment = source.segments()[source.segments().indexOf(segment) + 1];
  }
}

/** All records of one segment, up to what is durable. Throws LOG_DAMAGED where they break off early. */
async function* scanWhole(disk: Disk, segment: Segment): AsyncGenerator<SegmentBatch> {
  const header = await loadHeader(disk, segment);
  const limit = segment.bytes;
  const file = await disk.open(segment.path, 'read');
  try {
    const scan = scanSegment(file, {
      offset: segmentHeaderBytes,
      point: { seq: header.firstSeq - 1, chain: header.chainBefore, time: header.startTime },
      checksum: crc32(encodeSegmentHeader(header)),
      limit,
    });
    for (;;) {
      const step = await scan.next();
      if (step.done === true) {
        const isWhole = step.value.reason === 'trailer' || step.value.offset === limit;
        if (isWhole) return;
        throw damaged(segment.path, step.value.offset, 'the record here fails its checksum');
      }
      yield step.value;
    }
  } finally {
    await file.close();
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
export async function chainAfter(
  disk: Disk,
  segment: Segment,
  seq: number,
): Promise<number | null> {
  const file = await disk.open(segment.path, 'read');
  try {
    const walker = new HeaderWalker(file, segment);
    while (walker.nextSeq <= seq) {
      if (!(await walker.step())) return null;
    }
    return walker.header.checksum;
  } finally {
    await file.close();
  }
}
