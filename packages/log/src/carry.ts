// The bytes behind the last whole record that a receiver has: a record can be larger than a chunk and
// comes in parts. Grows by doubling and by what has come, never by what a length claims.

const nothing = new Uint8Array(0);

export class Carry {
  #buffer: Uint8Array = nothing;
  #length = 0;
  /** Fewer bytes than this cannot make the next record whole; 0 if that is not known yet. */
  needed = 0;

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#buffer = nothing;
    this.#length = 0;
    this.needed = 0;
  }

  /** What is carried with `bytes` behind it; `bytes` themselves if nothing is carried. */
  join(bytes: Uint8Array): Uint8Array {
    if (this.#length === 0) return bytes;
    const length = this.#length + bytes.length;
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(length, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#length);
    return this.#buffer.subarray(0, length);
  }

  /** Carries what stands behind `from` in what join() returned. */
  keep(joined: Uint8Array, from: number): void {
    if (from === 0 && joined.buffer === this.#buffer.buffer) {
      this.#length = joined.length;
      return;
    }
    // A copy: whoever applies the records before it still reads the old buffer.
    this.#buffer = joined.slice(from);
    this.#length = this.#buffer.length;
  }
}
