// Decompression of Snappy's block format, for the index of a table: the one block that must be
// understood to find the others. Data is never decompressed here.
import { ByteCursor, MalformedBytes } from './byte-cursor.js';

/** One element of three bytes makes 64 at most. */
const growthMax = 64;

/** Throws MalformedBytes. Never makes more than 64 times what it is given. */
export function decompressSnappy(stored: Uint8Array): Uint8Array {
  const cursor = new ByteCursor(stored);
  const rawBytes = cursor.varint();
  if (rawBytes > growthMax * stored.length) throw new MalformedBytes('it claims too many bytes');
  const raw = new Uint8Array(rawBytes);
  let at = 0;
  while (cursor.left > 0) {
    const tag = byteOf(cursor);
    if ((tag & 3) === 0) {
      const literal = cursor.take(literalBytes(cursor, tag >>> 2));
      if (literal.length > rawBytes - at) throw new MalformedBytes('it holds more than it claims');
      raw.set(literal, at);
      at += literal.length;
      continue;
    }
    const { bytes, back } = copyOf(cursor, tag);
    if (back === 0 || back > at || bytes > rawBytes - at) {
      throw new MalformedBytes('it copies from outside');
    }
    // Byte by byte: a copy may overlap what it makes.
    for (const end = at + bytes; at < end; at++) raw[at] = raw[at - back] as number;
  }
  if (at !== rawBytes) throw new MalformedBytes('it holds less than it claims');
  return raw;
}

function literalBytes(cursor: ByteCursor, code: number): number {
  return code < 60 ? code + 1 : littleEndian(cursor, code - 59) + 1;
}

function copyOf(cursor: ByteCursor, tag: number): { bytes: number; back: number } {
  if ((tag & 3) === 1) {
    return { bytes: ((tag >>> 2) & 7) + 4, back: ((tag >>> 5) << 8) | byteOf(cursor) };
  }
  return { bytes: (tag >>> 2) + 1, back: littleEndian(cursor, (tag & 3) === 2 ? 2 : 4) };
}

function littleEndian(cursor: ByteCursor, bytes: number): number {
  return cursor.take(bytes).reduce((sum, byte, index) => sum + byte * 256 ** index, 0);
}

function byteOf(cursor: ByteCursor): number {
  return cursor.take(1)[0] as number;
}
