// The one file of this package that may import a `node:` module: zlib's checksum is many times as
// fast as the table on long spans. package.json's `imports` gives browsers crc32-table.ts instead,
// which computes the same function (a test compares them).
import { crc32 } from 'node:zlib';
import { crc32Span as crc32SpanByTable } from './crc32-table.js';

// Below this many bytes the view object and the call into zlib cost more than the table; and for no
// bytes at all zlib answers 0 instead of the initial value.
const tableBytesMax = 128;

/** Checksum (u32) of bytes[start .. end), continuing from `initial`. The span must be inside. */
export function crc32Span(bytes: Uint8Array, start: number, end: number, initial: number): number {
  if (end - start <= tableBytesMax) return crc32SpanByTable(bytes, start, end, initial);
  return crc32(bytes.subarray(start, end), initial);
}
