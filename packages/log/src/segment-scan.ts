// Reads one segment front to back and verifies every record against the chain. The one reader that
// opening, replay, verification and printing share, so that all of them agree on what a record is.
import {
  PaminaError,
  checkRecord,
  newRecordHeader,
  crc32,
  isSegmentTrailer,
  segmentTrailerBytes,
  type SegmentTrailer,
} from '@pamina/format';
import type { DiskFile } from '@pamina/env';
import { type ChainPoint, type RecordBatch } from './record-batch.js';

const readBytes = 1024 * 1024;
const readBytesMin = 4 * 1024;

/** Why a scan ended, and where: `offset` is the first byte that is not part of a verified record. */
export interface ScanEnd {
  readonly reason: 'trailer' | 'reserved' | 'torn' | 'end-of-file';
  readonly offset: number;
  readonly point: ChainPoint;
  /** crc32 of the bytes [0, offset) when the scan began at 0 or was given the checksum so far. */
  readonly checksum: number;
}

/** Whether a trailer says what was read before it, from the first byte of its segment on. */
export function trailerFits(trailer: SegmentTrailer, end: ScanEnd): boolean {
  return (
    trailer.lastSeq === end.point.seq &&
    trailer.lastTime === end.point.time &&
    trailer.chain === end.point.chain &&
    trailer.bytes === end.offset &&
    trailer.checksum === end.checksum
  );
}

export interface ScanStart {
  /** Offset of the first record to read. */
  readonly offset: number;
  /** The point before that record. */
  readonly point: ChainPoint;
  /** crc32 of the bytes before the offset; 0 when nobody needs it. */
  readonly checksum: number;
  /** Read no byte at or behind this offset (the durable end of an open segment). */
  readonly limit?: number;
  /** Where the file may end, if the limit does not tell: what is read at once is no larger. */
  readonly expectedEnd?: number;
}

export interface SegmentBatch extends RecordBatch {
  /** Where bytes[start] stands in the file. */
  readonly offset: number;
}

/** Scans a segment; yields verified batches and returns why it ended. Never throws for what the bytes hold. */
export async function* scanSegment(
  file: Pick<DiskFile, 'read' | 'size'>,
  from: ScanStart,
): AsyncGenerator<SegmentBatch, ScanEnd, undefined> {
  const limit = from.limit ?? (await file.size());
  const header = newRecordHeader();
  // Most segments of a small database are small: a whole step for each would be most of its opening.
  const end = Math.min(limit, from.expectedEnd ?? limit);
  const stepAt = (at: number): number => Math.max(readBytesMin, Math.min(readBytes, end - at));
  let buffer = new Uint8Array(stepAt(from.offset));
  let held = 0;
  let offset = from.offset;
  let point = from.point;
  let checksum = from.checksum;
  const ended = (reason: ScanEnd['reason']): ScanEnd => ({ reason, offset, point, checksum });

  for (;;) {
    const want = Math.min(buffer.length - held, limit - offset - held);
    const count = want > 0 ? await file.read(buffer.subarray(held, held + want), offset + held) : 0;
    held += count;
    const atEnd = count < want || offset + held >= limit;
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    const firstSeq = point.seq + 1;
    let at = 0;
    let status = checkRecord(buffer, view, at, held, point.seq + 1, point.chain, header);
    while (status === 'record') {
      point = { seq: header.seq, chain: header.checksum, time: header.time };
      at += header.length;
      status = checkRecord(buffer, view, at, held, point.seq + 1, point.chain, header);
    }
    if (at > 0) {
      checksum = crc32(buffer.subarray(0, at), checksum);
      yield { bytes: buffer, view, start: 0, end: at, firstSeq, point, offset };
      offset += at;
    }
    const left = held - at;
    const mayBeTrailer = left >= segmentTrailerBytes && isSegmentTrailer(buffer, view, at);
    if (mayBeTrailer) return ended('trailer');
    if (atEnd && left === 0) return ended('end-of-file');
    if (status === 'end' && (atEnd || left >= segmentTrailerBytes)) return ended('reserved');
    if (status === 'damaged' && (atEnd || left >= segmentTrailerBytes)) return ended('torn');
    if (atEnd) return ended('torn');
    // A new buffer: the one before may still be in the hands of whoever applies it.
    // Bounded by what the file holds, not by what a damaged length claims.
    const claimed = status === 'partial' ? Math.min(header.length, limit - offset) : 0;
    const size = Math.max(stepAt(offset), claimed, left);
    const next = new Uint8Array(size);
    next.set(buffer.subarray(at, held));
    buffer = next;
    held = left;
  }
}

export function damaged(path: string, offset: number, what: string): PaminaError {
  return new PaminaError('LOG_DAMAGED', `${path}, offset ${offset}: ${what}`, {
    context: { file: path, offset },
  });
}
