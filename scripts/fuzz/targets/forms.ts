// The two encodings of documents, and small things that targets share.
import { packBytes, isPaminaError, unpackBytes } from '@pamina/format';
import { isDeepStrictEqual } from 'node:util';
import { hold, type DocumentForm } from '../target.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const textBytes = (text: string): Uint8Array => encoder.encode(text);
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** MessagePack behind `before` bytes and in front of `after`; `around` puts new ones there. */
export function packed(
  before = 0,
  after = 0,
  around: (document: Uint8Array, from: Uint8Array) => Uint8Array = (document) => document,
): DocumentForm {
  let last: Uint8Array = new Uint8Array(0);
  return {
    read(bytes) {
      last = bytes;
      try {
        return unpackBytes(
          bytes.subarray(before, Math.max(before, bytes.length - after)),
          'BODY_INVALID',
        );
      } catch (error) {
        if (!isPaminaError(error)) throw error;
        return null;
      }
    },
    write(value) {
      try {
        return around(packBytes(value), last);
      } catch (error) {
        // Nested too deeply to be written: that is for the changes of bytes.
        if (!(error instanceof TypeError)) throw error;
        return last.slice();
      }
    },
  };
}

/** JSON behind `before` bytes. */
export function json(before = 0, print: (value: unknown) => string = JSON.stringify): DocumentForm {
  let prefix: Uint8Array = new Uint8Array(before);
  return {
    read(bytes) {
      prefix = bytes.slice(0, before);
      return jsonOf(bytes.subarray(before));
    },
    write: (value) => joined(prefix, textBytes(print(value))),
  };
}

/** Null for what is no JSON. */
function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(bytes));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return null;
  }
}

export function holdEqual(one: unknown, other: unknown, invariant: string): void {
  hold(isDeepStrictEqual(one, other), invariant);
}

/** Neither encoding has a zero with a sign. */
export function signless(value: unknown): unknown {
  if (Object.is(value, -0)) return 0;
  if (Array.isArray(value)) return value.map(signless);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, signless(field)]));
}

/** Types and magnitudes, so that results can be told apart without their particulars. */
export function shapeOf(value: unknown, depth = 3): string {
  if (value === null) return '-';
  if (Array.isArray(value)) {
    return `[${Math.ceil(Math.log2(value.length + 1))}${depth > 0 ? shapeOf(value[0], depth - 1) : ''}]`;
  }
  if (value instanceof Uint8Array) return 'b';
  if (typeof value !== 'object') return typeof value === 'boolean' ? String(value) : typeof value;
  if (depth === 0) return '{}';
  const fields = Object.entries(value).slice(0, 20);
  return `{${fields.map(([name, field]) => `${name.slice(0, 20)}:${shapeOf(field, depth - 1)}`).join()}}`;
}
