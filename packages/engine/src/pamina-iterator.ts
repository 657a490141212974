// Iterators and snapshots of the abstract-level face: LevelDB's own, with the key prefix put on and
// taken off. Both are of the state at which they are created, also where the store reaches it later.
import { AbstractIterator, AbstractSnapshot, type AbstractLevel } from 'abstract-level';
import { PaminaError, userPrefix, type ReadLockMode } from '@pamina/format';
import { storeKey, type Datum } from './operation.js';
import type { StoreIterator } from './merged-iterator.js';
import type { KeyRange } from './overlay.js';
import type { Format } from './raw-level.js';
import type { Due } from './read-value.js';
import type { StateReader } from './state-reader.js';
import type { StateView } from './state-view.js';
import type { IteratorFormats } from './store-iterator.js';
import { storeReopened } from './state-store.js';
import { TransactionReads } from './transaction/transaction-reads.js';
import type { Transaction } from './transaction/transaction.js';

/** Range and encodings as abstract-level hands them to the private API: keys encoded, formats named. */
export interface PrivateRange {
  readonly gte?: Datum;
  readonly gt?: Datum;
  readonly lte?: Datum;
  readonly lt?: Datum;
  readonly reverse?: boolean;
  readonly snapshot?: PaminaSnapshot | TransactionSnapshot | undefined;
  /** Of reads in a transaction. */
  readonly lockMode?: ReadLockMode | undefined;
}

export interface PrivateIteratorOptions extends PrivateRange {
  readonly limit: number;
  readonly keys: boolean;
  readonly values: boolean;
  readonly keyEncoding: Format;
  readonly valueEncoding: Format;
  readonly fillCache?: boolean;
  readonly highWaterMarkBytes?: number;
  readonly signal?: AbortSignal;
}

type Owner = AbstractLevel<string | Buffer | Uint8Array, unknown, unknown>;
type Entry = [key: unknown, value: unknown];

export class PaminaSnapshot extends AbstractSnapshot {
  readonly view: StateView;

  constructor(reader: StateReader, options: { owner: unknown }) {
    const view = reader.view();
    // @ts-expect-error The published types leave out the options that the implementation needs.
    super(options);
    this.view = view;
  }

  _close(): Promise<void> {
    return this.view.close();
  }
}

/** Carries reads of a transaction through abstract-level: what it sees is not frozen, only its own. */
export class TransactionSnapshot extends AbstractSnapshot {
  readonly view: TransactionReads;
  readonly #transaction: Transaction;

  constructor(transaction: Transaction, owner: object) {
    // @ts-expect-error The published types leave out the options that the implementation needs.
    super({ owner });
    this.#transaction = transaction;
    this.view = new TransactionReads(transaction);
  }

  /** With the database, or at its own end. First of all it ends, so that nobody waits for what waits. */
  override close(): Promise<void> {
    const message = `the database was closed under transaction ${this.#transaction.id}`;
    this.#transaction.rollBack(new PaminaError('DATABASE_CLOSED', message));
    return super.close();
  }
}

/** The same range among the keys of the store. */
function storeRange(range: PrivateRange): KeyRange {
  const { gte, gt, lte, lt } = range;
  // Where both kinds of bound are given the including one counts, as in every abstract-level database.
  const from =
    gte === undefined && gt !== undefined
      ? { gt: storeKey('user', gt) }
      : { gte: storeKey('user', gte ?? '') };
  const to =
    lte !== undefined
      ? { lte: storeKey('user', lte) }
      : { lt: lt === undefined ? Buffer.of(userPrefix + 1) : storeKey('user', lt) };
  return { ...from, ...to, reverse: range.reverse ?? false };
}

/** An iterator of the store over the range, at the state of now or of the snapshot. */
export function openInner(
  reader: StateReader,
  range: PrivateRange,
  formats: IteratorFormats,
): Due<StoreIterator> {
  const inRange = storeRange(range);
  if (range.snapshot === undefined) return reader.open(inRange, formats);
  return range.snapshot.view.open(inRange, formats, range);
}

