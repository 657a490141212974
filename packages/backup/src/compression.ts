// Compression of chunks on the thread pool, off the thread that serves commits. Whoever restores waits
// for what is decompressed: docs/compression.md has the measurements behind the default.
import { brotliCompress, brotliDecompress, constants } from 'node:zlib';
import { viewOf } from '@pamina/format';
import { chunkInvalid, type ChunkCodec } from './chunk-format.js';

export const codecDefault: ChunkCodec = 'lz4';

type Packed = Exclude<ChunkCodec, 'none'>;

const qualityFastest = 1;
/** Output is collected in pieces of this size: what a small claim makes zlib allocate at once. */
const pieceBytesMin = 1024;
const pieceBytesMax = 256 * 1024;
/** Before a block of lz4 stands how many bytes it becomes, u32. */
const lz4HeaderBytes = 4;

export async function compress(raw: Uint8Array, codec: Packed): Promise<Uint8Array> {
  if (codec !== 'lz4') return compressBrotli(raw);
  const { compress: compressLz4 } = await lz4Binding();
  return compressLz4(raw);
}

/** Loaded by who compresses: every verb of the command loads this package. */
function lz4Binding() {
  return import('lz4-napi');
}

/**
 * Gives back exactly `rawBytes` bytes, which the caller has held against chunkBytesMax; never makes
 * more than that of what it is given. Throws BACKUP_INVALID.
 */
export async function decompress(
  stored: Uint8Array,
  codec: Packed,
  rawBytes: number,
  name: string,
): Promise<Uint8Array> {
  let raw: Uint8Array;
  try {
    raw = codec === 'lz4' ? await lz4(stored, rawBytes) : await brotli(stored, rawBytes);
  } catch (cause) {
    throw chunkInvalid(name, 'it cannot be decompressed', cause);
  }
  if (raw.length !== rawBytes) throw chunkInvalid(name, 'it holds less than its header says');
  return raw;
}

function compressBrotli(raw: Uint8Array): Promise<Uint8Array> {
  const options = {
    chunkSize: pieceBytes(raw.length),
    params: {
      [constants.BROTLI_PARAM_QUALITY]: qualityFastest,
      [constants.BROTLI_PARAM_SIZE_HINT]: raw.length,
    },
  };
  return new Promise((resolve, reject) => {
    brotliCompress(raw, options, (error, stored) => {
      if (error === null) resolve(stored);
      else reject(error);
    });
  });
}

function brotli(stored: Uint8Array, rawBytes: number): Promise<Uint8Array> {
  const options = { chunkSize: pieceBytes(rawBytes), maxOutputLength: Math.max(1, rawBytes) };
  return new Promise((resolve, reject) => {
    brotliDecompress(stored, options, (error, raw) => {
      if (error === null) resolve(raw);
      else reject(error);
    });
  });
}

async function lz4(stored: Uint8Array, rawBytes: number): Promise<Uint8Array> {
  const claimed = stored.length < lz4HeaderBytes ? -1 : viewOf(stored).getUint32(0, true);
  // As much is allocated before anything is decompressed.
  if (claimed !== rawBytes)
    throw new RangeError(`it claims ${claimed} bytes instead of ${rawBytes}`);
  const { uncompress } = await lz4Binding();
  return uncompress(stored);
}

function pieceBytes(rawBytes: number): number {
  return Math.min(pieceBytesMax, Math.max(pieceBytesMin, rawBytes));
}
