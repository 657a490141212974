// Keys and values as short texts for a history: long ones by length and checksum.

import { crc32 } from '@pamina/format';

const shownBytesMax = 32;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function textOf(bytes: Uint8Array): string {
  if (bytes.length <= shownBytesMax) return shown(bytes);
  return `${shown(bytes.subarray(0, shownBytesMax / 2))}…${bytes.length}#${crc32(bytes).toString(16)}`;
}

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

function shown(bytes: Uint8Array): string {
  const isPlain = bytes.every((byte) => byte > 0x20 && byte < 0x7f && byte !== 0x25);
  if (isPlain) return decoder.decode(bytes);
  let text = '';
  for (const byte of bytes) {
    const plain = byte > 0x20 && byte < 0x7f && byte !== 0x25;
    text += plain ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}
