// An iterator of a transaction. It shows the transaction's own writes as they were when it was made. Below a
// lock on the whole range, or without locks, it reads the state of its first read; else it locks one
// document after the other and reads each as it is then.
import { MergedIterator, type StoreIterator } from '../merged-iterator.js';
import type { KeyRange, OverlayEntry } from '../overlay.js';
import { arrived } from '../read-value.js';
import type { IteratorFormats } from '../store-iterator.js';
import type { ReadPlan } from './isolation.js';
import { rangePath } from './lock-path.js';
import type { Transaction } from './transaction.js';

type Entry = [key: unknown, value: unknown];

/** Keys alone are read ahead of those that are locked. */
const keysAhead = 100;

export class TransactionCursor implements StoreIterator {
  /** What is read ahead would be locked ahead. */
  readonly readsAhead: boolean;
  readonly #transaction: Transaction;
  readonly #plan: ReadPlan;
  readonly #range: KeyRange;
  readonly #formats: IteratorFormats;
  readonly #own: readonly OverlayEntry[];
  readonly #ownKeys: ReadonlySet<string>;
  #inner: StoreIterator | null = null;
  #seekTo: Buffer | null = null;
  /** Read as keys, and neither locked nor shown yet. */
  #pending: Entry[] = [];
  /** Lets go of the documents that it stands on. */
  #leave: () => void = () => undefined;
  #isClosed = false;
  readonly #cancel: () => void;

  constructor(transaction: Transaction, plan: ReadPlan, range: KeyRange, formats: IteratorFormats) {
    transaction.assertOpen();
    this.#transaction = transaction;
    this.#plan = plan;
    this.#range = range;
    this.#formats = formats;
    this.#own = transaction.writes.freeze(range);
    this.#ownKeys = new Set(this.#own.map(({ key }) => key));
    this.readsAhead = !this.#locksDocuments;
    this.#cancel = transaction.atEnd(() => void this.close());
  }

  nextv(size: number): Promise<Entry[]> {
    return this.#transaction.readInTurn(async () => {
      const inner = this.#inner ?? (await this.#open());
      return this.#locksDocuments ? this.#lockNext(inner, size) : inner.nextv(size);
    });
  }

  seek(target: Buffer, options: { keyEncoding: 'buffer' }): void {
    this.#leave();
    this.#pending = [];
    if (this.#inner === null) this.#seekTo = target;
    else this.#inner.seek(target, options);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancel();
    this.#leave();
    await this.#inner?.close();
  }

  get #locksDocuments(): boolean {
    return this.#plan.mode !== null && !this.#plan.locksRange;
  }

  async #open(): Promise<StoreIterator> {
    const { view, parts } = this.#transaction;
    const { mode, locksRange } = this.#plan;
    const { signal } = this.#formats;
    if (mode !== null && locksRange) {
      await this.#transaction.lock(rangePath(this.#range), mode, signal);
    }
    const formats = this.#innerFormats();
    const source = view ?? parts.reader;
    const stored = await arrived(source.open(this.#range, formats));
    const inner = this.#isMerged ? this.#over(stored) : stored;
    if (this.#isClosed) {
      await inner.close();
      this.#transaction.assertOpen();
    }
    this.#inner = inner;
    if (this.#seekTo !== null) inner.seek(this.#seekTo, { keyEncoding: 'buffer' });
    return inner;
  }

  get #isMerged(): boolean {
    return this.#locksDocuments || this.#own.length > 0;
  }

  #innerFormats(): IteratorFormats {
    if (!this.#isMerged) return this.#formats;
    const values = this.#formats.values && !this.#locksDocuments;
    return { ...this.#formats, keys: true, values, keyEncoding: 'buffer' };
  }

  #over(stored: StoreIterator): StoreIterator {
    const options = { ...this.#formats, range: this.#range };
    return new MergedIterator(
      stored,
      { entries: () => [...this.#own] },
      {
        ...options,
        ...(this.#locksDocuments ? { keys: true, keyEncoding: 'buffer' as const } : {}),
      },
    );
  }

  /** The next documents that are there when they are locked. */
  async #lockNext(inner: StoreIterator, size: number): Promise<Entry[]> {
    for (;;) {
      // What could not be locked is there for the next call.
      if (this.#pending.length === 0) {
        this.#pending = await inner.nextv(Math.max(size, keysAhead));
      }
      const next = this.#pending.slice(0, size);
      if (next.length === 0) {
        this.#leave();
        return [];
      }
      const stored = next.map(([key]) => key as Buffer).filter((key) => !this.#isOwn(key));
      const { signal } = this.#formats;
      const texts = stored.map((key) => key.toString('latin1'));
      const leave = await this.#transaction.enter(texts, this.#plan, signal);
      this.#leave();
      this.#leave = leave;
      let entries: Entry[];
      try {
        entries = await this.#current(next, stored);
      } finally {
        if (this.#plan.until === 'call') leave();
      }
      this.#pending = this.#pending.slice(next.length);
      if (entries.length > 0) return entries;
    }
  }

  async #current(next: readonly Entry[], stored: readonly Buffer[]): Promise<Entry[]> {
    const { valueEncoding, keyEncoding } = this.#formats;
    const keys = stored.map((key) => key.subarray(1));
    const options = { keyEncoding: 'buffer', valueEncoding } as const;
    const values = await this.#transaction.source.getMany('user', keys, options);
    const entries: Entry[] = [];
    let at = 0;
    for (const [key, own] of next as [Buffer, unknown][]) {
      const isOwn = this.#isOwn(key);
      const value = isOwn ? own : values[at++];
      if (!isOwn && value === undefined) continue;
      entries.push([keyEncoding === 'utf8' ? key.toString('utf8') : key, value]);
    }
    return entries;
  }

  #isOwn(key: Buffer): boolean {
    return this.#ownKeys.has(key.toString('latin1'));
  }
}
