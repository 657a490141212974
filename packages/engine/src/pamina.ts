// The one-line change: an abstract-level database with the interface of `level` whose every write goes
// through Pamina's log. All writes end in the private methods below, so none can pass the log by.
import { resolve } from 'node:path';
import {
  AbstractLevel,
  type AbstractBatchOperation,
  type AbstractBatchOptions,
  type AbstractChainedBatch,
  type AbstractClearOptions,
  type AbstractDelOptions,
  type AbstractGetManyOptions,
  type AbstractGetOptions,
  type AbstractHasOptions,
  type AbstractPutOptions,
} from 'abstract-level';
import {
  PaminaError,
  commitBodyHeaderBytes,
  commitBytesMax,
  formatPosition,
  isPaminaError,
  type Position,
} from '@pamina/format';
import { nodeEnv } from '@pamina/env';
import type { LockEntry } from '@pamina/lock';
import { createDatabase, type CreateOptions } from './create-database.js';
import type { CommitOptions } from './database-options.js';
import { Database } from './database.js';
import { checkDurability } from './durability.js';
import { measure, storeKey, type Datum, type Operation } from './operation.js';
import {
  PaminaIterator,
  PaminaSnapshot,
  openInner,
  type PrivateIteratorOptions,
  type PrivateRange,
} from './pamina-iterator.js';
import type {
  PaminaOptions,
  PaminaReadOptions,
  PaminaWriteOptions,
  PrivateReadOptions,
  PrivateWriteOptions,
} from './pamina-options.js';
import type { WaitForOptions } from './position-waits.js';
import { arrived } from './read-value.js';
import {
  PaminaTransaction,
  type TransactionCommitOptions,
} from './transaction/pamina-transaction.js';
import type { TransactionOptions } from './transaction/transactions.js';
import type { StateReader } from './state-reader.js';

/** Keys of one clear() are read and deleted in steps of this many. */
const clearEntriesPerRead = 1000;

