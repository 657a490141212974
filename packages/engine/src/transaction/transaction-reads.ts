// What a transaction reads: its own writes, then the state that it sees, under the locks of its isolation
// level. It stands where a snapshot's view stands in the private reads of the abstract-level face.
import type { ReadLockMode } from '@pamina/format';
import type { KeySpace, Datum } from '../operation.js';
import type { KeyRange } from '../overlay.js';
import type { ReadOptions } from '../raw-level.js';
import { valueAs, type Due } from '../read-value.js';
import type { StoreIterator } from '../merged-iterator.js';
import type { IteratorFormats } from '../store-iterator.js';
import { readPlan, type ReadPlan } from './isolation.js';
import { TransactionCursor } from './transaction-cursor.js';
import type { Transaction } from './transaction.js';
import { textOf } from './write-buffer.js';

/** What one read may ask for beside the rest. */
export interface LockedRead {
  readonly lockMode?: ReadLockMode | undefined;
}

export class TransactionReads {
  readonly #transaction: Transaction;
  /** Where its point reads stand, as one cursor. */
  #point: readonly string[] = [];

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
  }

  get(space: KeySpace, key: Datum, options: ReadOptions & LockedRead): Promise<unknown> {
    return this.#read([key], options, async ([found]) =>
      found === undefined
        ? this.#transaction.source.get(space, key, formatsOf(options))
        : valueAs(options.valueEncoding, found),
    );
  }

  has(space: KeySpace, key: Datum, options: LockedRead = {}): Promise<boolean> {
    return this.#read([key], options, async ([found]) =>
      found === undefined ? this.#transaction.source.has(space, key) : found !== null,
    );
  }

  getMany(
    space: KeySpace,
    keys: readonly Datum[],
    options: ReadOptions & LockedRead,
  ): Promise<unknown[]> {
    return this.#read(keys, options, async (found) => {
      const missing = keys.filter((_, at) => found[at] === undefined);
      const stored = await this.#transaction.source.getMany(space, missing, formatsOf(options));
      let next = 0;
      return found.map((own) =>
        own === undefined ? stored[next++] : valueAs(options.valueEncoding, own),
      );
    });
  }

  open(range: KeyRange, formats: IteratorFormats, options: LockedRead): Due<StoreIterator> {
    return { value: new TransactionCursor(this.#transaction, this.#plan(options), range, formats) };
  }

  #plan({ lockMode }: LockedRead): ReadPlan {
    const { isolation, lockMode: byDefault } = this.#transaction.parts;
    return readPlan(isolation, lockMode ?? byDefault);
  }

  /** In turn, and under the locks that the read asks for; `read` is given what the transaction wrote itself. */
  #read<T>(
    keys: readonly Datum[],
    options: LockedRead,
    read: (own: (Uint8Array | null | undefined)[]) => Promise<T>,
  ): Promise<T> {
    const transaction = this.#transaction;
    const plan = this.#plan(options);
    return transaction.readInTurn(async () => {
      const texts = keys.map(textOf);
      const own = texts.map((key) => transaction.writes.find(key));
      const locked = texts.filter((_, at) => own[at] === undefined);
      const leave = await transaction.enter(locked, plan);
      try {
        return await read(own);
      } finally {
        if (plan.until === 'cursor') this.#moveTo(locked);
        else leave();
      }
    });
  }

  #moveTo(keys: readonly string[]): void {
    for (const key of this.#point) this.#transaction.documents.leave(key);
    this.#point = keys;
  }
}

/** The rest is meant for others than the store. */
function formatsOf({ keyEncoding, valueEncoding, fillCache }: ReadOptions): ReadOptions {
  return { keyEncoding, valueEncoding, fillCache };
}
