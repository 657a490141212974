// A frozen state, made at once while the store is still behind: LevelDB's snapshot of that moment under
// the overlay of that moment. As soon as the store is exactly there, a snapshot of LevelDB alone takes
// its place, and the overlay's memory is let go.
import type { StoreLevel } from '@pamina/env';
import { storeKey, type Datum, type KeySpace } from './operation.js';
import type { StoreIterator } from './merged-iterator.js';
import type { FrozenOverlay, Found, KeyRange, Overlay } from './overlay.js';
import { getFrom, getManyFrom, getSyncFrom, hasIn } from './raw-level.js';
import type { LevelSnapshot, ReadOptions } from './raw-level.js';
import { valueAs, type Behind, type Due } from './read-value.js';
import { openIterator, type IteratorFormats } from './store-iterator.js';
import { storeReopened, type StateStore } from './state-store.js';

type Exactly = <T>(action: (level: StoreLevel, behind: Behind | null) => T) => Due<T>;

export interface ManyReads {
  readonly space: KeySpace;
  readonly keys: readonly Datum[];
  readonly options: ReadOptions;
}

/** Values from a snapshot of LevelDB under what `find` knows at this moment. */
export async function getManyOver(
  find: (key: Buffer) => Found,
  level: StoreLevel,
  snapshot: LevelSnapshot,
  { space, keys, options }: ManyReads,
): Promise<unknown[]> {
  const values: unknown[] = [];
  const missing: { readonly at: number; readonly key: Buffer }[] = [];
  keys.forEach((key, at) => {
    const stored = storeKey(space, key);
    const found = find(stored);
    if (found === undefined) missing.push({ at, key: stored });
    else values[at] = valueAs(options.valueEncoding, found);
  });
  const wanted = missing.map(({ key }) => key);
  const stored = await getManyFrom(level, wanted, options, snapshot);
  missing.forEach(({ at }, index) => (values[at] = stored[index]));
  values.length = keys.length;
  return values;
}

export class StateView {
  readonly #store: StateStore;
  readonly #level: StoreLevel;
  /** Until the store is there: with the frozen overlay it is exactly this state. */
  #snapshot: LevelSnapshot;
  #frozen: FrozenOverlay | null = null;
  /** The store will not get there for a while: this view stays what it is. */
  #behind: Behind | null = null;
  #arrival: Promise<void> | null = null;
  #cancel: (() => void) | null = null;
  #replaced: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(store: StateStore, overlay: Overlay, exactly: Exactly) {
    this.#store = store;
    this.#level = store.level;
    this.#snapshot = this.#level.snapshot();
    if (overlay.isEmpty) return;
    this.#frozen = overlay.freeze(overlay.visibleSeq);
    const due = exactly((level, behind) => this.#arrive(level, behind));
    if ('value' in due) return;
    this.#cancel = due.cancel;
    this.#arrival = due.promise;
  }

  async get(space: KeySpace, key: Datum, options: ReadOptions): Promise<unknown> {
    const found = this.#find(space, key);
    if (found !== undefined) return valueAs(options.valueEncoding, found);
    return getFrom(this.#open(), storeKey(space, key), options, this.#snapshot);
  }

  getSync(space: KeySpace, key: Datum, options: ReadOptions): unknown {
    const found = this.#find(space, key);
    if (found !== undefined) return valueAs(options.valueEncoding, found);
    return getSyncFrom(this.#open(), storeKey(space, key), options, this.#snapshot);
  }

  async has(space: KeySpace, key: Datum): Promise<boolean> {
    const found = this.#find(space, key);
    if (found !== undefined) return found !== null;
    return hasIn(this.#open(), storeKey(space, key), this.#snapshot);
  }

  async getMany(space: KeySpace, keys: readonly Datum[], options: ReadOptions): Promise<unknown[]> {
    const find = (key: Buffer): Found => this.#frozen?.find(key);
    return getManyOver(find, this.#open(), this.#snapshot, { space, keys, options });
  }

  /** LevelDB's snapshot of exactly this state, or with what it lacks if the store will not get there for a while. */
  exactly<T>(
    action: (level: StoreLevel, snapshot: LevelSnapshot, behind: Behind | null) => T,
  ): Due<T> {
    const run = (): T => action(this.#open(), this.#snapshot, this.#behind);
    if (this.#frozen === null || this.#behind !== null) return { value: run() };
    let isCancelled = false;
    const promise = this.#arrival!.then(() => {
      if (isCancelled) throw storeReopened();
      return run();
    });
    promise.catch(() => {
      // Whoever reads hears of it; nobody may read.
    });
    return { promise, cancel: () => (isCancelled = true) };
  }

  /** An iterator over this state. */
  open(range: KeyRange, formats: IteratorFormats): Due<StoreIterator> {
    return this.exactly((level, snapshot, behind) =>
      openIterator(level, range, formats, { snapshot, behind }),
    );
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    this.#frozen = null;
    await this.#replaced;
    await this.#snapshot.close();
  }

  #arrive(level: StoreLevel, behind: Behind | null): void {
    if (this.#isClosed || level !== this.#level) return;
    if (behind !== null) {
      this.#behind = { overlay: this.#frozen!, why: behind.why };
      return;
    }
    const before = this.#snapshot;
    this.#snapshot = level.snapshot();
    this.#frozen = null;
    this.#cancel = null;
    this.#replaced = before.close();
  }

  #find(space: KeySpace, key: Datum): Found {
    return this.#frozen === null ? undefined : this.#frozen.find(storeKey(space, key));
  }

  /** STORE_REOPENED if the snapshot was of another LevelDB. */
  #open(): StoreLevel {
    const { level } = this.#store;
    if (level !== this.#level) throw storeReopened();
    return level;
  }
}
