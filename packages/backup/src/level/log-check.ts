// Reads the format that LevelDB's logs and MANIFESTs have in common: blocks of 32 KiB, in them
// fragments of records with a checksum each. LevelDB skips what is damaged in silence; here it is told.
import { viewOf } from '@pamina/format';
import { crc32c, maskChecksum } from './crc32c.js';
import type { FileDamage } from './damage.js';

export const logBlockBytes = 32 * 1024;
/** u32 masked checksum of kind and content, u16 length, u8 kind. */
const headerBytes = 7;
const kinds = { zero: 0, full: 1, first: 2, middle: 3, last: 4 } as const;

export interface LogCheckOptions {
  /** For what is told. */
  readonly file: string;
  /** A whole record; the pieces are views. */
  readonly onRecord?: ((pieces: readonly Uint8Array[]) => void) | undefined;
  readonly onDamage: (damage: FileDamage) => void;
}

/** Takes the bytes of a file block by block. */
export class LogCheck {
  readonly #options: LogCheckOptions;
  #at = 0;
  /** Fragments of a record whose last one has not come; null between records. */
  #fragments: Uint8Array[] | null = null;
  /** Behind the last whole record. */
  #wholeBytes = 0;
  /** Where bytes begin that are a torn tail if nothing follows them, and damage if something does. */
  #torn: { readonly at: number; readonly what: string } | null = null;

  constructor(options: LogCheckOptions) {
    this.#options = options;
  }

  /** The file up to here holds whole records. */
  get wholeBytes(): number {
    return this.#wholeBytes;
  }

  /** Where a tail begins that a crash, or a write under way, left unfinished; null if there is none. */
  get tornAt(): number | null {
    return this.#torn?.at ?? (this.#fragments === null ? null : this.#wholeBytes);
  }

  /** Whole blocks; the last call of a file may end within one. */
  update(piece: Uint8Array): void {
    for (let from = 0; from < piece.length; from += logBlockBytes) {
      this.#block(piece.subarray(from, from + logBlockBytes));
    }
  }

  #block(block: Uint8Array): void {
    const start = this.#at;
    this.#at += block.length;
    const isWhole = block.length === logBlockBytes;
    const view = viewOf(block);
    let at = 0;
    while (block.length - at >= headerBytes) {
      const bytes = view.getUint16(at + 4, true);
      const kind = block[at + 6] as number;
      if (kind === kinds.zero && bytes === 0 && isZero(block.subarray(at))) {
        this.#tear(start + at, 'zeros stand where a record should');
        return;
      }
      const end = at + headerBytes + bytes;
      if (end > block.length) {
        if (isWhole) this.#damage(start + at, null, 'a record is longer than its block');
        else this.#tear(start + at, 'a record is cut off');
        return;
      }
      if (view.getUint32(at, true) !== maskChecksum(crc32c(block.subarray(at + 6, end)))) {
        this.#damage(start + at, end - at, 'the checksum of the record does not match');
        return;
      }
      this.#fragment(kind, block.subarray(at + headerBytes, end), start + at, start + end);
      at = end;
    }
    if (isZero(block.subarray(at))) return;
    if (isWhole) this.#damage(start + at, block.length - at, 'the end of the block is not zero');
    else this.#tear(start + at, 'a record is cut off');
  }

  #fragment(kind: number, content: Uint8Array, from: number, to: number): void {
    if (this.#torn !== null) {
      const { at, what } = this.#torn;
      this.#torn = null;
      this.#damage(at, from - at, what);
    }
    const isBeginning = kind === kinds.full || kind === kinds.first;
    const isKnown = isBeginning || kind === kinds.middle || kind === kinds.last;
    if (!isKnown || isBeginning !== (this.#fragments === null)) {
      this.#damage(this.#wholeBytes, to - this.#wholeBytes, 'a part of a record is missing');
    }
    const fragments = isBeginning ? [] : this.#fragments;
    fragments?.push(content);
    this.#fragments = fragments;
    if (kind !== kinds.full && kind !== kinds.last) return;
    if (fragments !== null) this.#options.onRecord?.(fragments);
    this.#fragments = null;
    this.#wholeBytes = to;
  }

  #tear(at: number, what: string): void {
    this.#torn ??= { at, what };
  }

  #damage(offset: number, bytes: number | null, what: string): void {
    this.#fragments = null;
    this.#options.onDamage({ file: this.#options.file, offset, bytes, what, lastKey: null });
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
