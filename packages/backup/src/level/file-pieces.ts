// A file from its beginning in pieces, the next one read while the one before is worked on.
import type { DiskFile } from '@pamina/env';
import { logBlockBytes } from './log-check.js';

/** Whole blocks of a log. Long enough for the disk, short enough not to keep commits waiting. */
export const pieceBytes = 8 * logBlockBytes;

/** From `from` to `to`; what is handed on is overwritten after the next two pieces. Ends early where the file does. */
export async function* filePieces(
  file: DiskFile,
  from: number,
  to: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const size = Math.min(pieceBytes, Math.max(0, to - from));
  const buffers: Uint8Array[] = [];
  const read = async (index: number, at: number): Promise<Uint8Array> => {
    const buffer = (buffers[index % 3] ??= new Uint8Array(size));
    const into = buffer.subarray(0, Math.min(size, to - at));
    return into.subarray(0, await file.read(into, at));
  };
  let reading: Promise<Uint8Array> | null = null;
  try {
    for (let at = from, index = 0; at < to; index++) {
      const piece: Uint8Array = await (reading ?? read(index, at));
      reading = null;
      signal?.throwIfAborted();
      if (piece.length === 0) return;
      at += piece.length;
      if (at < to) {
        reading = read(index + 1, at);
        reading.catch(() => {
          // It is awaited in its turn, or nobody wants the piece any more.
        });
      }
      yield piece;
    }
  } finally {
    await Promise.allSettled([reading]);
  }
}
