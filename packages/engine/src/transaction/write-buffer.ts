// What a transaction has written and not committed: the last operation of each key.
import { PaminaError, commitBodyHeaderBytes, commitBytesMax } from '@pamina/format';
import type { AbstractBatchOperation, AbstractLevel } from 'abstract-level';
import { measure, storeKey, type Datum } from '../operation.js';
import type { Found, KeyRange, OverlayEntry } from '../overlay.js';

/** As batch() of abstract-level takes it at the commit. */
export type BatchOperation = AbstractBatchOperation<
  AbstractLevel<string | Buffer | Uint8Array, unknown, unknown>,
  unknown,
  unknown
>;

export interface BufferedWrite {
  /** Of the user, with the prefixes of its sublevels. */
  readonly key: Datum;
  /** Null deletes. */
  readonly value: Datum | null;
  readonly operation: BatchOperation;
}

interface Entry extends BufferedWrite {
  readonly bytes: number;
}

export class WriteBuffer {
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** Of the commit that it would be. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The last of each key, in the order in which the keys were first written. */
  get operations(): BatchOperation[] {
    return [...this.#entries.values()].map(({ operation }) => operation);
  }

  /** Bytes that the writes add together. KEY_TOO_LARGE, VALUE_TOO_LARGE, COMMIT_TOO_LARGE. */
  growth(writes: readonly BufferedWrite[]): number {
    const sizes = new Map(writes.map(({ key, value }) => [textOf(key), measure(key, value)]));
    let growth = this.isEmpty ? commitBodyHeaderBytes : 0;
    for (const [key, bytes] of sizes) growth += bytes - (this.#entries.get(key)?.bytes ?? 0);
    const bytes = this.bytes + growth;
    if (bytes <= commitBytesMax) return growth;
    const message = `a transaction that writes ${bytes} bytes is over ${commitBytesMax}`;
    throw new PaminaError('COMMIT_TOO_LARGE', message);
  }

  set(writes: readonly BufferedWrite[]): void {
    this.#bytes += this.growth(writes);
    for (const write of writes) {
      const bytes = measure(write.key, write.value);
      this.#entries.set(textOf(write.key), { ...write, bytes });
    }
  }

  find(storeKeyText: string): Found {
    const entry = this.#entries.get(storeKeyText);
    return entry === undefined ? undefined : bytesOf(entry.value);
  }

  /** Those in the range as they are now, whatever is written later. */
  freeze(range: KeyRange): OverlayEntry[] {
    const { gte, gt, lte, lt, reverse } = range;
    const [from, above, to, below] = [gte, gt, lte, lt].map((key) => key?.toString('latin1'));
    const entries: OverlayEntry[] = [];
    for (const [key, { value }] of this.#entries) {
      if ((from !== undefined && key < from) || (above !== undefined && key <= above)) continue;
      if ((to !== undefined && key > to) || (below !== undefined && key >= below)) continue;
      entries.push({ key, value: bytesOf(value) });
    }
    const sign = reverse ? -1 : 1;
    return entries.sort((a, b) => (a.key < b.key ? -sign : sign));
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }
}

export function textOf(key: Datum): string {
  return storeKey('user', key).toString('latin1');
}

function bytesOf(value: Datum | null): Uint8Array | null {
  return typeof value === 'string' ? Buffer.from(value) : value;
}
