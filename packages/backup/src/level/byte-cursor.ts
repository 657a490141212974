// Reads LevelDB's variable-length integers and strings from bytes that may be damaged.

/** The bytes are not what the format allows; whoever knows the file makes an error of it. */
export class MalformedBytes extends Error {}

export class ByteCursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** An integer below 2^53: seven bits a byte, the lowest first. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new MalformedBytes('a number is cut off');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      scale *= 128;
    }
    throw new MalformedBytes('a number is too large');
  }

  skip(bytes: number): void {
    if (bytes > this.left) throw new MalformedBytes('a text is cut off');
    this.#at += bytes;
  }

  /** A view. */
  take(bytes: number): Uint8Array {
    if (bytes > this.left) throw new MalformedBytes('a text is cut off');
    const from = this.#at;
    this.#at += bytes;
    return this.#bytes.subarray(from, this.#at);
  }

  /** Its length comes before it. */
  string(): Uint8Array {
    return this.take(this.varint());
  }
}

/** As ByteCursor.varint reads it, in its one shortest form. */
export function encodeVarint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}
