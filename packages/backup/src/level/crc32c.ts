// The checksum of LevelDB's files: CRC-32C, stored masked, because a checksum of bytes that hold
// checksums is weak. By instructions of the processor: three times as fast as tables in JavaScript.
import { crc32c as nativeCrc32c } from '@node-rs/crc32';

const maskDelta = 0xa282_ead8;

/** Checksum (u32) of `bytes`, continuing from `initial`: crc32c(b, crc32c(a)) = crc32c(a then b). */
export function crc32c(bytes: Uint8Array, initial = 0): number {
  return bytes.length === 0 ? initial : nativeCrc32c(bytes, initial);
}

/** As it stands in a file. */
export function maskChecksum(checksum: number): number {
  return (((checksum >>> 15) | (checksum << 17)) + maskDelta) >>> 0;
}
