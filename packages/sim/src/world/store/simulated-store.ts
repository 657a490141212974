// A store behind the same face as LevelDB: reads come from memory-level, and every batch goes to files on
// the simulated disk first, so that a crash leaves of it what it would leave of LevelDB's.

import { AbstractIterator, AbstractLevel, AbstractSnapshot } from 'abstract-level';
import { MemoryLevel } from 'memory-level';
import type { Incarnation } from '../incarnation.js';
import type { Prng } from '../prng.js';
import type { StoreOperation } from './operations.js';
import { storeErrorOf } from './store-error.js';
import type { StoreFiles } from './store-files.js';

type Memory = MemoryLevel<Buffer, Buffer>;
type Key = string | Buffer | Uint8Array;

interface BatchOperation {
  readonly type: 'put' | 'del';
  readonly key: Buffer;
  readonly value?: Buffer;
}

interface ReadOptions {
  readonly snapshot?: SimulatedSnapshot | null | undefined;
}

interface RangeOptions extends ReadOptions {
  readonly gt?: Buffer;
  readonly gte?: Buffer;
  readonly lt?: Buffer;
  readonly lte?: Buffer;
  readonly reverse?: boolean;
  readonly limit?: number;
}

const asBytes = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
const noOptions = {};
/** After so many batches the pressure begins anew; it is highest a while before. */
const pressureBatches = 128;
const pressurePeak = 96;

/** What the store needs of the process that it runs in. */
export interface StorePlace {
  readonly life: Incarnation;
  readonly random: Prng;
  readonly files: StoreFiles;
  readonly create: boolean;
  /** Throws an error with code LEVEL_LOCKED where another has it. */
  lock(): void;
  unlock(): void;
}

export class SimulatedStore extends AbstractLevel<Key, Buffer, Buffer> {
  readonly #place: StorePlace;
  readonly memory: Memory = new MemoryLevel<Buffer, Buffer>({
    ...asBytes,
    storeEncoding: 'buffer',
  });
  /** The last write; each waits for the one before it. */
  #writes: Promise<unknown> = Promise.resolve();
  #flush: Promise<void> | null = null;
  #batches = 0;
  /** LevelDB's errors stick: every later write fails with the first one. */
  #failure: unknown = null;

  constructor(place: StorePlace) {
    super(
      {
        encodings: { buffer: true },
        seek: true,
        has: true,
        explicitSnapshots: true,
        createIfMissing: true,
        errorIfExists: true,
        signals: { iterators: false },
        // Its types do not know this one yet.
        ...({ getSync: true } as object),
      },
      { ...asBytes },
    );
    this.#place = place;
  }

