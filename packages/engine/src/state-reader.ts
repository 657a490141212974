// Reads the state after the last acknowledged record, exactly: the overlay of what the store has not
// taken yet, then the store. What is read over several turns begins where the store is just there. Point
// reads that can wait do so while LevelDB is being opened again.
import { systemPrefix, toPaminaError, userPrefix } from '@pamina/format';
import type { StoreLevel } from '@pamina/env';
import type { Applier } from './applier.js';
import { storeKey, type Datum, type KeySpace } from './operation.js';
import type { StoreIterator } from './merged-iterator.js';
import type { Found, KeyRange, Overlay } from './overlay.js';
import { getFrom, getManyFrom, getSyncFrom, hasIn, type ReadOptions } from './raw-level.js';
import { arrived, valueAs, type Behind, type Due } from './read-value.js';
import { StateView, getManyOver } from './state-view.js';
import { openIterator, type IteratorFormats } from './store-iterator.js';
import type { StateStore } from './state-store.js';

const asBytes: ReadOptions = { keyEncoding: 'buffer', valueEncoding: 'buffer' };
const bytesOf: IteratorFormats = {
  keys: true,
  values: true,
  keyEncoding: 'buffer',
  valueEncoding: 'buffer',
};
const entriesPerRead = 1000;
const prefixText: Record<KeySpace, string> = {
  user: String.fromCharCode(userPrefix),
  system: String.fromCharCode(systemPrefix),
};

export class StateReader {
  readonly #store: StateStore;
  readonly #applier: Applier;
  readonly #overlay: Overlay;

  constructor(parts: { store: StateStore; applier: Applier; overlay: Overlay }) {
    this.#store = parts.store;
    this.#applier = parts.applier;
    this.#overlay = parts.overlay;
  }

  /** LevelDB itself, for what concerns its files. */
  get level(): StoreLevel {
    return this.#store.level;
  }

  /** The last record that a read sees. */
  get visibleSeq(): number {
    return this.#overlay.isEmpty ? this.#applier.applied.seq : this.#overlay.visibleSeq;
  }

  get(space: KeySpace, key: Datum, options: ReadOptions = asBytes): Promise<unknown> {
    const found = this.#find(space, key);
    if (found !== undefined) return Promise.resolve(valueAs(options.valueEncoding, found));
    const { reopening } = this.#store;
    if (reopening !== null) return reopening.then(() => this.get(space, key, options));
    return getFrom(this.#store.level, this.#key(space, key, options), options);
  }

  getSync(space: KeySpace, key: Datum, options: ReadOptions = asBytes): unknown {
    const found = this.#find(space, key);
    if (found !== undefined) return valueAs(options.valueEncoding, found);
    return getSyncFrom(this.#store.level, this.#key(space, key, options), options);
  }

  /** All from one state. */
  async getMany(space: KeySpace, keys: readonly Datum[], options: ReadOptions): Promise<unknown[]> {
    if (this.#store.reopening !== null) await this.#store.reopening;
    const { level } = this.#store;
    if (this.#overlay.isEmpty) {
      const stored = keys.map((key) => this.#key(space, key, options));
      return getManyFrom(level, stored, options);
    }
    const snapshot = level.snapshot();
    const find = (key: Buffer): Found => this.#overlay.find(key);
    try {
      return await getManyOver(find, level, snapshot, { space, keys, options });
    } finally {
      await snapshot.close();
    }
  }

  /** All from one state. */
  async hasMany(space: KeySpace, keys: readonly Datum[]): Promise<boolean[]> {
    if (this.#store.reopening !== null) await this.#store.reopening;
    const { level } = this.#store;
    const snapshot = level.snapshot();
    try {
      const answers = keys.map((key): Promise<boolean> => {
        const found = this.#find(space, key);
        if (found !== undefined) return Promise.resolve(found !== null);
        return hasIn(level, storeKey(space, key), snapshot);
      });
      return await Promise.all(answers);
    } finally {
      await snapshot.close();
    }
  }

  async has(space: KeySpace, key: Datum): Promise<boolean> {
    const found = this.#find(space, key);
    if (found !== undefined) return found !== null;
    const { reopening } = this.#store;
    if (reopening !== null) return reopening.then(() => this.has(space, key));
    return hasIn(this.#store.level, storeKey(space, key));
  }

  /** A frozen state. STORE_REOPENED where it ends before it is read. */
  view(): StateView {
    return new StateView(this.#store, this.#overlay, (action) => this.exactly(action));
  }

  /**
   * Runs `action` when the store holds exactly what is visible now, at once if it does; with what it
   * lacks if it will not get there for a while.
   */
  exactly<T>(action: (level: StoreLevel, behind: Behind | null) => T): Due<T> {
    if (this.#overlay.isEmpty) return { value: action(this.#store.level, null) };
    const seq = this.#overlay.visibleSeq;
    let cancel = (): void => undefined;
    const promise = new Promise<T>((resolve, reject) => {
      cancel = this.#applier.atSeq(seq, (why) => {
        // What never reached the disk is visible no more.
        if (why !== null && seq > this.#overlay.visibleSeq) {
          reject(why);
          return;
        }
        try {
          const behind = why === null ? null : { overlay: this.#overlay.freeze(seq), why };
          resolve(action(this.#store.level, behind));
        } catch (thrown) {
          reject(toPaminaError(thrown));
        }
      });
    });
    promise.catch(() => {
      // Whoever reads hears of it; nobody may read.
    });
    return { promise, cancel };
  }

  /** An iterator over the state of now. */
  open(range: KeyRange, formats: IteratorFormats): Due<StoreIterator> {
    return this.exactly((level, behind) => openIterator(level, range, formats, { behind }));
  }

  /** Entries between two keys of the store, from one moment; values and keys with their prefix byte. */
  async *entries(gte: Buffer, lt: Buffer): AsyncGenerator<[Buffer, Buffer]> {
    const range = { gte, lt, reverse: false };
    const due = this.exactly((level, behind) => ({
      level,
      iterator: openIterator(level, range, bytesOf, { behind }),
    }));
    const { level, iterator } = await arrived(due);
    try {
      for (;;) {
        const entries = await this.#store.readNext(level, iterator, entriesPerRead);
        if (entries.length === 0) return;
        yield* entries as [Buffer, Buffer][];
      }
    } finally {
      await iterator.close();
    }
  }

  /** Without their prefix byte. */
  async *userEntries(): AsyncGenerator<[Buffer, Buffer]> {
    const [from, to] = [Buffer.of(userPrefix), Buffer.of(userPrefix + 1)];
    for await (const [key, value] of this.entries(from, to)) yield [key.subarray(1), value];
  }

  #find(space: KeySpace, key: Datum): Found {
    return this.#overlay.isEmpty ? undefined : this.#overlay.find(storeKey(space, key));
  }

  /** Text goes to LevelDB as text: it encodes it faster than a Buffer is made. */
  #key(space: KeySpace, key: Datum, options: ReadOptions): Datum {
    const isText = typeof key === 'string' && options.keyEncoding === 'utf8';
    return isText ? prefixText[space] + key : storeKey(space, key);
  }
}
