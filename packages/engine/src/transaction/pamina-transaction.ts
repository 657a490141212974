// A transaction as programs see it: the reads and writes of an abstract-level database, which become one
// batch() at the commit. Reads go through the database's own methods, so that encodings and sublevels work
// as they do there.
import type {
  AbstractIterator,
  AbstractIteratorOptions,
  AbstractKeyIterator,
  AbstractKeyIteratorOptions,
  AbstractLevel,
  AbstractSublevel,
  AbstractValueIterator,
  AbstractValueIteratorOptions,
} from 'abstract-level';
import { formatPosition, type Isolation, type ReadLockMode } from '@pamina/format';
import type { Durability } from '../durability.js';
import type { Datum } from '../operation.js';
import { TransactionSnapshot } from '../pamina-iterator.js';
import type { Transaction } from './transaction.js';
import type { BatchOperation, BufferedWrite } from './write-buffer.js';

type AnyLevel<K, V> = AbstractLevel<string | Buffer | Uint8Array, K, V>;
type Encoding = string | object;

// Of whatever parent, and in a batch of whatever keys and values, as in abstract-level's own types.
/* oxlint-disable typescript/no-explicit-any -- the types of what abstract-level leaves open, too */
/** A sublevel of the database, at any depth. */
export type TransactionSublevel<K = any, V = any> = AbstractSublevel<any, any, K, V>;
/* oxlint-enable typescript/no-explicit-any -- from here on again */

/** Where a call of a transaction goes. Default: the database itself. */
export interface TransactionTarget<K, V> {
  readonly sublevel?: TransactionSublevel<K, V> | undefined;
}

export interface TransactionWriteOptions<K, V> extends TransactionTarget<K, V> {
  readonly keyEncoding?: Encoding | undefined;
  readonly valueEncoding?: Encoding | undefined;
}

export interface TransactionReadOptions<K, V> extends TransactionWriteOptions<K, V> {
  /** Of this read: `unprotected` takes no lock; `shared` and `protected` (exclusive) keep one until the end. */
  readonly lockMode?: ReadLockMode | undefined;
}

export interface TransactionRange<K, V> extends TransactionReadOptions<K, V> {
  readonly gt?: K;
  readonly gte?: K;
  readonly lt?: K;
  readonly lte?: K;
  readonly reverse?: boolean | undefined;
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface TransactionCommitOptions {
  /** When the commit is acknowledged. Default: that of the database. */
  readonly durability?: Durability | undefined;
  /** Aborted before anything is written: rolled back. Later: the wait ends with COMMIT_UNKNOWN. */
  readonly signal?: AbortSignal | undefined;
}

export interface TransactionPut<K, V> {
  readonly type: 'put';
  readonly key: K;
  readonly value: V;
  readonly sublevel?: TransactionSublevel | undefined;
  readonly keyEncoding?: Encoding | undefined;
  readonly valueEncoding?: Encoding | undefined;
}

export interface TransactionDel<K> {
  readonly type: 'del';
  readonly key: K;
  readonly sublevel?: TransactionSublevel | undefined;
  readonly keyEncoding?: Encoding | undefined;
}

export type TransactionOperation<K, V> = TransactionPut<K, V> | TransactionDel<K>;

/** What the abstract-level classes have beside what their types say. */
interface Codec {
  encode(datum: unknown): Datum;
  readonly format: string;
}
interface EncodingLevel {
  _assertValidKey(key: unknown): void;
  _assertValidValue(value: unknown): void;
  keyEncoding(encoding?: Encoding): Codec;
  valueEncoding(encoding?: Encoding): Codec;
  prefixKey(key: Datum, format: string, isLocal: boolean): Datum;
}

const entriesPerRead = 1000;

export class PaminaTransaction<K = string, V = string> {
  readonly #db: AnyLevel<K, V>;
  readonly #transaction: Transaction;
  readonly #snapshot: TransactionSnapshot;

