// Compression of chunks on Node's thread pool, off the thread that serves commits. Brotli at quality
// 1: the best ratio that is not slower than the disk (measured against gzip and lz4).
import { brotliCompress, brotliDecompress, constants } from 'node:zlib';
import { chunkInvalid } from './chunk-format.js';

const qualityFastest = 1;
/** Output is collected in pieces of this size: what a small claim makes zlib allocate at once. */
const pieceBytesMin = 1024;
const pieceBytesMax = 256 * 1024;

export function compress(raw: Uint8Array): Promise<Uint8Array> {
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

/**
 * Gives back exactly `rawBytes` bytes, which the caller has held against chunkBytesMax; never makes
 * more than that of what it is given. Throws BACKUP_INVALID.
 */
export function decompress(
  stored: Uint8Array,
  rawBytes: number,
  name: string,
): Promise<Uint8Array> {
  const options = { chunkSize: pieceBytes(rawBytes), maxOutputLength: Math.max(1, rawBytes) };
  return new Promise((resolve, reject) => {
    brotliDecompress(stored, options, (error, raw) => {
      if (error !== null) reject(chunkInvalid(name, 'it cannot be decompressed', error));
      else if (raw.length === rawBytes) resolve(raw);
      else reject(chunkInvalid(name, 'it holds less than its header says'));
    });
  });
}

function pieceBytes(rawBytes: number): number {
  return Math.min(pieceBytesMax, Math.max(pieceBytesMin, rawBytes));
}
