// The one-line change: an abstract-level database with the interface of `level` whose every write goes
// through Pamina's log. All writes end in the private methods below, so none can pass the log by.
import { resolve } from 'node:path';
import { AbstractLevel, type AbstractDatabaseOptions } from 'abstract-level';
import { PaminaError, commitBodyHeaderBytes, commitBytesMax, isPaminaError } from '@pamina/format';
import { nodeEnv, type Env, type StoreLevel } from '@pamina/env';
import { createDatabase, type CreateOptions } from './create-database.js';
import { Database } from './database.js';
import { measure, storeKey, type Datum, type Operation } from './operation.js';
import {
  PaminaIterator,
  PaminaSnapshot,
  storeRange,
  type Format,
  type PrivateIteratorOptions,
  type PrivateRange,
} from './pamina-iterator.js';

export interface PaminaOptions<K, V> extends AbstractDatabaseOptions<K, V> {
  /** Name of the database; default: the name of its folder. Used when it is created. */
  readonly name?: string;
  /** Create the database if the folder holds none. Default true. */
  readonly createIfMissing?: boolean;
  /** Refuse to open a database that exists. Default false. */
  readonly errorIfExists?: boolean;
  /** `read`: nothing can be written and no session is started. Default `write`. */
  readonly access?: 'read' | 'write';
  /** Bytes of a log segment. */
  readonly segmentBytes?: number;
  /** The seams to disk, clock, network and chance; for tests. */
  readonly env?: Env;
  /** A database that is open already, as in a server: used as it is, and left open by close(). */
  readonly database?: Database;
}

interface ReadOptions {
  readonly keyEncoding: Format;
  readonly valueEncoding: Format;
  readonly fillCache?: boolean;
  readonly snapshot?: PaminaSnapshot;
}

/** Keys of one clear() are read and deleted in steps of this many. */
const clearEntriesPerRead = 1000;

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
    const { env, name, access, segmentBytes, database, ...forwarded } = options;
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

  async _get(key: Datum, options: ReadOptions): Promise<unknown> {
    const { level } = this.#readable().store;
    return level.get(storeKey('user', key), readOptions(level, options));
  }

  _getSync(key: Datum, options: ReadOptions): unknown {
    const { level } = this.#readable().store;
    return level.getSync(storeKey('user', key), readOptions(level, options));
  }

  async _getMany(keys: Datum[], options: ReadOptions): Promise<unknown[]> {
    const { level } = this.#readable().store;
    return level.getMany(
      keys.map((key) => storeKey('user', key)),
      readOptions(level, options),
    );
  }

  async _has(key: Datum, options: ReadOptions): Promise<boolean> {
    const { level } = this.#readable().store;
    return level.has(storeKey('user', key), readOptions(level, options));
  }

  async _hasMany(keys: Datum[], options: ReadOptions): Promise<boolean[]> {
    const { level } = this.#readable().store;
    return level.hasMany(
      keys.map((key) => storeKey('user', key)),
      readOptions(level, options),
    );
  }

  async _put(key: Datum, value: Datum): Promise<void> {
    return this.database.put(key, value);
  }

  async _del(key: Datum): Promise<void> {
    return this.database.del(key);
  }

  async _batch(operations: Operation[]): Promise<void> {
    if (operations.length > 0) await this.database.commit(operations);
  }

  /** Atomic up to the commit size limit; a larger range is deleted in several commits. */
  async _clear(options: PrivateRange): Promise<void> {
    const database = this.#readable();
    const { level } = database.store;
    const iterator = level.keys(storeRange(level, options));
    let operations: Operation[] = [];
    let bytes = commitBodyHeaderBytes;
    try {
      for (;;) {
        const keys = await iterator.nextv(clearEntriesPerRead);
        if (keys.length === 0) break;
        for (const stored of keys) {
          const key = stored.subarray(1);
          const operationBytes = measure(key, null);
          if (bytes + operationBytes > commitBytesMax) {
            await database.commit(operations);
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
    if (operations.length > 0) await database.commit(operations);
  }

  _iterator(options: PrivateIteratorOptions): PaminaIterator {
    return new PaminaIterator(this as never, this.#readable().store.level, options);
  }

  _snapshot(options: { owner: unknown }): PaminaSnapshot {
    return new PaminaSnapshot(this.#readable().store.level, options);
  }

  /** Approximate bytes on disk between two keys. */
  async approximateSize(start: K, end: K, options: { keyEncoding?: string } = {}): Promise<number> {
    if (this.status === 'opening') await this.open({ passive: true });
    const [from, to] = this.#storeKeys(start, end, options.keyEncoding);
    const level = this.database.store.level as unknown as SizedLevel;
    return level.approximateSize(from, to);
  }

  /** Compacts LevelDB's files between two keys. */
  async compactRange(start: K, end: K, options: { keyEncoding?: string } = {}): Promise<void> {
    if (this.status === 'opening') await this.open({ passive: true });
    const [from, to] = this.#storeKeys(start, end, options.keyEncoding);
    const level = this.database.store.level as unknown as SizedLevel;
    return level.compactRange(from, to);
  }

  #storeKeys(start: K, end: K, encoding: string | undefined): [Buffer, Buffer] {
    const codec = (encoding === undefined
      ? this.keyEncoding()
      : this.keyEncoding(encoding as 'utf8')) as unknown as { encode(key: K): Datum };
    return [storeKey('user', codec.encode(start)), storeKey('user', codec.encode(end))];
  }

  #readable(): Database {
    const { database } = this;
    database.assertReadable();
    return database;
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

interface SizedLevel {
  approximateSize(start: Buffer, end: Buffer): Promise<number>;
  compactRange(start: Buffer, end: Buffer): Promise<void>;
}

/** The store's keys are bytes; values come in the format that was asked for. */
function readOptions(level: StoreLevel, options: ReadOptions): object {
  const { valueEncoding, fillCache, snapshot } = options;
  return {
    keyEncoding: 'buffer',
    valueEncoding,
    ...(fillCache === undefined ? {} : { fillCache }),
    ...(snapshot === undefined ? {} : { snapshot: snapshot.innerOf(level) }),
  };
}
