// A segment, one file of a log space: its header, and the trailer that closes it for good.
// Both are covered by a checksum of their own; FORMAT.md shows the layouts.
import { crc32Span } from './checksum.js';
import { bytesToHex, hexToBytes, isHex } from './hex.js';
import { isCount, isUint32, readUint64, viewOf, writeUint64 } from './integers.js';
import { recordBytesMax, segmentHeaderBytes, segmentTrailerBytes, timeMsMax } from './limits.js';
import { PaminaError } from './pamina-error.js';

export const segmentFormatVersion = 1;
/** `PAMINA`, zero, `S` */
export const segmentMagic = Uint8Array.of(0x50, 0x41, 0x4d, 0x49, 0x4e, 0x41, 0x00, 0x53);
/** 0xff, `PAMEND`, 0xff: as a record's header its length would exceed every limit. */
export const segmentTrailerMagic = Uint8Array.of(0xff, 0x50, 0x41, 0x4d, 0x45, 0x4e, 0x44, 0xff);
const lockDataFlag = 1;

export const segmentHeaderOffsets = {
  magic: 0,
  version: 8,
  flags: 10,
  zero: 12,
  pattern: 16,
  timeline: 32,
  session: 36,
  timelineId: 40,
  firstSeq: 48,
  chainBefore: 56,
  zeroAfterChain: 60,
  startTime: 64,
  reserved: 72,
  checksum: 124,
} as const;

export const segmentTrailerOffsets = {
  magic: 0,
  lastSeq: 8,
  lastTime: 16,
  chain: 24,
  checksum: 28,
  bytes: 32,
  zero: 40,
  trailerChecksum: 44,
} as const;

export interface SegmentHeader {
  /** Identification pattern, 32 lowercase hex digits. */
  readonly pattern: string;
  readonly timeline: number;
  /** 16 lowercase hex digits. */
  readonly timelineId: string;
  readonly session: number;
  /** Seq of the first record, whether or not it is there yet. */
  readonly firstSeq: number;
  /** Chain before the first record. */
  readonly chainBefore: number;
  /** ms since 1970 */
  readonly startTime: number;
  /** The segment carries lock data. */
  readonly lockData: boolean;
}

export interface SegmentTrailer {
  /** First seq - 1 in an empty segment. */
  readonly lastSeq: number;
  /** Commit time of the last record, ms since 1970; 0 in an empty segment. */
  readonly lastTime: number;
  /** Chain after the last record. */
  readonly chain: number;
  /** CRC-32 of everything before the trailer, header included. */
  readonly checksum: number;
  /** Bytes before the trailer. */
  readonly bytes: number;
}

if (viewOf(segmentTrailerMagic).getUint32(4, true) <= recordBytesMax) {
  throw new RangeError('the magic of a segment trailer could be taken for a record');
}

/** 128 bytes. Throws SEGMENT_INVALID if a field does not fit. */
export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(segmentHeaderBytes);
  requireHeaderFits(header);
  const view = viewOf(bytes);
  const at = segmentHeaderOffsets;
  bytes.set(segmentMagic, at.magic);
  view.setUint16(at.version, segmentFormatVersion, true);
  view.setUint16(at.flags, header.lockData ? lockDataFlag : 0, true);
  bytes.set(hexToBytes(header.pattern), at.pattern);
  view.setUint32(at.timeline, header.timeline, true);
  view.setUint32(at.session, header.session, true);
  bytes.set(hexToBytes(header.timelineId), at.timelineId);
  writeUint64(view, at.firstSeq, header.firstSeq);
  view.setUint32(at.chainBefore, header.chainBefore, true);
  writeUint64(view, at.startTime, header.startTime);
  view.setUint32(at.checksum, crc32Span(bytes, 0, at.checksum, 0), true);
  return bytes;
}

