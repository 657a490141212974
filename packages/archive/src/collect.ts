// Whole objects out of pieces, and comparison without holding both in memory.
import type { Archive, ArchiveCall } from './archive.js';
import { objectDamaged } from './object-errors.js';

/** A range as one array. ARCHIVE_DAMAGED if more than `bytesMax` come. */
export async function readRange(
  archive: Archive,
  name: string,
  range: { readonly offset: number; readonly length: number | null; readonly bytesMax: number },
  call?: ArchiveCall,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of archive.getRange(name, range.offset, range.length, call)) {
    bytes += piece.length;
    if (bytes > range.bytesMax) {
      throw objectDamaged(archive.describe(), name, `it is longer than ${range.bytesMax} bytes`);
    }
    pieces.push(piece);
  }
  return pieces.length === 1
    ? (pieces[0] as Uint8Array)
    : new Uint8Array(Buffer.concat(pieces, bytes));
}

/** A small object whole. */
export function readObject(
  archive: Archive,
  name: string,
  bytesMax: number,
  call?: ArchiveCall,
): Promise<Uint8Array> {
  return readRange(archive, name, { offset: 0, length: null, bytesMax }, call);
}

/** Whether the pieces are exactly `bytes`; stops reading at the first difference. */
export async function isSame(
  pieces: AsyncIterable<Uint8Array>,
  bytes: Uint8Array,
): Promise<boolean> {
  let at = 0;
  for await (const piece of pieces) {
    if (Buffer.compare(piece, bytes.subarray(at, at + piece.length)) !== 0) return false;
    at += piece.length;
  }
  return at === bytes.length;
}
