// Tells a torn tail from a damaged middle (P6): a whole record behind the damage which says that its
// writer had already synced bytes beyond the damage proves that those bytes were once on this disk.
import { checkRecord, newRecordHeader, readRecordHeader, recordHeaderBytes } from '@pamina/format';

/** Records of one segment lie close together; a claimed number far away is noise. */
const seqDistanceMax = 2 ** 24;

/**
 * Looks in `bytes` (the file from `offset` on, where verification stopped after record `seq`) for a
 * record that proves the bytes at `offset` were synced. Returns its offset in the file, or null.
 */
export function findProofOfSync(bytes: Uint8Array, offset: number, seq: number): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = newRecordHeader();
  for (let at = recordHeaderBytes; at + recordHeaderBytes <= bytes.length; at++) {
    readRecordHeader(view, at, header);
    if (header.seq <= seq + 1 || header.seq > seq + seqDistanceMax) continue;
    if (header.syncedTo <= offset || header.syncedTo > offset + at) continue;
    if (isWholeRecord(bytes, view, at, header.seq)) return offset + at;
  }
  return null;
}

/** The chain before a record is not known behind damage; its predecessor's or its own checksum stands in. */
function isWholeRecord(bytes: Uint8Array, view: DataView, at: number, seq: number): boolean {
  const header = newRecordHeader();
  // The damaged record itself may have kept its first four bytes, which are the chain after it.
  if (
    checkRecord(bytes, view, at, bytes.length, seq, view.getUint32(0, true), header) === 'record'
  ) {
    return true;
  }
  readRecordHeader(view, at, header);
  const chain = header.checksum;
  const next = at + header.length;
  if (header.length < recordHeaderBytes || next + recordHeaderBytes > bytes.length) return false;
  return checkRecord(bytes, view, next, bytes.length, seq + 1, chain, header) === 'record';
}