  /** `db`: an abstract-level of these keys and values. That the types say so the compiler sees by chance only. */
  constructor(db: object, transaction: Transaction) {
    this.#db = db as AnyLevel<K, V>;
    this.#transaction = transaction;
    const snapshot = new TransactionSnapshot(transaction, this.#db);
    this.#snapshot = snapshot;
    transaction.atEnd(() => void snapshot.close());
  }

  /** As errors and the list of locks name it. */
  get id(): number {
    return this.#transaction.id;
  }

  get isolation(): Isolation {
    return this.#transaction.parts.isolation;
  }

  /** Neither committed nor rolled back. */
  get isOpen(): boolean {
    return this.#transaction.isOpen;
  }

  /** Throws why it ended, if it did; else TRANSACTION_OVER. */
  assertOpen(): void {
    this.#transaction.assertOpen();
  }

  /** Of its commit, as a token (`1/48213`); null before it, and where there was nothing to write. */
  get position(): string | null {
    const { position } = this.#transaction;
    return position === null ? null : formatPosition(position);
  }

  async get<PK = K, PV = V>(
    key: PK,
    options: TransactionReadOptions<PK, PV> = {},
  ): Promise<PV | undefined> {
    this.#transaction.assertOpen();
    return this.#levelOf(options).get(key, this.#reading(options));
  }

  async getMany<PK = K, PV = V>(
    keys: PK[],
    options: TransactionReadOptions<PK, PV> = {},
  ): Promise<(PV | undefined)[]> {
    this.#transaction.assertOpen();
    return this.#levelOf(options).getMany(keys, this.#reading(options));
  }

  async has<PK = K, PV = V>(
    key: PK,
    options: TransactionReadOptions<PK, PV> = {},
  ): Promise<boolean> {
    this.#transaction.assertOpen();
    return this.#levelOf(options).has(key, this.#reading(options));
  }

  /** Locks the document; written at the commit. */
  async put<PK = K, PV = V>(
    key: PK,
    value: PV,
    options: TransactionWriteOptions<PK, PV> = {},
  ): Promise<void> {
    await this.#transaction.write([encodePut(this.#levelOf(options), key, value, options)]);
  }

  async del<PK = K, PV = V>(key: PK, options: TransactionWriteOptions<PK, PV> = {}): Promise<void> {
    await this.#transaction.write([encodeDel(this.#levelOf(options), key, options)]);
  }

  /** All operations or none become part of the transaction. */
  async batch<PK = K, PV = V>(
    operations: readonly TransactionOperation<PK, PV>[],
    options: TransactionWriteOptions<PK, PV> = {},
  ): Promise<void> {
    const writes = operations.map((operation) => {
      const target = { ...options, ...operation } as TransactionWriteOptions<PK, PV>;
      const level = this.#levelOf(target);
      if (operation.type === 'put') return encodePut(level, operation.key, operation.value, target);
      if (operation.type === 'del') return encodeDel(level, operation.key, target);
      throw new TypeError("A batch operation must have a type property that is 'put' or 'del'");
    });
    await this.#transaction.write(writes);
  }

  /** Deletes what it finds in the range, document by document: all of it is locked. */
  async clear<PK = K, PV = V>(options: TransactionRange<PK, PV> = {}): Promise<void> {
    const { sublevel, keyEncoding } = options;
    const target = { ...(sublevel && { sublevel }), ...(keyEncoding && { keyEncoding }) };
    const keys = this.keys<PK, PV>({ ...options, lockMode: 'protected' });
    try {
      for (;;) {
        const found = await keys.nextv(entriesPerRead);
        if (found.length === 0) return;
        await this.batch<PK, PV>(
          found.map((key) => ({ type: 'del', key })),
          target,
        );
      }
    } finally {
      await keys.close();
    }
  }

  /** Shows what the transaction itself has written until now, and what it sees of others. */
  iterator<PK = K, PV = V>(
    options: TransactionRange<PK, PV> & { readonly keys?: boolean; readonly values?: boolean } = {},
  ): AbstractIterator<AnyLevel<PK, PV>, PK, PV> {
    this.#transaction.assertOpen();
    const asked = this.#reading(options) as AbstractIteratorOptions<PK, PV>;
    return this.#levelOf(options).iterator(asked) as never;
  }

  keys<PK = K, PV = V>(
    options: TransactionRange<PK, PV> = {},
  ): AbstractKeyIterator<AnyLevel<PK, PV>, PK> {
    this.#transaction.assertOpen();
    const asked = this.#reading(options) as AbstractKeyIteratorOptions<PK>;
    return this.#levelOf(options).keys(asked) as never;
  }

  values<PK = K, PV = V>(
    options: TransactionRange<PK, PV> = {},
  ): AbstractValueIterator<AnyLevel<PK, PV>, PK, PV> {
    this.#transaction.assertOpen();
    const asked = this.#reading(options) as AbstractValueIteratorOptions<PK, PV>;
    return this.#levelOf(options).values(asked) as never;
  }

  /**
   * Writes all of it as one record, through batch() of the database and its hooks. If that fails it is rolled
   * back. WRITE_CONFLICT, DEADLOCK, LOCK_TIMEOUT, TRANSACTION_OVER and what a batch can end with.
   */
  async commit(options: TransactionCommitOptions = {}): Promise<void> {
    const transaction = this.#transaction;
    transaction.assertOpen();
    const { operations } = transaction.writes;
    if (operations.length === 0) return transaction.commitNothing();
    try {
      await this.#db.batch(operations as never, { ...options, transaction } as object);
    } catch (error) {
      // A hook failed, or the database was closed: it did not come to a commit.
      transaction.rollBack(error);
      throw error;
    }
  }

  /** Leaves nothing behind. TRANSACTION_OVER if it was committed; once more does nothing. */
  async rollback(): Promise<void> {
    if (this.#transaction.isRolledBack) return;
    this.#transaction.assertOpen();
    this.#transaction.rollBack();
    await this.#snapshot.close();
  }

  /** Rolls back what was not committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isOpen) await this.rollback();
  }

  #levelOf<PK, PV>({ sublevel }: TransactionTarget<PK, PV>): AnyLevel<PK, PV> {
    if (sublevel === undefined) return this.#db as unknown as AnyLevel<PK, PV>;
    const { db } = sublevel as { db?: unknown };
    // The compiler accepts it by itself or not, by what it has looked at before.
    const level: unknown = sublevel;
    if (db === this.#db) return level as AnyLevel<PK, PV>;
    throw new TypeError('the sublevel is not of the database of the transaction');
  }

  #reading(options: object): object {
    return { ...options, sublevel: undefined, snapshot: this.#snapshot };
  }
}

function encodePut(level: unknown, key: unknown, value: unknown, options: object): BufferedWrite {
  const encoding = level as EncodingLevel;
  encoding._assertValidValue(value);
  const { valueEncoding: asked } = options as { valueEncoding?: Encoding };
  const valueEncoding = encoding.valueEncoding(asked);
  const encoded = kept(valueEncoding.encode(value));
  const { key: fullKey, operation } = encodeDel(level, key, options);
  return {
    key: fullKey,
    value: encoded,
    operation: {
      ...operation,
      type: 'put',
      value: encoded,
      valueEncoding: valueEncoding.format,
    },
  };
}

function encodeDel(level: unknown, key: unknown, options: object): BufferedWrite {
  const encoding = level as EncodingLevel;
  encoding._assertValidKey(key);
  const { keyEncoding: asked } = options as { keyEncoding?: Encoding };
  const keyEncoding = encoding.keyEncoding(asked);
  const { format } = keyEncoding;
  const encoded = kept(keyEncoding.encode(key));
  const sublevel = 'prefix' in encoding ? level : undefined;
  const operation = { type: 'del', key: encoded, keyEncoding: format, sublevel };
  return {
    key: encoding.prefixKey(encoded, format, false),
    value: null,
    operation: operation as unknown as BatchOperation,
  };
}

/** The caller may do with its bytes what it likes. */
function kept(datum: Datum): Datum {
  return typeof datum === 'string' ? datum : Uint8Array.prototype.slice.call(datum);
}
