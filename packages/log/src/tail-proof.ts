// Tells a torn tail from a damaged middle (P6): a whole record behind the damage which says that its
// writer had already synced bytes beyond the damage proves that those bytes were once on this disk.
import {
  PaminaError,
  checkRecord,
  crc32,
  decodeSegmentTrailer,
  newRecordHeader,
  readRecordHeader,
  readUint64,
  recordHeaderBytes,
  segmentTrailerBytes,
} from '@pamina/format';

/** Records of one segment lie close together; a claimed number far away is noise. */
const seqDistanceMax = 2 ** 24;
const seqOffset = 16;

/**
 * Looks in `bytes` (the file from `offset` on, where verification stopped behind the record `before`)
 * for a record that proves the bytes at `offset` were synced. Returns its offset in the file, or null.
 */
export function findProofOfSync(
  bytes: Uint8Array,
  offset: number,
  before: { readonly seq: number; readonly chain: number },
): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = newRecordHeader();
  /** By the offset at which a record seems to end: its checksum, the chain of the one behind it. */
  const ends = new Map<number, number>();
  for (let at = 0; at + recordHeaderBytes <= bytes.length; at++) {
    const seq = readUint64(view, at + seqOffset);
    if (seq <= before.seq || seq > before.seq + seqDistanceMax) continue;
    readRecordHeader(view, at, header);
    if (header.length < recordHeaderBytes || header.length > bytes.length - at) continue;
    ends.set(at + header.length, header.checksum);
    const isAboutDamage = header.syncedTo > offset && header.syncedTo <= offset + at;
    if (at === 0 || !isAboutDamage) continue;
    const chains = [ends.get(at)];
    // Right behind the damaged record: its checksum as it stands, or as it follows from its bytes.
    if (seq === before.seq + 2) {
      chains.push(view.getUint32(0, true), crc32(bytes.subarray(4, at), before.chain));
    }
    for (const chain of chains) {
      if (chain === undefined) continue;
      if (checkRecord(bytes, view, at, bytes.length, seq, chain, header) === 'record') {
        return offset + at;
      }
    }
  }
  return null;
}

/** A good trailer at the very end proves that everything before it was synced: it is written after that. */
export function endsWithTrailer(bytes: Uint8Array, offset: number): boolean {
  const at = bytes.length - segmentTrailerBytes;
  if (at < 0) return false;
  try {
    return decodeSegmentTrailer(bytes.subarray(at)).bytes === offset + at;
  } catch (error) {
    if (error instanceof PaminaError && error.code === 'SEGMENT_INVALID') return false;
    throw error;
  }
}
