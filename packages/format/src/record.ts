// The record, the unit of the log: a 32-byte header and a body, sealed by a checksum that continues
// the checksum of the record before it (the chain). Hot path: nothing here allocates per record.
import { crc32Span } from './checksum.js';
import { isCount, isUint32, readUint64, writeUint64 } from './integers.js';
import { recordBytesMax, recordHeaderBytes } from './limits.js';
import { PaminaError } from './pamina-error.js';

/** What a record is. `lock`, `abort` and `locks` are lock data, for simultaneous query. */
export const RecordKind = {
  commit: 1,
  session: 2,
  mark: 3,
  audit: 4,
  lock: 5,
  abort: 6,
  locks: 7,
  heartbeat: 8,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];
const kindMax = RecordKind.heartbeat;

/** Offsets of the fields in a record's header; FORMAT.md is held against them. */
export const recordOffsets = {
  checksum: 0,
  length: 4,
  kind: 8,
  flags: 9,
  zero: 10,
  syncedTo: 12,
  seq: 16,
  time: 24,
  body: recordHeaderBytes,
} as const;

/** The fields of a header; one object is reused by its owner for many records. */
export interface RecordHeader {
  /** Also the chain after this record. */
  checksum: number;
  /** Bytes of the whole record, header included. */
  length: number;
  kind: number;
  flags: number;
  /** Offset in this segment known to be on disk when the record was encoded; 0 = none. */
  syncedTo: number;
  seq: number;
  /** Commit time, ms since 1970. */
  time: number;
}

export function newRecordHeader(): RecordHeader {
  return { checksum: 0, length: 0, kind: 0, flags: 0, syncedTo: 0, seq: 0, time: 0 };
}

/**
 * `record`: whole and sealed. `end`: reserved zeros (or nothing) follow. `partial`: what is there
 * is a plausible beginning. `damaged`: anything else.
 */
export type RecordCheck = 'record' | 'end' | 'partial' | 'damaged';

/**
 * Writes the header of a record whose body already stands at `at + recordHeaderBytes`, and returns
 * the chain after it. `view` must cover `bytes`. Throws RECORD_INVALID if a field does not fit.
 */
export function sealRecord(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  bodyBytes: number,
  kind: RecordKind,
  seq: number,
  time: number,
  syncedTo: number,
  chain: number,
): number {
  const length = recordHeaderBytes + bodyBytes;
  const fits =
    bodyBytes >= 0 &&
    length <= recordBytesMax &&
    at + length <= bytes.length &&
    isCount(seq) &&
    isCount(time) &&
    isUint32(syncedTo);
  if (!fits) {
    const context = { bodyBytes, kind, seq, time, syncedTo };
    throw new PaminaError('RECORD_INVALID', `record ${seq} cannot be encoded`, { context });
  }
  view.setUint32(at + recordOffsets.length, length, true);
  // kind, flags (0) and two zero bytes in one store
  view.setUint32(at + recordOffsets.kind, kind, true);
  view.setUint32(at + recordOffsets.syncedTo, syncedTo, true);
  writeUint64(view, at + recordOffsets.seq, seq);
  writeUint64(view, at + recordOffsets.time, time);
  const checksum = crc32Span(bytes, at + recordOffsets.length, at + length, chain);
  view.setUint32(at + recordOffsets.checksum, checksum, true);
  return checksum;
}

/** Reads the fields as they stand, without any verification; 32 bytes must be there. */
export function readRecordHeader(view: DataView, at: number, out: RecordHeader): void {
  out.checksum = view.getUint32(at + recordOffsets.checksum, true);
  out.length = view.getUint32(at + recordOffsets.length, true);
  out.kind = view.getUint8(at + recordOffsets.kind);
  out.flags = view.getUint8(at + recordOffsets.flags);
  out.syncedTo = view.getUint32(at + recordOffsets.syncedTo, true);
  out.seq = readUint64(view, at + recordOffsets.seq);
  out.time = readUint64(view, at + recordOffsets.time);
}

/**
 * Says what stands in bytes[at .. end). Never throws for 0 <= at <= end <= bytes.length. `out` is
 * meaningful for `record`; for `partial` only `out.length` is: the bytes that the whole record
 * needs, or 0 if not even its header is there.
 *
 * A reader of a stream, as opposed to a file, must treat `end` with fewer than 32 bytes left as
 * `partial`: the first bytes of a record can be zeros.
 */
export function checkRecord(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  seqExpected: number,
  chain: number,
  out: RecordHeader,
): RecordCheck {
  const left = end - at;
  if (left < recordHeaderBytes) {
    out.length = 0;
    return isZero(bytes, at, end) ? 'end' : 'partial';
  }
  readRecordHeader(view, at, out);
  if (out.checksum === 0 && out.length === 0) return 'end';
  if (out.length < recordHeaderBytes || out.length > recordBytesMax) return 'damaged';
  if (out.kind === 0 || out.kind > kindMax || out.flags !== 0) return 'damaged';
  if (view.getUint16(at + recordOffsets.zero, true) !== 0) return 'damaged';
  if (out.seq !== seqExpected || !Number.isSafeInteger(out.time)) return 'damaged';
  if (out.length > left) return 'partial';
  const checksum = crc32Span(bytes, at + recordOffsets.length, at + out.length, chain);
  return checksum === out.checksum ? 'record' : 'damaged';
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (bytes[at] !== 0) return false;
  }
  return true;
}
