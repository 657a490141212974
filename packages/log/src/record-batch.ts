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
  batch: RecordBatch,
  visit: (header: RecordHeader, at: number) => void,
): void {
  const header = newRecordHeader();
  for (let at = batch.start; at < batch.end; at += header.length) {
    readRecordHeader(batch.view, at, header);
    visit(header, at);
  }
}
