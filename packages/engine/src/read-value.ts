// What the readers of a state have in common.
import type { ReadOptions } from './raw-level.js';

/** Something that is there at once, or that comes when the store has reached the state of now. */
export type Due<T> =
  | { readonly value: T }
  | { readonly promise: Promise<T>; readonly cancel: () => void };

/** The same for who can wait. */
export async function arrived<T>(due: Due<T>): Promise<T> {
  return 'value' in due ? due.value : due.promise;
}

/** A copy in the format that was asked for; null is a deleted key. */
export function valueAs(format: ReadOptions['valueEncoding'], value: Uint8Array | null): unknown {
  if (value === null) return undefined;
  if (format === 'view') return value.slice();
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return format === 'utf8' ? bytes.toString('utf8') : Buffer.from(bytes);
}
