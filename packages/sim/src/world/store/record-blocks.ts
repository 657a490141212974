// Checksummed records in blocks, as LevelDB's log has them. What matters here is what a reader does with
// damage: it skips to the next block and says nothing.

import { crc32 } from 'node:zlib';

/** Smaller than LevelDB's 32 KiB, as all is smaller here: a page of the disk. */
const blockBytes = 4096;
/** Checksum over type and payload, length, type. */
const headerBytes = 7;

const Part = { full: 1, first: 2, middle: 3, last: 4 } as const;

/** The bytes that put `record` behind `offset` bytes of earlier records. */
export function encodeRecord(record: Uint8Array, offset: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = offset;
  let from = 0;
  for (;;) {
    const room = blockBytes - (at % blockBytes);
    // Exactly a header's room is left empty as well: a first part without a byte would look like a whole one.
    if (room <= headerBytes) {
      parts.push(new Uint8Array(room));
      at += room;
      continue;
    }
    const to = Math.min(record.length, from + room - headerBytes);
    const isLast = to === record.length;
    const type = from === 0 ? (isLast ? Part.full : Part.first) : isLast ? Part.last : Part.middle;
    const part = encodePart(type, record.subarray(from, to));
    parts.push(part);
    at += part.length;
    from = to;
    if (isLast) return Buffer.concat(parts);
  }
}

function encodePart(type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(headerBytes + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(4, payload.length, true);
  bytes[6] = type;
  bytes.set(payload, headerBytes);
  view.setUint32(0, crc32(bytes.subarray(6)), true);
  return bytes;
}

/** Every record that can be read; what is damaged is left out, with all that its block holds behind it. */
export function decodeRecords(bytes: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  /** The parts of a record that is not whole yet; null between records. */
  let begun: Uint8Array[] | null = null;
  for (let block = 0; block < bytes.length; block += blockBytes) {
    const end = Math.min(block + blockBytes, bytes.length);
    for (let at = block; at + headerBytes < end;) {
      const part = decodePart(bytes.subarray(at, end));
      if (part === null) {
        begun = null;
        break;
      }
      at += headerBytes + part.payload.length;
      if (part.type === Part.full) records.push(part.payload);
      if (part.type === Part.first) begun = [part.payload];
      else if (part.type === Part.full) begun = null;
      else begun?.push(part.payload);
      if (part.type === Part.last && begun !== null) {
        records.push(Buffer.concat(begun));
        begun = null;
      }
    }
  }
  return records;
}

function decodePart(bytes: Uint8Array): { type: number; payload: Uint8Array } | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint16(4, true);
  const type = bytes[6] as number;
  if (type < Part.full || type > Part.last || headerBytes + length > bytes.length) return null;
  const end = headerBytes + length;
  if (crc32(bytes.subarray(6, end)) !== view.getUint32(0, true)) return null;
  return { type, payload: bytes.subarray(headerBytes, end) };
}
