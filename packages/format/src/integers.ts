// 64-bit integers as two u32, low half first, because every number that Pamina stores in eight
// bytes is below 2^53 and BigInt would allocate on the hot path.

const high = 0x1_0000_0000;

/** `value` must be an integer from 0 to 2^53 - 1. */
export function writeUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / high), true);
}

/** Exact below 2^53; above it the result is not a safe integer, which the caller must refuse. */
export function readUint64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * high + view.getUint32(at, true);
}

export function isUint32(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff_ffff;
}

/** An integer from 0 to 2^53 - 1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
