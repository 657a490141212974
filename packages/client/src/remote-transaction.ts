// A transaction at a server elsewhere: what is read and written goes there at once, and is locked there; the commit
// is one record. It lives as long as its connection, which is told again and again that it is still wanted.

import type {
  AbstractIterator,
  AbstractKeyIterator,
  AbstractLevel,
  AbstractSublevel,
  AbstractValueIterator,
} from 'abstract-level';
import type { Clock } from '@pamina/env';
import {
  packBytes,
  PaminaError,
  type ReadLockMode,
  transactionLeaseMsDefault,
} from '@pamina/format';
import { type BeginOptions, callVerb, type WriterOperation } from '@pamina/wire';
import { type CallRouter, unknownCommit } from './call-router.js';
import { type CallsLink, LinkEnded } from './calls-link.js';
import { Bound, isGone, RemoteSource, tell } from './remote-source.js';
import type { RemoteWriteOptions } from './remote-options.js';

type AnyLevel<K, V> = AbstractLevel<string | Buffer | Uint8Array, K, V>;
type Encoding = string | object;

/* oxlint-disable typescript/no-explicit-any -- the types of what abstract-level leaves open, too */
type AnySublevel = AbstractSublevel<any, any, any, any>;
/* oxlint-enable typescript/no-explicit-any -- from here on again */

export interface RemoteTransactionOptions {
  /** Default: the database itself. */
  readonly sublevel?: AnySublevel | undefined;
  readonly keyEncoding?: Encoding | undefined;
  readonly valueEncoding?: Encoding | undefined;
  /** Of a read: `unprotected` takes no lock; `shared` and `protected` (exclusive) keep one until the end. */
  readonly lockMode?: ReadLockMode | undefined;
}

export interface RemoteTransactionRange<K> extends RemoteTransactionOptions {
  readonly gt?: K;
  readonly gte?: K;
  readonly lt?: K;
  readonly lte?: K;
  readonly reverse?: boolean | undefined;
  readonly limit?: number | undefined;
}

export interface RemoteTransactionOperation<K, V> {
  readonly type: 'put' | 'del';
  readonly key: K;
  /** Of a put. */
  readonly value?: V;
  readonly sublevel?: AnySublevel | undefined;
  readonly keyEncoding?: Encoding | undefined;
  readonly valueEncoding?: Encoding | undefined;
}

/** What the abstract-level classes have beside what their types say. */
interface Codec {
  encode(datum: unknown): string | Uint8Array;
  readonly format: string;
}
interface EncodingLevel {
  _assertValidKey(key: unknown): void;
  _assertValidValue(value: unknown): void;
  keyEncoding(encoding?: Encoding): Codec;
  valueEncoding(encoding?: Encoding): Codec;
  prefixKey(key: unknown, format: string, isLocal: boolean): string | Uint8Array;
}

const entriesPerRead = 1000;
/** So often within its lease it is told that it is still wanted. */
const renewals = 3;

/** Carries reads of a transaction through abstract-level. */
export class RemoteTransactionSource extends RemoteSource {
  readonly name: string;
  readonly #link: CallsLink;
  #cancelRenewal = (): void => undefined;
  /** Null while it is open. */
  #over: PaminaError | null = null;
  /** Its end was sent: until then the server keeps it, with its locks. */
  #isEndSent = false;

  private constructor(
    owner: object,
    name: string,
    at: { readonly link: CallsLink; readonly number: number },
    lease: { readonly clock: Clock; readonly ms: number },
  ) {
    const { link, number } = at;
    const bound = new Bound('the transaction', link, () => Promise.resolve());
    bound.number = number;
    super(owner, bound);
    this.name = name;
    this.#link = link;
    this.#renewEvery(lease.clock, lease.ms / renewals);
    void link.ended.then((why) => {
      const message = `the connection of a transaction of ${name} ended, and it was rolled back`;
      this.end(new PaminaError('CONNECTION_LOST', message, { cause: why }));
    });
  }

