// The three key spaces of the one LevelDB store, told apart by the first byte of each key.
import { PaminaError } from './pamina-error.js';

/** Local to this copy (position, timelines, session, pattern): not shipped, not in the state hash. */
export const metaPrefix = 0x00;
/** System data: changed only by commits, so it travels and is in the state hash. */
export const systemPrefix = 0x01;
/** What the user stores. */
export const userPrefix = 0x02;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function metaKey(name: string): Uint8Array {
  return prefixed(metaPrefix, encoder.encode(name));
}

export function systemKey(name: string): Uint8Array {
  return prefixed(systemPrefix, encoder.encode(name));
}

export function userKey(key: Uint8Array): Uint8Array {
  return prefixed(userPrefix, key);
}

/** The name in a key made by `metaKey` or `systemKey`. Throws BODY_INVALID if it is not text. */
export function keyName(key: Uint8Array): string {
  try {
    return decoder.decode(key.subarray(1));
  } catch (cause) {
    throw new PaminaError('BODY_INVALID', 'a system key is not UTF-8 text', { cause });
  }
}

function prefixed(prefix: number, rest: Uint8Array): Uint8Array {
  const key = new Uint8Array(1 + rest.length);
  key[0] = prefix;
  key.set(rest, 1);
  return key;
}