  /** Rises to all that there is and falls to nothing, over and over. */
  get pressure(): number {
    return Math.min((this.#batches % pressureBatches) / pressurePeak, 1);
  }

  async _open(): Promise<void> {
    const { files, create } = this.#place;
    this.#place.lock();
    try {
      await this.memory.open();
      await this.#apply(await files.open({ create }));
    } catch (error) {
      this.#place.unlock();
      throw storeErrorOf(error);
    }
  }

  async _close(): Promise<void> {
    await this.#writes;
    await this.#flush;
    await this.#place.files.close();
    this.#place.unlock();
  }

  _put(key: Buffer, value: Buffer, options: { sync?: boolean }): Promise<void> {
    return this._batch([{ type: 'put', key, value }], options);
  }

  _del(key: Buffer, options: { sync?: boolean }): Promise<void> {
    return this._batch([{ type: 'del', key }], options);
  }

  _batch(operations: readonly BatchOperation[], options: { sync?: boolean }): Promise<void> {
    // Copied: the caller may use its bytes again.
    const copies = operations.map(({ type, key, value }) => ({
      key: Buffer.from(key),
      value: type === 'put' ? Buffer.from(value as Buffer) : null,
    }));
    return this.#enqueue(() => this.#write(copies, options.sync === true));
  }

  async _clear(options: RangeOptions): Promise<void> {
    const keys: Buffer[] = [];
    for await (const key of this.memory.keys(innerRange(options))) keys.push(key);
    await this._batch(
      keys.map((key) => ({ type: 'del', key })),
      {},
    );
  }

  async _get(key: Buffer, options: ReadOptions): Promise<Buffer | undefined> {
    const value = this._getSync(key, options);
    await this.turn();
    return value;
  }

  /** A copy: a store gives its callers bytes of their own. */
  _getSync(key: Buffer, options: ReadOptions): Buffer | undefined {
    const value = this.memory.getSync(key, innerOptions(options));
    return value === undefined ? undefined : Buffer.from(value);
  }

  async _getMany(keys: Buffer[], options: ReadOptions): Promise<(Buffer | undefined)[]> {
    const values = keys.map((key) => this._getSync(key, options));
    await this.turn();
    return values;
  }

  async _has(key: Buffer, options: ReadOptions): Promise<boolean> {
    return (await this._get(key, options)) !== undefined;
  }

  async _hasMany(keys: Buffer[], options: ReadOptions): Promise<boolean[]> {
    return (await this._getMany(keys, options)).map((value) => value !== undefined);
  }

  _snapshot(options: object): SimulatedSnapshot {
    return new SimulatedSnapshot(this.memory.snapshot(), options);
  }

  _iterator(options: RangeOptions): SimulatedIterator {
    return new SimulatedIterator(this, options);
  }

  /** Some time later, as an answer from the thread pool. */
  turn(): Promise<void> {
    const { life, random } = this.#place;
    return new Promise((resolve) => {
      life.later(random.between(0.005, 0.05), resolve);
    });
  }

  /** How many entries a read of `size` gives: now and then fewer, as a bound on bytes would have it. */
  portion(size: number): number {
    const { random } = this.#place;
    return size > 1 && random.chance(0.1) ? 1 + random.below(size) : size;
  }

  #enqueue(write: () => Promise<void>): Promise<void> {
    const written = this.#writes.then(write);
    this.#writes = written.catch(() => {
      // Its caller hears of it; the next write only waits for its end.
    });
    return written;
  }

  async #write(operations: readonly StoreOperation[], sync: boolean): Promise<void> {
    this.#assertWritable();
    this.#batches++;
    try {
      if (this.#place.files.isLogFull) await this.#rotate();
      await this.#place.files.append(operations, sync);
    } catch (error) {
      this.#failure ??= storeErrorOf(error);
      throw this.#failure as Error;
    }
    await this.#apply(operations);
  }

  #assertWritable(): void {
    if (this.#failure !== null) throw this.#failure as Error;
  }

  /** Goes on in the next log while the content so far becomes a table. */
  async #rotate(): Promise<void> {
    await this.#flush;
    this.#assertWritable();
    const entries = this.memory.snapshot();
    await this.#place.files.rotate();
    this.#flush = this.#makeTable(entries, this.#place.files.logNumber);
  }

  async #makeTable(snapshot: AbstractSnapshot, log: number): Promise<void> {
    try {
      const operations: StoreOperation[] = [];
      for await (const [key, value] of this.memory.iterator({ snapshot } as object)) {
        operations.push({ key, value });
      }
      await snapshot.close();
      await this.#place.files.flush(operations, log);
    } catch (error) {
      this.#failure ??= storeErrorOf(error);
    }
  }

  async #apply(operations: readonly StoreOperation[]): Promise<void> {
    await this.memory.batch(
      operations.map(({ key, value }) =>
        value === null ? { type: 'del', key } : { type: 'put', key, value },
      ),
    );
  }
}

export class SimulatedSnapshot extends AbstractSnapshot {
  readonly inner: AbstractSnapshot;

  constructor(inner: AbstractSnapshot, options: object) {
    // @ts-expect-error The published types leave out the options that the implementation needs.
    super(options);
    this.inner = inner;
  }

  _close(): Promise<void> {
    return this.inner.close();
  }
}

type Entry = [Buffer, Buffer];
type InnerIterator = AbstractIterator<Memory, Buffer, Buffer>;

class SimulatedIterator extends AbstractIterator<SimulatedStore, Buffer, Buffer> {
  readonly #store: SimulatedStore;
  readonly #inner: InnerIterator;

  constructor(store: SimulatedStore, options: RangeOptions) {
    super(store, options as object);
    this.#store = store;
    // Created now, so frozen now.
    this.#inner = store.memory.iterator<Buffer, Buffer>(innerRange(options));
  }

  async _next(): Promise<Entry | undefined> {
    const entry = await this.#inner.next();
    await this.#store.turn();
    return entry === undefined ? undefined : copyOf(entry);
  }

  async _nextv(size: number): Promise<Entry[]> {
    const entries = await this.#inner.nextv(this.#store.portion(size));
    await this.#store.turn();
    return entries.map(copyOf);
  }

  _seek(target: Buffer): void {
    this.#inner.seek(target);
  }

  _close(): Promise<void> {
    return this.#inner.close();
  }
}

function copyOf([key, value]: Entry): Entry {
  return [Buffer.from(key), Buffer.from(value)];
}

function innerOptions(options: ReadOptions): object {
  const { snapshot } = options;
  return snapshot === undefined || snapshot === null ? noOptions : { snapshot: snapshot.inner };
}

function innerRange(options: RangeOptions): object {
  const range: Record<string, unknown> = { ...innerOptions(options) };
  for (const name of ['gt', 'gte', 'lt', 'lte', 'reverse', 'limit'] as const) {
    if (options[name] !== undefined) range[name] = options[name];
  }
  return range;
}
