// `log/synced`: how far the log is known to be on disk. Overwritten in place after each sync and not
// itself synced, so a torn or stale one is normal: it then proves nothing.
import { crc32Span } from './checksum.js';
import { isCount, isUint32, readUint64, viewOf, writeUint64 } from './integers.js';
import { syncedBytes } from './limits.js';
import { PaminaError } from './pamina-error.js';

export interface Synced {
  /** Last record known to be on disk. */
  readonly seq: number;
  /** Offset in the segment up to which it is known to be on disk. */
  readonly offset: number;
  /** Chain after record `seq`. */
  readonly chain: number;
  /** First seq of that segment, which with the timeline names the file. */
  readonly segmentFirstSeq: number;
}

/** Offsets of the fields; FORMAT.md is held against them. */
export const syncedOffsets = {
  seq: 0,
  offset: 8,
  chain: 16,
  segmentFirstSeq: 20,
  checksum: 28,
} as const;

/** 32 bytes; into `into` if given, so that the log can reuse one buffer. */
export function encodeSynced(synced: Synced, into = new Uint8Array(syncedBytes)): Uint8Array {
  const fits =
    isCount(synced.seq) &&
    isCount(synced.offset) &&
    isUint32(synced.chain) &&
    isCount(synced.segmentFirstSeq);
  if (!fits) {
    throw new PaminaError('RECORD_INVALID', 'a synced point cannot be encoded', {
      context: { ...synced },
    });
  }
  const view = viewOf(into);
  writeUint64(view, syncedOffsets.seq, synced.seq);
  writeUint64(view, syncedOffsets.offset, synced.offset);
  view.setUint32(syncedOffsets.chain, synced.chain, true);
  writeUint64(view, syncedOffsets.segmentFirstSeq, synced.segmentFirstSeq);
  const checksum = crc32Span(into, 0, syncedOffsets.checksum, 0);
  view.setUint32(syncedOffsets.checksum, checksum, true);
  return into;
}

/** null if the bytes are torn, of another length or not a synced point. */
export function decodeSynced(bytes: Uint8Array): Synced | null {
  if (bytes.length !== syncedBytes) return null;
  const view = viewOf(bytes);
  const checksum = view.getUint32(syncedOffsets.checksum, true);
  if (checksum !== crc32Span(bytes, 0, syncedOffsets.checksum, 0)) return null;
  const seq = readUint64(view, syncedOffsets.seq);
  const offset = readUint64(view, syncedOffsets.offset);
  const chain = view.getUint32(syncedOffsets.chain, true);
  const segmentFirstSeq = readUint64(view, syncedOffsets.segmentFirstSeq);
  if (!isCount(seq) || !isCount(offset) || !isCount(segmentFirstSeq)) return null;
  return { seq, offset, chain, segmentFirstSeq };
}
