// How the engine takes writes: keys and values as text or bytes, encoded once, straight into the
// record that becomes durable. Limits are checked before a byte is written.
import {
  PaminaError,
  commitBodyHeaderBytes,
  commitBytesMax,
  keyBytesMax,
  operationBytes,
  systemPrefix,
  userPrefix,
  valueBytesMax,
  writeDeleteHeader,
  writePutHeader,
} from '@pamina/format';

/** Text is stored as UTF-8. */
export type Datum = string | Uint8Array;

export type Operation =
  | { readonly type: 'put'; readonly key: Datum; readonly value: Datum }
  | { readonly type: 'del'; readonly key: Datum };

/** `user` keys are what applications see; `system` keys are Pamina's own and travel with the data. */
export type KeySpace = 'user' | 'system';

const prefixes: Record<KeySpace, number> = { user: userPrefix, system: systemPrefix };

function byteLength(datum: Datum): number {
  return typeof datum === 'string' ? Buffer.byteLength(datum) : datum.byteLength;
}

/** Bytes of one operation in a commit body. KEY_TOO_LARGE, VALUE_TOO_LARGE. */
export function measure(key: Datum, value: Datum | null): number {
  const keyBytes = byteLength(key);
  if (keyBytes > keyBytesMax) {
    throw new PaminaError('KEY_TOO_LARGE', `a key of ${keyBytes} bytes is over ${keyBytesMax}`);
  }
  if (value === null) return operationBytes(keyBytes + 1, -1);
  const valueBytes = byteLength(value);
  if (valueBytes > valueBytesMax) {
    const message = `a value of ${valueBytes} bytes is over ${valueBytesMax}`;
    throw new PaminaError('VALUE_TOO_LARGE', message);
  }
  return operationBytes(keyBytes + 1, valueBytes);
}

/** Bytes of a whole commit body. COMMIT_TOO_LARGE. */
export function measureAll(operations: readonly Operation[]): number {
  let bytes = commitBodyHeaderBytes;
  for (const operation of operations) {
    bytes += measure(operation.key, operation.type === 'put' ? operation.value : null);
  }
  if (bytes > commitBytesMax) {
    const message = `a commit of ${bytes} bytes is over ${commitBytesMax}`;
    throw new PaminaError('COMMIT_TOO_LARGE', message, { context: { bytes } });
  }
  return bytes;
}

export function writeOperation(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  space: KeySpace,
  key: Datum,
  value: Datum | null,
): number {
  const keyBytes = byteLength(key) + 1;
  const keyAt =
    value === null
      ? writeDeleteHeader(bytes, view, at, keyBytes)
      : writePutHeader(bytes, view, at, keyBytes, byteLength(value));
  bytes[keyAt] = prefixes[space];
  const valueAt = writeDatum(bytes, keyAt + 1, key);
  return value === null ? valueAt : writeDatum(bytes, valueAt, value);
}

const encoder = new TextEncoder();

function writeDatum(bytes: Uint8Array, at: number, datum: Datum): number {
  if (typeof datum !== 'string') {
    bytes.set(datum, at);
    return at + datum.byteLength;
  }
  return at + encoder.encodeInto(datum, bytes.subarray(at)).written;
}

/** A key as it stands in the store. */
export function storeKey(space: KeySpace, key: Datum): Buffer {
  const bytes = Buffer.allocUnsafe(byteLength(key) + 1);
  bytes[0] = prefixes[space];
  if (typeof key === 'string') bytes.write(key, 1);
  else bytes.set(key, 1);
  return bytes;
}
