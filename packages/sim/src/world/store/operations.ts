// Puts and deletes as bytes: the content of a log record and of a table.

export interface StoreOperation {
  readonly key: Buffer;
  /** Null for a delete. */
  readonly value: Buffer | null;
}

const headBytes = 8;
const deleted = 0xffffffff;

export function encodeOperations(operations: readonly StoreOperation[]): Uint8Array {
  const size = operations.reduce(
    (sum, { key, value }) => sum + headBytes + key.length + (value?.length ?? 0),
    0,
  );
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const { key, value } of operations) {
    at = bytes.writeUInt32LE(key.length, at);
    at = bytes.writeUInt32LE(value === null ? deleted : value.length, at);
    bytes.set(key, at);
    at += key.length;
    if (value !== null) bytes.set(value, at);
    at += value?.length ?? 0;
  }
  return bytes;
}

/** Copies; ends where the bytes make no sense any more, and does not say so. */
export function decodeOperations(bytes: Uint8Array): StoreOperation[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const operations: StoreOperation[] = [];
  for (let at = 0; at + headBytes <= bytes.length;) {
    const keyBytes = view.getUint32(at, true);
    const valueBytes = view.getUint32(at + 4, true);
    const keyEnd = at + headBytes + keyBytes;
    const end = keyEnd + (valueBytes === deleted ? 0 : valueBytes);
    if (end > bytes.length) break;
    operations.push({
      key: Buffer.from(bytes.subarray(at + headBytes, keyEnd)),
      value: valueBytes === deleted ? null : Buffer.from(bytes.subarray(keyEnd, end)),
    });
    at = end;
  }
  return operations;
}
