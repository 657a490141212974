// The bodies of calls and answers, read step by step.

import { callKeysMax, forEachOperation, PaminaError, viewOf } from '@pamina/format';
import { noValue } from './calls-format.js';

export type WireOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

export type WireEntry = [key: Uint8Array | undefined, value: Uint8Array | undefined];

/** Views of the body. MESSAGE_INVALID where it is shorter than what is asked of it. */
export class BodyReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Bytes that were not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    this.#require(1);
    return this.#bytes[this.#at++] as number;
  }

  u32(): number {
    this.#require(4);
    const value = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }

  bytes(length: number): Uint8Array {
    this.#require(length);
    const start = this.#at;
    this.#at = start + length;
    return this.#bytes.subarray(start, this.#at);
  }

  sized(): Uint8Array {
    return this.bytes(this.u32());
  }

  sizedOrNone(): Uint8Array | undefined {
    const length = this.u32();
    return length === noValue ? undefined : this.bytes(length);
  }

  rest(): Uint8Array {
    const start = this.#at;
    this.#at = this.#bytes.length;
    return this.#bytes.subarray(start);
  }

  end(): void {
    if (!this.isAtEnd) throw invalid('bytes remain');
  }

  #require(bytes: number): void {
    if (bytes > this.#bytes.length - this.#at) throw invalid('it ends too early');
  }
}

/** Keys of getMany and hasMany. MESSAGE_INVALID, REQUEST_TOO_LARGE. */
export function readKeys(body: BodyReader): Uint8Array[] {
  const keys: Uint8Array[] = [];
  const count = body.u32();
  if (count > body.left / 4) throw invalid('it ends too early');
  if (count > callKeysMax) throw tooMany(`${count} keys`);
  for (let left = count; left > 0; left--) keys.push(body.sized());
  body.end();
  return keys;
}

/** BODY_INVALID, REQUEST_TOO_LARGE. */
export function readOperations(bytes: Uint8Array): WireOperation[] {
  const operations: WireOperation[] = [];
  const count = bytes.length < 4 ? 0 : viewOf(bytes).getUint32(0, true);
  if (count > callKeysMax && count < bytes.length) throw tooMany(`${count} operations`);
  forEachOperation(bytes, viewOf(bytes), 0, bytes.length, {
    put(keyStart, keyEnd, valueStart, valueEnd) {
      const key = bytes.subarray(keyStart, keyEnd);
      operations.push({ type: 'put', key, value: bytes.subarray(valueStart, valueEnd) });
    },
    delete(keyStart, keyEnd) {
      operations.push({ type: 'del', key: bytes.subarray(keyStart, keyEnd) });
    },
  });
  return operations;
}

/** As many as `count` values, each there or not. */
export function readValues(bytes: Uint8Array, count: number): (Uint8Array | undefined)[] {
  const body = new BodyReader(bytes);
  const values: (Uint8Array | undefined)[] = [];
  for (let at = 0; at < count; at++) values.push(body.sizedOrNone());
  body.end();
  return values;
}

export function readEntries(bytes: Uint8Array): WireEntry[] {
  const body = new BodyReader(bytes);
  const entries: WireEntry[] = [];
  while (!body.isAtEnd) entries.push([body.sizedOrNone(), body.sizedOrNone()]);
  return entries;
}

/** Small ones take many times their bytes in the memory of who reads them. */
function tooMany(what: string): PaminaError {
  const message = `a call has ${what}, and may have ${callKeysMax}`;
  return new PaminaError('REQUEST_TOO_LARGE', message, { hint: 'Make it several calls.' });
}

function invalid(what: string): PaminaError {
  return new PaminaError('MESSAGE_INVALID', `the body of a call or an answer is wrong: ${what}`);
}