  /** At the master. TRANSACTIONS_FULL and what a server refuses it with. */
  static async begin(
    owner: { readonly name: string },
    router: CallRouter,
    options: BeginOptions,
    clock: Clock,
  ): Promise<RemoteTransactionSource> {
    const body = packBytes(options);
    const ms = options.leaseMs ?? transactionLeaseMsDefault;
    const at = await router.ask((link) => {
      const number = link.newNumber();
      return link.call(
        callVerb.begin,
        (writer) => {
          writer.u32(number);
          writer.datum(body);
        },
        () => ({ link, number }),
      );
    });
    return new RemoteTransactionSource(owner, owner.name, at, { clock, ms });
  }

  get isOpen(): boolean {
    return this.#over === null;
  }

  assertOpen(): void {
    if (this.#over !== null) throw this.#over;
  }

  write(operations: readonly WriterOperation[]): Promise<void> {
    this.assertOpen();
    return this.bound.use((link) =>
      link.call(
        callVerb.write,
        (writer) => {
          writer.u32(this.bound.number);
          writer.operations(operations);
        },
        () => undefined,
      ),
    );
  }

  async commit({ durability }: RemoteWriteOptions): Promise<void> {
    this.assertOpen();
    const { number } = this.bound;
    this.end(over('it was committed'));
    try {
      await this.#link.call(
        callVerb.commit,
        (writer) => {
          writer.u32(number);
          this.#isEndSent = true;
        },
        () => undefined,
        durability === undefined ? null : { durability },
      );
    } catch (error) {
      if (error instanceof LinkEnded && error.isSent) throw unknownCommit(this.name, error);
      throw this.bound.told(error);
    } finally {
      await this.close();
    }
  }

  async rollback(): Promise<void> {
    if (this.#isEndSent) return;
    this.#isEndSent = true;
    this.end(over('it was rolled back'));
    try {
      await tell(this.#link, callVerb.rollback, this.bound.number);
    } catch (error) {
      // With its connection, or its database, it was rolled back, too.
      if (!isGone(error)) throw error;
    } finally {
      await this.close();
    }
  }

  /** Whatever comes from here on is told why. */
  end(why: PaminaError): void {
    this.#over ??= why;
    this.#cancelRenewal();
  }

  /** With the database, or at its own end. */
  override async close(): Promise<void> {
    await this.rollback();
    await super.close();
  }

  #renewEvery(clock: Clock, ms: number): void {
    this.#cancelRenewal = clock.after(ms, () => {
      let isSent = false;
      const renewed = this.#link.call(
        callVerb.renew,
        (writer) => {
          writer.u32(this.bound.number);
          isSent = true;
        },
        () => undefined,
      );
      renewed.catch((error: unknown) => {
        // It has ended: by its time, or as the victim of a deadlock. What was not even sent says nothing of it.
        if (isSent && error instanceof PaminaError) this.end(error);
      });
      this.#renewEvery(clock, ms);
    });
  }
}

function over(how: string): PaminaError {
  return new PaminaError('TRANSACTION_OVER', `the transaction is over: ${how}`);
}

export class RemoteTransaction<K = string, V = string> {
  readonly #db: AnyLevel<K, V>;
  readonly #source: RemoteTransactionSource;

  /** `db`: the remote database of these keys and values. */
  constructor(db: object, source: RemoteTransactionSource) {
    this.#db = db as AnyLevel<K, V>;
    this.#source = source;
  }

  /** Neither committed nor rolled back, as far as is known here. */
  get isOpen(): boolean {
    return this.#source.isOpen;
  }

  async get<PK = K, PV = V>(
    key: PK,
    options: RemoteTransactionOptions = {},
  ): Promise<PV | undefined> {
    return this.#level<PK, PV>(options).get(key, this.#reading(options));
  }

  async getMany<PK = K, PV = V>(
    keys: PK[],
    options: RemoteTransactionOptions = {},
  ): Promise<(PV | undefined)[]> {
    return this.#level<PK, PV>(options).getMany(keys, this.#reading(options));
  }

  async has<PK = K>(key: PK, options: RemoteTransactionOptions = {}): Promise<boolean> {
    return this.#level<PK, V>(options).has(key, this.#reading(options));
  }

  /** Locks the document; written at the commit. */
  async put<PK = K, PV = V>(
    key: PK,
    value: PV,
    options: RemoteTransactionOptions = {},
  ): Promise<void> {
    await this.batch<PK, PV>([{ type: 'put', key, value }], options);
  }

