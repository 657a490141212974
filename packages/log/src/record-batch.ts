// What travels from the log to the store: whole, verified, contiguous records as one run of bytes.
// A commit group, a received chunk and a stretch read back at recovery all have this one shape.
import { newRecordHeader, readRecordHeader, type RecordHeader } from '@pamina/format';

/** A state of the history: the last record, the chain after it, and its commit time in ms. */
export interface ChainPoint {
  readonly seq: number;
  readonly chain: number;
  readonly time: number;
}

export interface RecordBatch {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The records stand in bytes[start, end). */
  readonly start: number;
  readonly end: number;
  readonly firstSeq: number;
  /** The point after the last record of the batch. */
  readonly point: ChainPoint;
}

/** Calls `visit` once a record; `header` is reused from call to call. The batch is trusted. */
export function forEachRecord(
  batch: Pick<RecordBatch, 'view' | 'start' | 'end'>,
  visit: (header: RecordHeader, at: number) => void,
): void {
  const header = newRecordHeader();
  for (let at = batch.start; at < batch.end; at += header.length) {
    readRecordHeader(batch.view, at, header);
    visit(header, at);
  }
}

/** Two batches of one: the records up to `seq`, which must not be its last, and those behind. */
export function splitBatch(batch: RecordBatch, seq: number): [RecordBatch, RecordBatch] {
  const { bytes, view, firstSeq } = batch;
  let at = batch.start;
  const header = newRecordHeader();
  do {
    readRecordHeader(view, at, header);
    at += header.length;
  } while (header.seq < seq);
  const point = { seq, chain: header.checksum, time: header.time };
  return [
    { bytes, view, start: batch.start, end: at, firstSeq, point },
    { bytes, view, start: at, end: batch.end, firstSeq: seq + 1, point: batch.point },
  ];
}