/** A key of the store as the user's format asks for it. */
function userKeyAs(format: Format, key: unknown): unknown {
  if (format === 'utf8') return (key as string).slice(1);
  const bytes = key as Buffer;
  if (format === 'buffer') return bytes.subarray(1);
  return new Uint8Array(bytes.buffer, bytes.byteOffset + 1, bytes.length - 1);
}

/** What came before it was cancelled, and was never asked for. */
function closeIterator(inner: StoreIterator): Promise<void> {
  return inner.close();
}

/** Entries that one read of LevelDB may bring, for those who ask for one at a time. */
const aheadEntries = 1000;
const none: Entry[] = [];

export class PaminaIterator extends AbstractIterator<Owner, unknown, unknown> {
  readonly #keys: boolean;
  readonly #format: Format;
  readonly #due: Due<StoreIterator>;
  #inner: StoreIterator | null;
  /** Asked for before there was an iterator inside. */
  #seekTo: Buffer | null = null;
  #ahead: Entry[] = none;
  #aheadAt = 0;
  #isFirst = true;

  constructor(owner: Owner, reader: StateReader, options: PrivateIteratorOptions) {
    const { keys, values, fillCache, highWaterMarkBytes, signal } = options;
    // First: from super() on the owner holds this iterator, and would close one that has nothing inside.
    const due = openInner(reader, options, {
      keys,
      values,
      keyEncoding: options.keyEncoding === 'utf8' ? 'utf8' : 'buffer',
      valueEncoding: options.valueEncoding,
      ...(fillCache === undefined ? {} : { fillCache }),
      ...(highWaterMarkBytes === undefined ? {} : { highWaterMarkBytes }),
      ...(signal === undefined ? {} : { signal }),
    });
    super(owner, options);
    this.#keys = keys;
    this.#format = options.keyEncoding;
    this.#due = due;
    this.#inner = 'value' in due ? due.value : null;
  }

  async _next(): Promise<Entry | undefined> {
    if (this.#aheadAt === this.#ahead.length) {
      // Who wants one entry, or one after a seek, is not made to wait for a thousand.
      const isSingle = this.#isFirst || this.#inner?.readsAhead === false;
      const size = isSingle ? 1 : Math.min(aheadEntries, this.limit - this.count);
      this.#isFirst = false;
      this.#ahead = await this.#read(size);
      this.#aheadAt = 0;
    }
    return this.#ahead[this.#aheadAt++];
  }

  async _nextv(size: number): Promise<Entry[]> {
    this.#isFirst = false;
    if (this.#aheadAt === this.#ahead.length) return this.#read(size);
    const entries = this.#ahead.slice(this.#aheadAt, this.#aheadAt + size);
    this.#aheadAt += entries.length;
    return entries;
  }

  _seek(target: Datum): void {
    this.#ahead = none;
    this.#aheadAt = 0;
    this.#isFirst = true;
    const key = storeKey('user', target);
    if (this.#inner === null) this.#seekTo = key;
    else this.#inner.seek(key, { keyEncoding: 'buffer' });
  }

  async _close(): Promise<void> {
    if (this.#inner === null && 'cancel' in this.#due) {
      this.#due.cancel();
      this.#due.promise.then(closeIterator, () => {
        // It did not come, so there is nothing to close.
      });
    }
    await this.#inner?.close();
  }

  /** The inner iterator ends before this one only when its LevelDB does. */
  async #read(size: number): Promise<Entry[]> {
    try {
      const inner = this.#inner ?? (await this.#arrive());
      const entries: Entry[] = await inner.nextv(size);
      if (this.#keys) {
        for (const entry of entries) entry[0] = userKeyAs(this.#format, entry[0]);
      }
      return entries;
    } catch (error) {
      const { code } = error as { code?: unknown };
      throw code === 'LEVEL_ITERATOR_NOT_OPEN' ? storeReopened() : error;
    }
  }

  async #arrive(): Promise<StoreIterator> {
    const inner = await (this.#due as { promise: Promise<StoreIterator> }).promise;
    this.#inner = inner;
    if (this.#seekTo !== null) inner.seek(this.#seekTo, { keyEncoding: 'buffer' });
    return inner;
  }
}