/** Reads and writes of abstract-level, with what Pamina's take beside it: inherited, only their options grow. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- the methods are inherited
export interface Pamina<K = string, V = string> {
  get(key: K): Promise<V | undefined>;
  get<PK = K, PV = V>(
    key: PK,
    options: AbstractGetOptions<PK, PV> & PaminaReadOptions,
  ): Promise<PV | undefined>;
  getSync(key: K): V | undefined;
  getSync<PK = K, PV = V>(
    key: PK,
    options: AbstractGetOptions<PK, PV> & PaminaReadOptions,
  ): PV | undefined;
  getMany(keys: K[]): Promise<(V | undefined)[]>;
  getMany<PK = K, PV = V>(
    keys: PK[],
    options: AbstractGetManyOptions<PK, PV> & PaminaReadOptions,
  ): Promise<(PV | undefined)[]>;
  has(key: K): Promise<boolean>;
  has<PK = K>(key: PK, options: AbstractHasOptions<PK> & PaminaReadOptions): Promise<boolean>;
  put(key: K, value: V): Promise<void>;
  put<PK = K, PV = V>(
    key: PK,
    value: PV,
    options: AbstractPutOptions<PK, PV> & PaminaWriteOptions,
  ): Promise<void>;
  del(key: K): Promise<void>;
  del<PK = K>(key: PK, options: AbstractDelOptions<PK> & PaminaWriteOptions): Promise<void>;
  batch(operations: AbstractBatchOperation<this, K, V>[]): Promise<void>;
  batch<PK = K, PV = V>(
    operations: AbstractBatchOperation<this, PK, PV>[],
    options: AbstractBatchOptions<PK, PV> & PaminaWriteOptions,
  ): Promise<void>;
  batch(): AbstractChainedBatch<this, K, V>;
  clear(): Promise<void>;
  clear<PK = K>(options: AbstractClearOptions<PK> & PaminaWriteOptions): Promise<void>;
}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- the methods are inherited
export class Pamina<K = string, V = string> extends AbstractLevel<
  string | Buffer | Uint8Array,
  K,
  V
> {
  readonly #location: string;
  readonly #options: PaminaOptions<K, V>;
  #database: Database | null = null;

  /** `location` is the folder of the database. */
  constructor(location: string, options: PaminaOptions<K, V> = {}) {
    if (typeof location !== 'string' || location === '') {
      throw new TypeError("The first argument 'location' must be a non-empty string");
    }
    const { env, name, access, segmentBytes, database, ...others } = options;
    const { durability, maxStalenessMs, ...forwarded } = others;
    if (durability !== undefined) checkDurability(durability);
    super(
      {
        encodings: { buffer: true, utf8: true, view: true },
        has: true,
        createIfMissing: true,
        errorIfExists: true,
        explicitSnapshots: true,
        getSync: true,
        additionalMethods: { approximateSize: true, compactRange: true },
        signals: { iterators: true },
      } as object,
      forwarded,
    );
    this.#location = location;
    this.#options = options;
  }

  get location(): string {
    return this.#location;
  }

  /** Backups, positions, log, status: everything beyond the interface of `level`. DATABASE_CLOSED. */
  get database(): Database {
    if (this.#database !== null) return this.#database;
    throw new PaminaError('DATABASE_CLOSED', `${this.#location} is not open`);
  }

  /** Of the state that a read sees now, as a token: `1/48213`. Behind a commit of one's own at least that commit. */
  get position(): string {
    return formatPosition(this.database.positions.current);
  }

  /**
   * Resolves when reads here see that position, for example of a commit on the master of this replica, or more.
   * POSITION_TIMEOUT, POSITION_LOST, POSITION_INVALID.
   */
  async waitFor(position: string | Position, options: WaitForOptions = {}): Promise<void> {
    if (this.status === 'opening') await this.open({ passive: true });
    await this.database.positions.waitFor(position, options);
  }

  /**
   * Runs `task` in a transaction and commits what it wrote as one record; if it throws, all is rolled back. DEADLOCK
   * and WRITE_CONFLICT say that it may be run again. docs/transactions.md has the isolation levels.
   */
  async transaction<T>(
    task: (transaction: PaminaTransaction<K, V>) => Promise<T>,
    options: TransactionOptions & TransactionCommitOptions = {},
  ): Promise<T> {
    const { durability, ...others } = options;
    const transaction = await this.begin(others);
    try {
      const result = await task(transaction);
      await transaction.commit({ durability, signal: options.signal });
      return result;
    } finally {
      await transaction[Symbol.asyncDispose]();
    }
  }

  /** A transaction that ends with its own commit() or rollback(), or when its time is over. TRANSACTIONS_FULL. */
  async begin(options: TransactionOptions = {}): Promise<PaminaTransaction<K, V>> {
    if (this.status === 'opening') await this.open({ passive: true });
    const transaction = await this.database.transactions.begin(options);
    return new PaminaTransaction<K, V>(this, transaction);
  }

  /** What transactions hold and wait for, and single writes that wait for them: the oldest first, at most so many. */
  locks(limit = 1000): LockEntry[] {
    return this.database.transactions.list(limit);
  }

  async _open(options: { createIfMissing: boolean; errorIfExists: boolean }): Promise<void> {
    if (this.#options.database !== undefined) {
      this.#database = this.#options.database;
      return;
    }
    const env = this.#options.env ?? nodeEnv();
    const folder = resolve(this.#location);
    const { access, segmentBytes, name } = this.#options;
    const exists = (await env.disk.stat(resolve(folder, 'control.json'))) !== null;
    if (exists && options.errorIfExists) {
      throw new PaminaError('DATABASE_EXISTS', `${folder} exists (errorIfExists is true)`);
    }
    if (!exists && options.createIfMissing) await createUnlessThere(folder, { env, name });
    this.#database = await Database.open(folder, { env, access, segmentBytes });
  }

  async _close(): Promise<void> {
    if (this.#options.database === undefined) await this.#database?.close();
    this.#database = null;
  }

  _get(key: Datum, options: PrivateReadOptions): Promise<unknown> {
    const { snapshot } = options;
    const reader = this.#readable(options);
    return snapshot === undefined
      ? reader.get('user', key, options)
      : snapshot.view.get('user', key, options);
  }

  _getSync(
    key: Datum,
    options: PrivateReadOptions & { snapshot?: PaminaSnapshot | undefined },
  ): unknown {
    const { snapshot } = options;
    const reader = this.#readable(options);
    return snapshot === undefined
      ? reader.getSync('user', key, options)
      : snapshot.view.getSync('user', key, options);
  }

  _getMany(keys: Datum[], options: PrivateReadOptions): Promise<unknown[]> {
    const { snapshot } = options;
    const reader = this.#readable(options);
    return snapshot === undefined
      ? reader.getMany('user', keys, options)
      : snapshot.view.getMany('user', keys, options);
  }

  _has(key: Datum, options: PrivateReadOptions): Promise<boolean> {
    const { snapshot } = options;
    const reader = this.#readable(options);
    return snapshot === undefined ? reader.has('user', key) : snapshot.view.has('user', key);
  }

  async _hasMany(keys: Datum[], options: PrivateReadOptions): Promise<boolean[]> {
    const view = options.snapshot?.view;
    if (view === undefined) return this.#readable(options).hasMany('user', keys);
    return Promise.all(keys.map((key) => view.has('user', key)));
  }

  async _put(key: Datum, value: Datum, options: PrivateWriteOptions): Promise<void> {
    return this.database.put(key, value, this.#commitOptions(options));
  }

  async _del(key: Datum, options: PrivateWriteOptions): Promise<void> {
    return this.database.del(key, this.#commitOptions(options));
  }

  async _batch(operations: Operation[], options: PrivateWriteOptions): Promise<void> {
    if (operations.length === 0) return;
    await this.database.commit(operations, this.#commitOptions(options));
  }

  /** Atomic up to the commit size limit; a larger range is deleted in several commits. */
  async _clear(options: PrivateClearOptions): Promise<void> {
    const { database } = this;
    const commitOptions = this.#commitOptions(options);
    const { limit } = options;
    const due = openInner(this.#readable(), options, {
      keys: true,
      values: false,
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
    });
    const iterator = await arrived(due);
    let left = limit >= 0 ? limit : Infinity;
    let operations: Operation[] = [];
    let bytes = commitBodyHeaderBytes;
    try {
      while (left > 0) {
        const entries = await iterator.nextv(Math.min(left, clearEntriesPerRead));
        if (entries.length === 0) break;
        left -= entries.length;
        for (const [stored] of entries as [Buffer, unknown][]) {
          const key = stored.subarray(1);
          const operationBytes = measure(key, null);
          if (bytes + operationBytes > commitBytesMax) {
            await database.commit(operations, commitOptions);
            operations = [];
            bytes = commitBodyHeaderBytes;
          }
          operations.push({ type: 'del', key });
          bytes += operationBytes;
        }
      }
    } finally {
      await iterator.close();
    }
    if (operations.length > 0) await database.commit(operations, commitOptions);
  }

  _iterator(options: PrivateIteratorOptions & PaminaReadOptions): PaminaIterator {
    return new PaminaIterator(this as never, this.#readable(options), options);
  }

  _snapshot(options: { owner: unknown }): PaminaSnapshot {
    return new PaminaSnapshot(this.#readable(), options);
  }

  /** Approximate bytes on disk between two keys; what was committed just now may not be there yet. */
  async approximateSize(start: K, end: K, options: { keyEncoding?: string } = {}): Promise<number> {
    if (this.status === 'opening') await this.open({ passive: true });
    const [from, to] = this.#storeKeys(start, end, options.keyEncoding);
    return this.#onStore((level) => level.approximateSize(from, to));
  }

  /** Compacts LevelDB's files between two keys, with all that was committed before. */
  async compactRange(start: K, end: K, options: { keyEncoding?: string } = {}): Promise<void> {
    if (this.status === 'opening') await this.open({ passive: true });
    const [from, to] = this.#storeKeys(start, end, options.keyEncoding);
    return this.#onStore((level) => level.compactRange(from, to));
  }

  /** With a store that holds all that was acknowledged: what comes after a compaction is read beside it. */
  async #onStore<T>(action: (level: SizedLevel) => Promise<T>): Promise<T> {
    const due = this.#readable().exactly((level) => ({
      done: action(level as unknown as SizedLevel),
    }));
    const { done } = await arrived(due);
    return done;
  }

  #storeKeys(start: K, end: K, encoding: string | undefined): [Buffer, Buffer] {
    const codec = (encoding === undefined
      ? this.keyEncoding()
      : this.keyEncoding(encoding as 'utf8')) as unknown as { encode(key: K): Datum };
    return [storeKey('user', codec.encode(start)), storeKey('user', codec.encode(end))];
  }

  #readable(options?: PrivateReadOptions): StateReader {
    const { database } = this;
    database.assertReadable();
    const maxStalenessMs = options?.maxStalenessMs ?? this.#options.maxStalenessMs;
    // A snapshot was fresh when it was taken, or was refused then.
    if (maxStalenessMs !== undefined && options?.snapshot === undefined) {
      database.freshness.require(maxStalenessMs);
    }
    return database.reader;
  }

  #commitOptions(options: PrivateWriteOptions): CommitOptions {
    const { durability, signal, sync, transaction } = options;
    const byDefault = this.#options.durability;
    const atLeast = sync === true && byDefault === 'memory' ? undefined : byDefault;
    return { durability: durability ?? atLeast, signal, transaction };
  }
}

/** Another opening of the same folder may create it at the same time; then it is open there. */
async function createUnlessThere(folder: string, options: CreateOptions): Promise<void> {
  try {
    await createDatabase(folder, options);
  } catch (error) {
    if (!isPaminaError(error, 'DATABASE_EXISTS')) throw error;
  }
}

interface PrivateClearOptions extends PrivateRange, PaminaWriteOptions {
  readonly limit: number;
}

interface SizedLevel {
  approximateSize(start: Buffer, end: Buffer): Promise<number>;
  compactRange(start: Buffer, end: Buffer): Promise<void>;
}