  async del<PK = K>(key: PK, options: RemoteTransactionOptions = {}): Promise<void> {
    await this.batch<PK>([{ type: 'del', key }], options);
  }

  /** All operations or none become part of the transaction. */
  async batch<PK = K, PV = V>(
    operations: readonly RemoteTransactionOperation<PK, PV>[],
    options: RemoteTransactionOptions = {},
  ): Promise<void> {
    await this.#source.write(
      operations.map((operation) => this.#encoded({ ...options, ...operation })),
    );
  }

  /** Deletes what it finds in the range, document by document: all of it is locked. */
  async clear<PK = K>(options: RemoteTransactionRange<PK> = {}): Promise<void> {
    const { keyEncoding, sublevel } = options;
    const keys = this.keys<PK>({ ...options, lockMode: 'protected' });
    try {
      for (;;) {
        const found = await keys.nextv(entriesPerRead);
        if (found.length === 0) return;
        const operations = found.map((key) => ({ type: 'del' as const, key }));
        await this.batch<PK>(operations, { keyEncoding, sublevel });
      }
    } finally {
      await keys.close();
    }
  }

  /** Shows what the transaction itself has written until now, and what it sees of others. */
  iterator<PK = K, PV = V>(
    options: RemoteTransactionRange<PK> & {
      readonly keys?: boolean;
      readonly values?: boolean;
    } = {},
  ): AbstractIterator<AnyLevel<PK, PV>, PK, PV> {
    return this.#level<PK, PV>(options).iterator(this.#reading(options)) as never;
  }

  keys<PK = K>(options: RemoteTransactionRange<PK> = {}): AbstractKeyIterator<AnyLevel<PK, V>, PK> {
    return this.#level<PK, V>(options).keys(this.#reading(options)) as never;
  }

  values<PK = K, PV = V>(
    options: RemoteTransactionRange<PK> = {},
  ): AbstractValueIterator<AnyLevel<PK, PV>, PK, PV> {
    return this.#level<PK, PV>(options).values(this.#reading(options)) as never;
  }

  /**
   * Writes all of it as one record; if that fails it is rolled back. Hooks and events of the database are not for
   * what a transaction writes. COMMIT_UNKNOWN where the connection ended before the answer, CONNECTION_LOST where
   * it ended before the commit, WRITE_CONFLICT, DEADLOCK.
   */
  async commit(options: RemoteWriteOptions = {}): Promise<void> {
    await this.#source.commit(options);
  }

  /** Leaves nothing behind; once more does nothing. */
  async rollback(): Promise<void> {
    await this.#source.rollback();
  }

  /** Rolls back what was not committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.rollback();
  }

  #level<PK, PV>({ sublevel }: RemoteTransactionOptions): AnyLevel<PK, PV> {
    this.#source.assertOpen();
    if (sublevel === undefined) return this.#db as unknown as AnyLevel<PK, PV>;
    const { db } = sublevel as { db?: unknown };
    // The compiler accepts it by itself or not, by what it has looked at before.
    const level: unknown = sublevel;
    if (db === this.#db) return level as AnyLevel<PK, PV>;
    throw new TypeError('the sublevel is not of the database of the transaction');
  }

  #reading(options: object): object {
    return { ...options, sublevel: undefined, snapshot: this.#source };
  }

  #encoded<PK, PV>(operation: RemoteTransactionOperation<PK, PV>): WriterOperation {
    const level = this.#level(operation) as unknown as EncodingLevel;
    const { key, keyEncoding, type, value, valueEncoding } = operation;
    level._assertValidKey(key);
    const keyCodec = level.keyEncoding(keyEncoding);
    const encodedKey = level.prefixKey(keyCodec.encode(key), keyCodec.format, false);
    if (type === 'del') return { type, key: encodedKey };
    if (type !== 'put') {
      throw new TypeError("A batch operation must have a type property that is 'put' or 'del'");
    }
    level._assertValidValue(value);
    return { type, key: encodedKey, value: level.valueEncoding(valueEncoding).encode(value) };
  }
}
