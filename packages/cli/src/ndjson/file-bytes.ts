// A file of any size as a stream of bytes, one bounded piece at a time.
import type { Disk } from '@pamina/env';

const pieceBytes = 256 * 1024;

/** Each piece is the receiver's own. Throws FILE_NOT_FOUND and the other errors of the disk. */
export async function* fileBytes(disk: Disk, path: string): AsyncGenerator<Uint8Array> {
  const file = await disk.open(path, 'read');
  try {
    let at = 0;
    for (;;) {
      const piece = new Uint8Array(pieceBytes);
      const count = await file.read(piece, at);
      if (count === 0) return;
      at += count;
      yield piece.subarray(0, count);
    }
  } finally {
    await file.close();
  }
}
