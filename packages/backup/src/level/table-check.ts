// Proves the bytes of a table as they pass, in order and in pieces of any size: what scrubbing and
// copying have in common.
import { bytesToHex, viewOf } from '@pamina/format';
import { crc32c, maskChecksum } from './crc32c.js';
import type { FileDamage } from './damage.js';
import { compressions, footerBytes, lastKeyOf } from './table-layout.js';
import type { TableLayout } from './table-layout.js';

const checksumBytes = 4;

export class TableCheck {
  readonly #layout: TableLayout;
  readonly #onDamage: (damage: FileDamage) => void;
  readonly #checksum = new Uint8Array(checksumBytes);
  #block = 0;
  /** Where it begins, and where what it has a checksum of ends. */
  #blockAt = 0;
  #checkedEnd: number;
  /** Position in the file. */
  #at = 0;
  #running = 0;
  #compression = 0;

  constructor(layout: TableLayout, onDamage: (damage: FileDamage) => void) {
    this.#layout = layout;
    this.#onDamage = onDamage;
    this.#checkedEnd = (layout.blockBytes[0] ?? 0) + 1;
  }

  /** The bytes that follow those of the call before. */
  update(piece: Uint8Array): void {
    const { blockBytes } = this.#layout;
    let from = 0;
    while (from < piece.length) {
      const isBlock = this.#block < blockBytes.length;
      const used = isBlock ? this.#inBlock(piece, from) : this.#footer(piece.subarray(from));
      this.#at += used;
      from += used;
    }
  }

  /** After the last piece. */
  finish(): void {
    const { fileBytes } = this.#layout;
    if (this.#at < fileBytes) this.#report(this.#at, fileBytes - this.#at, 'the file ends here');
  }

  #inBlock(piece: Uint8Array, from: number): number {
    const missing = this.#checkedEnd - this.#at;
    if (missing > 0) {
      const to = Math.min(piece.length, from + missing);
      this.#running = crc32c(piece.subarray(from, to), this.#running);
      this.#compression = piece[to - 1] as number;
      return to - from;
    }
    const to = Math.min(piece.length, from + checksumBytes + missing);
    for (let at = from; at < to; at++) this.#checksum[at - from - missing] = piece[at] as number;
    if (to - from === checksumBytes + missing) this.#endBlock();
    return to - from;
  }

  #endBlock(): void {
    const stored = viewOf(this.#checksum).getUint32(0, true);
    const isKnown =
      this.#compression === compressions.none || this.#compression === compressions.snappy;
    if (stored !== maskChecksum(this.#running)) {
      this.#reportBlock('the checksum of the block does not match');
    } else if (!isKnown) {
      this.#reportBlock('the block is compressed in a way that is not known');
    }
    this.#running = 0;
    this.#block++;
    this.#blockAt = this.#checkedEnd + checksumBytes;
    this.#checkedEnd = this.#blockAt + (this.#layout.blockBytes[this.#block] ?? 0) + 1;
  }

  #reportBlock(what: string): void {
    const bytes = this.#checkedEnd + checksumBytes - this.#blockAt;
    this.#report(this.#blockAt, bytes, what, lastKeyOf(this.#layout, this.#block));
  }

  /** The layout was read before: what passes now must be the same. */
  #footer(rest: Uint8Array): number {
    const { fileBytes, footer } = this.#layout;
    const from = this.#at - (fileBytes - footerBytes);
    const expected = footer.subarray(from, from + rest.length);
    if (expected.length < rest.length) this.#report(fileBytes, null, 'the file goes on here');
    else if (Buffer.compare(expected, rest) !== 0) {
      this.#report(this.#at, rest.length, 'the footer was read differently before');
    }
    return rest.length;
  }

  #report(
    offset: number,
    bytes: number | null,
    what: string,
    lastKey: Uint8Array | null = null,
  ): void {
    const key = lastKey === null ? null : bytesToHex(lastKey);
    this.#onDamage({ file: this.#layout.file, offset, bytes, what, lastKey: key });
  }
}
