// The checksum of everything Pamina writes: CRC-32 as in zlib, continued from a given value, which
// is what makes the chain of records possible.
import { crc32Span } from '#crc32';

export { crc32Span };

/** CRC-32 of `bytes` as u32, continuing from `initial`: crc32(b, crc32(a)) = crc32(a then b). */
export function crc32(bytes: Uint8Array, initial = 0): number {
  return crc32Span(bytes, 0, bytes.length, initial);
}
