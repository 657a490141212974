// Where the blocks of a LevelDB table are. A table is blocks one behind the other without gaps (data,
// filter, index of those, index of the data) and a footer that says where the two indexes are. Each
// block is followed by its kind of compression and its checksum.
import type { DiskFile } from '@pamina/env';
import { viewOf } from '@pamina/format';
import { ByteCursor, MalformedBytes, encodeVarint } from './byte-cursor.js';
import { crc32c, maskChecksum } from './crc32c.js';
import { damageError } from './damage.js';
import { decompressSnappy } from './snappy.js';

export const footerBytes = 48;
/** Behind each block: u8 compression, u32 masked checksum of the block and that byte. */
const blockTrailerBytes = 5;
export const compressions = { none: 0, snappy: 1 } as const;
/** `0xdb4775248b80fb57`, low half first. */
const magic = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb] as const;
/** Behind each key of LevelDB: its sequence number and kind. */
const keyTrailerBytes = 8;

/** Blocks follow each other without a gap, so that their lengths say where they are. */
export interface TableLayout {
  readonly file: string;
  readonly fileBytes: number;
  /** Of each block without its trailer, from the first byte of the file to the footer. */
  readonly blockBytes: readonly number[];
  /** So many of them, the first ones, hold data; the others lead to it. */
  readonly dataBlocks: number;
  /** The index of the blocks of data, decompressed. */
  readonly index: Uint8Array;
  readonly footer: Uint8Array;
}

interface Handle {
  readonly offset: number;
  readonly bytes: number;
}

/** Reads footer and indexes and proves that they account for every byte. STORE_DAMAGED, DISK_ERROR. */
export async function readTableLayout(file: DiskFile): Promise<TableLayout> {
  const fileBytes = await file.size();
  const footerAt = fileBytes - footerBytes;
  const fail = (offset: number, what: string, cause?: unknown) =>
    damageError({ file: file.path, offset, bytes: null, what, lastKey: null }, cause);
  if (footerAt < 0) throw fail(0, 'it is too short for a table');
  const footer = await readSpan(file, footerAt, footerBytes);
  const handles = readFooter(footer);
  if (handles === null || endOf(handles.index) !== footerAt) {
    throw fail(footerAt, 'its footer is not one of a table of this size');
  }
  const contentOf = async (handle: Handle): Promise<Uint8Array> => {
    try {
      return await readBlock(file, handle, footerAt);
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      throw fail(handle.offset, `an index cannot be read: ${error.message}`, error);
    }
  };
  const blockBytes: number[] = [];
  let at = 0;
  const account = ({ offset, bytes }: Handle): void => {
    if (offset !== at) throw fail(at, 'no index accounts for the bytes here');
    blockBytes.push(bytes);
    at = offset + bytes + blockTrailerBytes;
  };
  const accountAll = (content: Uint8Array, { offset }: Handle): void => {
    try {
      forEachHandle(content, account);
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      throw fail(offset, `an index cannot be read: ${error.message}`, error);
    }
  };
  const index = await contentOf(handles.index);
  const metaIndex = await contentOf(handles.metaIndex);
  accountAll(index, handles.index);
  const dataBlocks = blockBytes.length;
  accountAll(metaIndex, handles.metaIndex);
  account(handles.metaIndex);
  account(handles.index);
  return { file: file.path, fileBytes, blockBytes, dataBlocks, index, footer };
}

/** Null unless it is byte for byte what LevelDB writes: then every byte of it is checked. */
function readFooter(footer: Uint8Array): { metaIndex: Handle; index: Handle } | null {
  try {
    const cursor = new ByteCursor(footer);
    const handles = { metaIndex: readHandle(cursor), index: readHandle(cursor) };
    const numbers = [handles.metaIndex, handles.index].flatMap(({ offset, bytes }) => [
      ...encodeVarint(offset),
      ...encodeVarint(bytes),
    ]);
    const padding = Array.from<number>({ length: footerBytes - magic.length - numbers.length });
    const expected = [...numbers, ...padding.fill(0), ...magic];
    return expected.every((byte, index) => footer[index] === byte) ? handles : null;
  } catch (error) {
    if (error instanceof MalformedBytes || error instanceof RangeError) return null;
    throw error;
  }
}

function readHandle(cursor: ByteCursor): Handle {
  const [offset, bytes] = [cursor.varint(), cursor.varint()];
  return { offset, bytes };
}

function endOf({ offset, bytes }: Handle): number {
  return offset + bytes + blockTrailerBytes;
}

/** The content of a block, proved and decompressed. Throws MalformedBytes. */
async function readBlock(file: DiskFile, handle: Handle, limit: number): Promise<Uint8Array> {
  if (endOf(handle) > limit) throw new MalformedBytes('it is said to be outside of the file');
  const stored = await readSpan(file, handle.offset, handle.bytes + blockTrailerBytes);
  const checked = stored.subarray(0, handle.bytes + 1);
  if (viewOf(stored).getUint32(handle.bytes + 1, true) !== maskChecksum(crc32c(checked))) {
    throw new MalformedBytes('its checksum is wrong');
  }
  const content = stored.subarray(0, handle.bytes);
  const compression = stored[handle.bytes];
  if (compression === compressions.none) return content;
  if (compression === compressions.snappy) return decompressSnappy(content);
  throw new MalformedBytes('it is compressed in a way that is not known');
}

function forEachHandle(content: Uint8Array, take: (handle: Handle) => void): void {
  const cursor = new ByteCursor(entriesOf(content));
  while (cursor.left > 0) {
    // How much of the key is that of the key before.
    cursor.varint();
    const [ownBytes, valueBytes] = [cursor.varint(), cursor.varint()];
    cursor.skip(ownBytes);
    const end = cursor.left - valueBytes;
    take(readHandle(cursor));
    if (cursor.left !== end) throw new MalformedBytes('an entry has a wrong length');
  }
}

/** The entries of an index without the restart points behind them. */
function entriesOf(content: Uint8Array): Uint8Array {
  if (content.length < 4) throw new MalformedBytes('it is too short');
  const restarts = viewOf(content).getUint32(content.length - 4, true);
  const bytes = content.length - 4 - 4 * restarts;
  if (bytes < 0) throw new MalformedBytes('it has more restart points than bytes');
  return content.subarray(0, bytes);
}

/**
 * Of a block of data: a key not below its last one and below the first one of the next, as the store
 * holds it. Null for the other blocks.
 */
export function lastKeyOf({ dataBlocks, index }: TableLayout, block: number): Uint8Array | null {
  if (block >= dataBlocks) return null;
  const cursor = new ByteCursor(entriesOf(index));
  let key: Uint8Array = new Uint8Array();
  for (let at = 0; at <= block; at++) {
    const [sharedBytes, ownBytes, valueBytes] = [cursor.varint(), cursor.varint(), cursor.varint()];
    key = Buffer.concat([key.subarray(0, sharedBytes), cursor.take(ownBytes)]);
    cursor.skip(valueBytes);
  }
  return key.subarray(0, Math.max(0, key.length - keyTrailerBytes));
}

/** What is missing reads as zeros and has no right checksum. */
async function readSpan(file: DiskFile, at: number, bytes: number): Promise<Uint8Array> {
  const into = new Uint8Array(bytes);
  await file.read(into, at);
  return into;
}
