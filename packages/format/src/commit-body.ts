// The body of a commit: a flat run of puts and deletes with raw bytes, so that apply decodes no
// document. Written and walked on the hot path: nothing here allocates per operation.
import { storeKeyBytesMax, valueBytesMax } from './limits.js';
import { PaminaError } from './pamina-error.js';

/** u32: how many operations follow. The writer sets it. */
export const commitBodyHeaderBytes = 4;

export const OperationType = { put: 1, delete: 2 } as const;

/** Bytes before the key: type, key length, and for a put the value length. */
export const putHeaderBytes = 9;
export const deleteHeaderBytes = 5;

/** Below this a loop is quicker than the call behind `set`. */
const loopBytesMax = 24;

/** Offsets into the bytes that are walked; nothing is copied. */
export interface OperationVisitor {
  put(keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void;
  delete(keyStart: number, keyEnd: number): void;
}

/** Bytes that one operation takes in a body; `valueBytes` is -1 for a delete. */
export function operationBytes(keyBytes: number, valueBytes: number): number {
  return valueBytes < 0 ? deleteHeaderBytes + keyBytes : putHeaderBytes + keyBytes + valueBytes;
}

/** Writes one put at `at` and returns where the next operation goes. The caller made room. */
export function writePut(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  key: Uint8Array,
  value: Uint8Array,
): number {
  const keyAt = writePutHeader(bytes, view, at, key.length, value.length);
  const valueAt = keyAt + key.length;
  copy(bytes, keyAt, key);
  copy(bytes, valueAt, value);
  return valueAt + value.length;
}

/** Writes one delete at `at` and returns where the next operation goes. The caller made room. */
export function writeDelete(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  key: Uint8Array,
): number {
  const keyAt = writeDeleteHeader(bytes, view, at, key.length);
  copy(bytes, keyAt, key);
  return keyAt + key.length;
}

/** For callers that write key and value themselves, one behind the other. Returns where the key goes. */
export function writePutHeader(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  keyBytes: number,
  valueBytes: number,
): number {
  bytes[at] = OperationType.put;
  view.setUint32(at + 1, keyBytes, true);
  view.setUint32(at + 5, valueBytes, true);
  return at + putHeaderBytes;
}

/** As writePutHeader, for a delete. */
export function writeDeleteHeader(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  keyBytes: number,
): number {
  bytes[at] = OperationType.delete;
  view.setUint32(at + 1, keyBytes, true);
  return at + deleteHeaderBytes;
}

/**
 * Walks the body at bytes[start .. end) and calls the visitor once for each operation, in order.
 * Throws BODY_INVALID if a length leaves the body, a type is unknown, the count does not match or
 * bytes remain. The visitor has then seen the operations before the fault: apply only what a
 * checksum has proved, or collect first.
 */
export function forEachOperation(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  visitor: OperationVisitor,
): void {
  if (end - start < commitBodyHeaderBytes) throw invalid('it has no count', start);
  let count = view.getUint32(start, true);
  let at = start + commitBodyHeaderBytes;
  for (; count > 0; count--) {
    if (end - at < deleteHeaderBytes) throw invalid('it ends before its last operation', at);
    const type = bytes[at];
    const keyBytes = view.getUint32(at + 1, true);
    if (keyBytes > storeKeyBytesMax) throw invalid('a key is longer than allowed', at);
    if (type === OperationType.put) {
      if (end - at < putHeaderBytes) throw invalid('it ends inside an operation', at);
      const valueBytes = view.getUint32(at + 5, true);
      if (valueBytes > valueBytesMax) throw invalid('a value is longer than allowed', at);
      const keyStart = at + putHeaderBytes;
      const valueStart = keyStart + keyBytes;
      const next = valueStart + valueBytes;
      if (next > end) throw invalid('an operation is longer than the body', at);
      visitor.put(keyStart, valueStart, valueStart, next);
      at = next;
    } else if (type === OperationType.delete) {
      const keyStart = at + deleteHeaderBytes;
      const next = keyStart + keyBytes;
      if (next > end) throw invalid('an operation is longer than the body', at);
      visitor.delete(keyStart, next);
      at = next;
    } else {
      throw invalid(`operation type ${type} is unknown`, at);
    }
  }
  if (at !== end) throw invalid('bytes remain after its last operation', at);
}

function copy(bytes: Uint8Array, at: number, from: Uint8Array): void {
  if (from.length > loopBytesMax) {
    bytes.set(from, at);
    return;
  }
  for (let i = 0; i < from.length; i++) bytes[at + i] = from[i] as number;
}

function invalid(what: string, offset: number): PaminaError {
  return new PaminaError('BODY_INVALID', `the body of a commit is not valid: ${what}`, {
    context: { offset },
  });
}
