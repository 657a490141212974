// One file of a logical backup: a header that says what to expect, and a run of entries, compressed
// or not. README.md has the offset table. The run before compression is exactly the stream that the
// state hash is computed over, so hashing a backup needs no second encoding.
import {
  PaminaError,
  chunkBytesMax,
  crc32,
  storeKeyBytesMax,
  systemPrefix,
  valueBytesMax,
  viewOf,
} from '@pamina/format';

const chunkFormatVersion = 1;
/** `PAMINA`, zero, `C` */
const chunkMagic = Uint8Array.of(0x50, 0x41, 0x4d, 0x49, 0x4e, 0x41, 0x00, 0x43);
export const chunkHeaderBytes = 36;
export const chunkOffsets = {
  magic: 0,
  version: 8,
  codec: 10,
  zero: 11,
  rawBytes: 12,
  storedBytes: 16,
  entries: 20,
  rawChecksum: 24,
  reserved: 28,
  headerChecksum: 32,
} as const;

/** u32 key length, u32 value length. */
export const entryHeaderBytes = 8;

export type ChunkCodec = 'none' | 'brotli-1' | 'lz4';
const codecNumbers: Record<ChunkCodec, number> = { none: 0, 'brotli-1': 1, lz4: 2 };

export interface ChunkHeader {
  readonly codec: ChunkCodec;
  /** Bytes of the run of entries before compression. */
  readonly rawBytes: number;
  /** Bytes that follow the header in the file. */
  readonly storedBytes: number;
  readonly entries: number;
  /** crc32 of the run of entries before compression. */
  readonly rawChecksum: number;
}

/** Name of chunk `index` beside the manifest. */
export function chunkFileName(index: number): string {
  return `chunk-${index.toString().padStart(6, '0')}.pbk`;
}

/** The most bytes that the file of a chunk with so many raw bytes can have: stored uncompressed. */
export function chunkFileBytesMax(rawBytes: number): number {
  return chunkHeaderBytes + rawBytes;
}

export function encodeChunkHeader(header: ChunkHeader): Uint8Array {
  const bytes = new Uint8Array(chunkHeaderBytes);
  const view = viewOf(bytes);
  bytes.set(chunkMagic, chunkOffsets.magic);
  view.setUint16(chunkOffsets.version, chunkFormatVersion, true);
  view.setUint8(chunkOffsets.codec, codecNumbers[header.codec]);
  view.setUint32(chunkOffsets.rawBytes, header.rawBytes, true);
  view.setUint32(chunkOffsets.storedBytes, header.storedBytes, true);
  view.setUint32(chunkOffsets.entries, header.entries, true);
  view.setUint32(chunkOffsets.rawChecksum, header.rawChecksum, true);
  const checksum = crc32(bytes.subarray(0, chunkOffsets.headerChecksum));
  view.setUint32(chunkOffsets.headerChecksum, checksum, true);
  return bytes;
}

/**
 * Reads and checks the header at the front of `file`, the whole file of a chunk. Throws
 * BACKUP_INVALID, FORMAT_UNKNOWN for another version; `name` is the file's name in errors.
 */
export function decodeChunkHeader(file: Uint8Array, name: string): ChunkHeader {
  if (file.length < chunkHeaderBytes) throw chunkInvalid(name, 'it is cut off');
  if (chunkMagic.some((byte, i) => file[i] !== byte)) {
    throw chunkInvalid(name, 'it does not start as a chunk of a backup');
  }
  const view = viewOf(file);
  const version = view.getUint16(chunkOffsets.version, true);
  if (version !== chunkFormatVersion) {
    throw new PaminaError('FORMAT_UNKNOWN', `${name} has format version ${version}`, {
      context: { file: name, version, known: chunkFormatVersion },
    });
  }
  const checksum = crc32(file.subarray(0, chunkOffsets.headerChecksum));
  if (view.getUint32(chunkOffsets.headerChecksum, true) !== checksum) {
    throw chunkInvalid(name, 'the checksum of its header is wrong');
  }
  const codec = codecOf(view.getUint8(chunkOffsets.codec));
  const isReservedZero =
    view.getUint8(chunkOffsets.zero) === 0 && view.getUint32(chunkOffsets.reserved, true) === 0;
  if (codec === null || !isReservedZero) {
    throw chunkInvalid(name, 'its header has a value that is not allowed');
  }
  const header = {
    codec,
    rawBytes: view.getUint32(chunkOffsets.rawBytes, true),
    storedBytes: view.getUint32(chunkOffsets.storedBytes, true),
    entries: view.getUint32(chunkOffsets.entries, true),
    rawChecksum: view.getUint32(chunkOffsets.rawChecksum, true),
  };
  const fits =
    header.rawBytes <= chunkBytesMax &&
    header.storedBytes <= header.rawBytes &&
    header.entries * (entryHeaderBytes + 1) <= header.rawBytes &&
    header.storedBytes === file.length - chunkHeaderBytes &&
    (codec !== 'none' || header.storedBytes === header.rawBytes);
  if (!fits) throw chunkInvalid(name, 'its length is not what its header says');
  return header;
}

/**
 * The entries of a chunk, as views into `raw`. Checks every length, that each key is one that
 * travels, and that the keys rise strictly, from `keyBefore` (the last key of the chunk before; null
 * for the first chunk) on. Throws BACKUP_INVALID.
 */
export function decodeEntries(
  raw: Uint8Array,
  count: number,
  keyBefore: Uint8Array | null,
  name: string,
): (readonly [Uint8Array, Uint8Array])[] {
  const view = viewOf(raw);
  const entries: (readonly [Uint8Array, Uint8Array])[] = [];
  let before = keyBefore;
  let at = 0;
  while (at < raw.length) {
    if (entries.length === count) throw chunkInvalid(name, 'it holds more entries than it says');
    if (raw.length - at < entryHeaderBytes) throw chunkInvalid(name, 'an entry is cut off');
    const keyBytes = view.getUint32(at, true);
    const valueBytes = view.getUint32(at + 4, true);
    const isAllowed = keyBytes >= 1 && keyBytes <= storeKeyBytesMax && valueBytes <= valueBytesMax;
    const keyAt = at + entryHeaderBytes;
    const end = keyAt + keyBytes + valueBytes;
    if (!isAllowed || end > raw.length) throw chunkInvalid(name, 'an entry has a wrong length');
    const key = raw.subarray(keyAt, keyAt + keyBytes);
    if ((key[0] as number) < systemPrefix)
      throw chunkInvalid(name, 'a key is not one that travels');
    if (before !== null && compareBytes(before, key) >= 0) {
      throw chunkInvalid(name, 'its keys are not in order');
    }
    entries.push([key, raw.subarray(keyAt + keyBytes, end)]);
    before = key;
    at = end;
  }
  if (entries.length !== count) throw chunkInvalid(name, 'it holds fewer entries than it says');
  return entries;
}

/** Byte order, the order of LevelDB. */
export function compareBytes(one: Uint8Array, other: Uint8Array): number {
  return Buffer.compare(one, other);
}

export function chunkInvalid(file: string, what: string, cause?: unknown): PaminaError {
  return new PaminaError('BACKUP_INVALID', `the file ${file} of the backup is damaged: ${what}`, {
    cause,
    context: { file },
  });
}

function codecOf(number: number): ChunkCodec | null {
  const codecs = Object.keys(codecNumbers) as ChunkCodec[];
  return codecs.find((codec) => codecNumbers[codec] === number) ?? null;
}
