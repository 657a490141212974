// The end of the last segment, where crashes leave their marks: a good trailer is believed, what was
// never synced is cut and kept beside, and what stays is made durable before anybody reads it (P6, P7).
import {
  PaminaError,
  decodeSegmentTrailer,
  segmentTrailerBytes,
  type SegmentHeader,
  type SegmentTrailer,
  type Synced,
} from '@pamina/format';
import type { DiskFile } from '@pamina/env';
import type { OpenTail, RecoveryOptions } from './log-recovery.js';
import type { Segment } from './segment-list.js';
import { damaged, trailerFits, type ScanEnd } from './segment-scan.js';
import { endsWithTrailer, findProofOfSync } from './tail-proof.js';

/** Where this disk is known to hold a segment up to; 0 if nothing is known. */
export function syncedTo(segment: Segment, synced: Synced | null): number {
  return synced !== null && synced.segmentFirstSeq === segment.firstSeq ? synced.offset : 0;
}

/**
 * Holds a trailer against what was read before it, and notes the segment as closed. False if the
 * close may have been cut short by a crash, `mayBeTorn`: half a trailer, or one in front of reserved
 * space that was about to be cut off.
 */
export async function acceptTrailer(
  file: DiskFile,
  segment: Segment,
  end: ScanEnd,
  mayBeTorn: boolean,
): Promise<boolean> {
  const bytes = new Uint8Array(segmentTrailerBytes);
  await file.read(bytes, end.offset);
  let trailer: SegmentTrailer;
  try {
    trailer = decodeSegmentTrailer(bytes);
  } catch (error) {
    if (!(error instanceof PaminaError)) throw error;
    if (mayBeTorn) return false;
    throw damaged(segment.path, end.offset, error.message);
  }
  requireFits(trailer, end, segment.path);
  const size = await file.size();
  const whole = end.offset + segmentTrailerBytes;
  if (size !== whole) {
    if (mayBeTorn && (await isZeroFrom(file, whole, size))) return false;
    throw damaged(segment.path, whole, 'bytes stand behind the trailer');
  }
  segment.closed = true;
  segment.lastSeq = trailer.lastSeq;
  segment.bytes = size;
  return true;
}

/** A close that is not proven to have been synced is done again: all of it may be in the page cache only (P7). */
export async function settleClosed(
  file: DiskFile,
  segment: Segment,
  end: ScanEnd,
  synced: Synced | null,
): Promise<void> {
  const proven = syncedTo(segment, synced);
  if (proven >= segment.bytes) return;
  const trailer = new Uint8Array(segmentTrailerBytes);
  await file.read(trailer, end.offset);
  // Cut off and written again, so that the length is as dirty as the bytes.
  await file.truncate(end.offset);
  await copyInPlace(file, Math.min(proven, end.offset), end.offset);
  await file.write(trailer, end.offset);
  await file.sync();
}

/** Throws LOG_DAMAGED unless the trailer says what was read before it. */
export function requireFits(trailer: SegmentTrailer, end: ScanEnd, path: string): void {
  if (!trailerFits(trailer, end))
    throw damaged(path, end.offset, 'the trailer does not fit the records before it');
}

/** Cuts what is not proven to have been synced, writes again what may not be on the disk, and syncs. */
export async function settleTail(
  options: RecoveryOptions,
  file: DiskFile,
  segment: Segment,
  header: SegmentHeader,
  end: ScanEnd,
  synced: Synced | null,
): Promise<OpenTail> {
  const proven = syncedTo(segment, synced);
  if (end.offset < proven) {
    const what = `the log breaks off here, but ${proven} bytes were synced`;
    throw damaged(segment.path, end.offset, what);
  }
  const rest = await readFrom(file, end.offset);
  const torn = withoutZeros(rest);
  if (torn.length > 0) {
    requireTorn(options, segment, header, end, rest);
    await keepTorn(options, segment, end.offset, torn);
  }
  await file.truncate(end.offset);
  await copyInPlace(file, Math.min(proven, end.offset), end.offset);
  await file.sync();
  segment.bytes = end.offset;
  return { segment, offset: end.offset, checksum: end.checksum };
}

/** Throws LOG_DAMAGED if what stands behind the verified records proves that they went on. */
function requireTorn(
  options: RecoveryOptions,
  segment: Segment,
  header: SegmentHeader,
  end: ScanEnd,
  rest: Uint8Array,
): void {
  if (endsWithTrailer(rest, end.offset)) {
    const what = 'the log is damaged here, and the trailer says that the segment was closed';
    throw damaged(segment.path, end.offset, what);
  }
  // What a record says about synced bytes is about the disk of the database that wrote it.
  if (header.timelineId !== options.ownTimelineId) return;
  const proof = findProofOfSync(rest, end.offset, end.point);
  if (proof === null) return;
  const what = `the log is damaged here, and the record at offset ${proof} says that it was synced`;
  throw damaged(segment.path, end.offset, what);
}

async function keepTorn(
  options: RecoveryOptions,
  segment: Segment,
  offset: number,
  rest: Uint8Array,
): Promise<void> {
  const kept = `${segment.path}.torn-${offset}`;
  await options.disk.replaceFile(kept, rest);
  options.onEvent({
    event: 'torn-tail-cut',
    message: `${rest.length} bytes behind the last whole record of ${segment.name} were cut and kept in ${kept}`,
    fields: { file: segment.path, offset, bytes: rest.length, kept },
  });
}

/** After a failed sync the page cache shows bytes that never reached the disk: written again, they are dirty again. */
async function copyInPlace(file: DiskFile, from: number, to: number): Promise<void> {
  const step = new Uint8Array(Math.min(1024 * 1024, to - from));
  for (let at = from; at < to; at += step.length) {
    const part = step.subarray(0, Math.min(step.length, to - at));
    await file.read(part, at);
    await file.write(part, at);
  }
}

/** The file from an offset on: at most a group that was being written and the space reserved behind it. */
export async function readFrom(file: DiskFile, offset: number): Promise<Uint8Array> {
  const rest = new Uint8Array(Math.max(0, (await file.size()) - offset));
  const count = await file.read(rest, offset);
  return rest.subarray(0, count);
}

/** Reserved space is no loss: what is kept ends with the last byte that says something. */
function withoutZeros(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.subarray(0, end);
}

async function isZeroFrom(file: DiskFile, from: number, to: number): Promise<boolean> {
  const step = new Uint8Array(Math.min(1024 * 1024, to - from));
  for (let at = from; at < to; at += step.length) {
    const count = await file.read(step.subarray(0, Math.min(step.length, to - at)), at);
    if (step.subarray(0, count).some((byte) => byte !== 0)) return false;
  }
  return true;
}