/** Reads the first 128 of `bytes`. Throws SEGMENT_INVALID, FORMAT_UNKNOWN for another version. */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeader {
  if (bytes.length < segmentHeaderBytes) throw invalid('its header is cut off');
  const view = viewOf(bytes);
  const at = segmentHeaderOffsets;
  if (!startsWith(bytes, at.magic, segmentMagic)) throw invalid('it does not start as a segment');
  const version = view.getUint16(at.version, true);
  if (version !== segmentFormatVersion) {
    throw new PaminaError('FORMAT_UNKNOWN', `a segment has format version ${version}`, {
      context: { version, known: segmentFormatVersion },
    });
  }
  if (view.getUint32(at.checksum, true) !== crc32Span(bytes, 0, at.checksum, 0)) {
    throw invalid('the checksum of its header is wrong');
  }
  const flags = view.getUint16(at.flags, true);
  if ((flags & ~lockDataFlag) !== 0) throw invalid(`its flags ${flags} are unknown`);
  const header: SegmentHeader = {
    pattern: bytesToHex(bytes.subarray(at.pattern, at.timeline)),
    timeline: view.getUint32(at.timeline, true),
    timelineId: bytesToHex(bytes.subarray(at.timelineId, at.firstSeq)),
    session: view.getUint32(at.session, true),
    firstSeq: readUint64(view, at.firstSeq),
    chainBefore: view.getUint32(at.chainBefore, true),
    startTime: readUint64(view, at.startTime),
    lockData: flags === lockDataFlag,
  };
  requireHeaderFits(header);
  const isReservedZero =
    view.getUint32(at.zero, true) === 0 &&
    view.getUint32(at.zeroAfterChain, true) === 0 &&
    bytes.subarray(at.reserved, at.checksum).every((byte) => byte === 0);
  if (!isReservedZero) throw invalid('its reserved bytes are not zero');
  return header;
}

/** 48 bytes. Throws SEGMENT_INVALID if a field does not fit. */
export function encodeSegmentTrailer(trailer: SegmentTrailer): Uint8Array {
  requireTrailerFits(trailer);
  const bytes = new Uint8Array(segmentTrailerBytes);
  const view = viewOf(bytes);
  const at = segmentTrailerOffsets;
  bytes.set(segmentTrailerMagic, at.magic);
  writeUint64(view, at.lastSeq, trailer.lastSeq);
  writeUint64(view, at.lastTime, trailer.lastTime);
  view.setUint32(at.chain, trailer.chain, true);
  view.setUint32(at.checksum, trailer.checksum, true);
  writeUint64(view, at.bytes, trailer.bytes);
  view.setUint32(at.trailerChecksum, crc32Span(bytes, 0, at.trailerChecksum, 0), true);
  return bytes;
}

/** Reads the first 48 of `bytes`. Throws SEGMENT_INVALID. */
export function decodeSegmentTrailer(bytes: Uint8Array): SegmentTrailer {
  const view = viewOf(bytes);
  const at = segmentTrailerOffsets;
  if (!isSegmentTrailer(bytes, view, 0)) throw invalid('it has no trailer');
  if (view.getUint32(at.trailerChecksum, true) !== crc32Span(bytes, 0, at.trailerChecksum, 0)) {
    throw invalid('the checksum of its trailer is wrong');
  }
  const trailer: SegmentTrailer = {
    lastSeq: readUint64(view, at.lastSeq),
    lastTime: readUint64(view, at.lastTime),
    chain: view.getUint32(at.chain, true),
    checksum: view.getUint32(at.checksum, true),
    bytes: readUint64(view, at.bytes),
  };
  requireTrailerFits(trailer);
  if (view.getUint32(at.zero, true) !== 0) throw invalid('reserved bytes are not zero');
  return trailer;
}

/** Whether 48 bytes that begin as a trailer stand at `at`; says nothing about their checksum. */
export function isSegmentTrailer(bytes: Uint8Array, view: DataView, at: number): boolean {
  if (at < 0 || view.byteLength - at < segmentTrailerBytes) return false;
  return startsWith(bytes, at, segmentTrailerMagic);
}

function requireHeaderFits(header: SegmentHeader): void {
  const fits =
    isHex(header.pattern, 32) &&
    isHex(header.timelineId, 16) &&
    isUint32(header.timeline) &&
    header.timeline > 0 &&
    isUint32(header.session) &&
    header.session > 0 &&
    isCount(header.firstSeq) &&
    header.firstSeq > 0 &&
    isUint32(header.chainBefore) &&
    isCount(header.startTime) &&
    header.startTime <= timeMsMax;
  if (!fits) throw invalid('a field of its header is out of range');
}

function requireTrailerFits(trailer: SegmentTrailer): void {
  const fits =
    isCount(trailer.lastSeq) &&
    isCount(trailer.lastTime) &&
    isUint32(trailer.chain) &&
    isUint32(trailer.checksum) &&
    isCount(trailer.bytes) &&
    trailer.bytes >= segmentHeaderBytes;
  if (!fits) throw invalid('a field of its trailer is out of range');
}

function startsWith(bytes: Uint8Array, at: number, magic: Uint8Array): boolean {
  for (let i = 0; i < magic.length; i++) {
    if (bytes[at + i] !== magic[i]) return false;
  }
  return true;
}

function invalid(what: string): PaminaError {
  return new PaminaError('SEGMENT_INVALID', `a segment is not valid: ${what}`);
}
