// Keys and values of clients are text (UTF-8); those of databases are bytes.

import type { Operation } from '@pamina/engine';
import { PaminaError } from '@pamina/format';
import type { BatchOperation, EntryRange } from '@pamina/wire';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bounds as an abstract-level database takes them: of each side at most one. */
export interface ByteRange {
  readonly gt?: Uint8Array;
  readonly gte?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly lte?: Uint8Array;
}

interface Bound {
  readonly key: Uint8Array;
  readonly isIn: boolean;
}

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** VALUE_NOT_TEXT */
export function textOf(bytes: Uint8Array, what: string): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new PaminaError('VALUE_NOT_TEXT', `${what} is not UTF-8 text`, { cause });
  }
}

/** REQUEST_INVALID */
export function keyBytes(key: string): Uint8Array {
  if (key === '') throw new PaminaError('REQUEST_INVALID', 'a key is empty');
  return bytesOf(key);
}

/** REQUEST_INVALID */
export function operationOf({ key, type, value }: BatchOperation): Operation {
  const bytes = keyBytes(key);
  if (type === 'del') return { type: 'del', key: bytes };
  if (value === undefined) {
    throw new PaminaError('REQUEST_INVALID', `the put of ${JSON.stringify(key)} has no value`);
  }
  return { type: 'put', key: bytes, value: bytesOf(value) };
}

/** Behind every key that begins so, and before all others. */
export function behindPrefix(prefix: Uint8Array): Uint8Array {
  // UTF-8 has no byte 0xff, so the last one can always be raised.
  const end = new Uint8Array(prefix);
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  return end;
}

export function byteRange({ prefix = '', gt, gte, lt, lte }: EntryRange): ByteRange {
  const from = bytesOf(prefix);
  const lower = tightest(1, [
    { key: from, isIn: true },
    ...boundsOf(gte, true),
    ...boundsOf(gt, false),
  ]);
  const upper = tightest(-1, [
    ...(prefix === '' ? [] : [{ key: behindPrefix(from), isIn: false }]),
    ...boundsOf(lte, true),
    ...boundsOf(lt, false),
  ]);
  return {
    ...(lower !== null && { [lower.isIn ? 'gte' : 'gt']: lower.key }),
    ...(upper !== null && { [upper.isIn ? 'lte' : 'lt']: upper.key }),
  };
}

function boundsOf(text: string | undefined, isIn: boolean): Bound[] {
  return text === undefined ? [] : [{ key: bytesOf(text), isIn }];
}

/** `sign` 1: the greatest of lower bounds; -1: the least of upper ones. */
function tightest(sign: 1 | -1, bounds: readonly Bound[]): Bound | null {
  let found: Bound | null = null;
  for (const bound of bounds) {
    const order = found === null ? 1 : sign * Buffer.compare(bound.key, found.key);
    if (order > 0 || (order === 0 && !bound.isIn)) found = bound;
  }
  return found;
}
