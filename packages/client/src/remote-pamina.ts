// A database on a server elsewhere with the interface of `level`: every call is one message there and one back, many
// of them on one connection at a time.

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
import { formatPosition, packBytes, PaminaError, parsePosition } from '@pamina/format';
import {
  answerStatus,
  type BeginOptions,
  BodyReader,
  type CallOptions,
  type CallVerb,
  callVerb,
  type FrameWriter,
  readValues,
  type WireDatum,
  type WireItem,
  type WriterOperation,
} from '@pamina/wire';
import { CallRouter } from './call-router.js';
import type { CallsLink } from './calls-link.js';
import { ReadSession } from './read-session.js';
import {
  type FoundBy,
  finderOf,
  parseRemoteAddress,
  type RemoteAddress,
} from './remote-address.js';
import {
  callRange,
  inFormat,
  type PrivateIterator,
  type PrivateRange,
  RemoteIterator,
} from './remote-iterator.js';
import type {
  PrivateOptions,
  RemoteOptions,
  RemoteReadOptions,
  RemoteWriteOptions,
} from './remote-options.js';
import { RemoteSnapshot, RemoteSource } from './remote-source.js';
import { RemoteTransaction, RemoteTransactionSource } from './remote-transaction.js';

const timeoutMsDefault = 10_000;
const replicaWaitMsDefault = 200;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Reads and writes of abstract-level, with what those of a remote database take beside it. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- the methods are inherited
export interface RemotePamina<K = string, V = string> {
  get(key: K): Promise<V | undefined>;
  get<PK = K, PV = V>(
    key: PK,
    options: AbstractGetOptions<PK, PV> & RemoteReadOptions,
  ): Promise<PV | undefined>;
  getMany(keys: K[]): Promise<(V | undefined)[]>;
  getMany<PK = K, PV = V>(
    keys: PK[],
    options: AbstractGetManyOptions<PK, PV> & RemoteReadOptions,
  ): Promise<(PV | undefined)[]>;
  has(key: K): Promise<boolean>;
  has<PK = K>(key: PK, options: AbstractHasOptions<PK> & RemoteReadOptions): Promise<boolean>;
  put(key: K, value: V): Promise<void>;
  put<PK = K, PV = V>(
    key: PK,
    value: PV,
    options: AbstractPutOptions<PK, PV> & RemoteWriteOptions,
  ): Promise<void>;
  del(key: K): Promise<void>;
  del<PK = K>(key: PK, options: AbstractDelOptions<PK> & RemoteWriteOptions): Promise<void>;
  batch(operations: AbstractBatchOperation<this, K, V>[]): Promise<void>;
  batch<PK = K, PV = V>(
    operations: AbstractBatchOperation<this, PK, PV>[],
    options: AbstractBatchOptions<PK, PV> & RemoteWriteOptions,
  ): Promise<void>;
  batch(): AbstractChainedBatch<this, K, V>;
  clear(): Promise<void>;
  clear<PK = K>(options: AbstractClearOptions<PK> & RemoteWriteOptions): Promise<void>;
}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- the methods are inherited
export class RemotePamina<K = string, V = string> extends AbstractLevel<
  string | Buffer | Uint8Array,
  K,
  V
> {
  /** Of the database, as it was asked for. */
  readonly name: string;
  readonly #address: RemoteAddress;
  readonly #options: RemoteOptions<K, V>;
  readonly #timeoutMs: number;
  readonly #session = new ReadSession();
  #router: CallRouter | null = null;
  #found: FoundBy | null = null;

  /** `pamina://NAME`, found by the directory, or `pamina://HOST:PORT/NAME`. ADDRESS_INVALID, NAME_INVALID, POSITION_INVALID. */
  constructor(address: string, options: RemoteOptions<K, V>) {
    const { after, directory, env, isSecure = false, token, ...others } = options;
    const { connectTimeoutMs, durability, maxStalenessMs, readFrom, replicas, ...rest } = others;
    const { replicaWaitMs, timeoutMs, ...forwarded } = rest;
    super(
      {
        encodings: { utf8: true, view: true },
        has: true,
        explicitSnapshots: true,
        seek: true,
      },
      forwarded,
    );
    const parsed = parseRemoteAddress(address);
    this.#address = { ...parsed, isSecure: parsed.isSecure || isSecure };
    this.name = this.#address.name;
    this.#options = options;
    this.#timeoutMs = timeoutMs ?? timeoutMsDefault;
    if (after !== undefined) {
      const { seq: atMost, timeline } = parsePosition(after);
      this.#session.see({ timeline, atMost });
    }
  }

  /** Of the newest state that was written or read here, as a token: `1/48213`. Null before the first call. */
  get position(): string | null {
    const { position } = this.#session;
    return position === null ? null : formatPosition(position);
  }

  /** Names of the replicas that reads can go to at this moment. */
  get replicas(): string[] {
    return this.#router?.connectedReplicas ?? [];
  }

  /**
   * Runs `task` in a transaction and commits what it wrote as one record; if it throws, all is rolled back. DEADLOCK
   * and WRITE_CONFLICT say that it may be run again.
   */
  async transaction<T>(
    task: (transaction: RemoteTransaction<K, V>) => Promise<T>,
    options: BeginOptions & RemoteWriteOptions = {},
  ): Promise<T> {
    const { durability, ...others } = options;
    const transaction = await this.begin(others);
    try {
      const result = await task(transaction);
      await transaction.commit({ durability });
      return result;
    } finally {
      await transaction[Symbol.asyncDispose]();
    }
  }

  /** A transaction at the master, that ends with its own commit() or rollback(), or with the connection. */
  async begin(options: BeginOptions = {}): Promise<RemoteTransaction<K, V>> {
    if (this.status === 'opening') await this.open({ passive: true });
    const { clock } = this.#options.env;
    const begun = await RemoteTransactionSource.begin(this, this.#calls, options, clock);
    return new RemoteTransaction<K, V>(this, begun);
  }

  async _open(): Promise<void> {
    const { env, directory, ...options } = this.#options;
    const { maxStalenessMs, readFrom = 'master', replicas, token } = options;
    const { connectTimeoutMs = this.#timeoutMs, replicaWaitMs = replicaWaitMsDefault } = options;
    const found = finderOf(this.#address, directory);
    const router = new CallRouter({
      name: this.name,
      env,
      finder: found.finder,
      ...{ token, readFrom, replicas, maxStalenessMs, replicaWaitMs },
      timeoutMs: this.#timeoutMs,
      session: this.#session,
      onLinked: ({ address, welcome }) => this.#tell('connected', { address, name: welcome.name }),
      onLost: (why) => this.#tell('disconnected', why),
    });
    this.#router = router;
    this.#found = found;
    router.start();
    try {
      await router.master.with(connectTimeoutMs, () => Promise.resolve());
    } catch (error) {
      await this._close();
      throw error;
    }
  }

  async _close(): Promise<void> {
    const why = new PaminaError('DATABASE_CLOSED', `the connection to ${this.name} is closed`);
    await this.#router?.close(why);
    this.#router = null;
    await this.#found?.close();
    this.#found = null;
  }

  _get(key: WireDatum, options: PrivateOptions): Promise<unknown> {
    const isText = options.valueEncoding === 'utf8';
    const read = ({ body, code }: WireItem): unknown => {
      if (code === answerStatus.nothing) return undefined;
      return isText ? decoder.decode(body) : body.slice();
    };
    return this.#read(callVerb.get, options, (writer) => writer.datum(key), read);
  }

  _getMany(keys: WireDatum[], options: PrivateOptions): Promise<unknown[]> {
    const { valueEncoding } = options;
    return this.#read(
      callVerb.getMany,
      options,
      (writer) => writeKeys(writer, keys),
      ({ body }) => readValues(body, keys.length).map((value) => inFormat(valueEncoding, value)),
    );
  }

  _has(key: WireDatum, options: PrivateOptions): Promise<boolean> {
    const read = ({ code }: WireItem): boolean => code !== answerStatus.nothing;
    return this.#read(callVerb.has, options, (writer) => writer.datum(key), read);
  }

  _hasMany(keys: WireDatum[], options: PrivateOptions): Promise<boolean[]> {
    return this.#read(
      callVerb.hasMany,
      options,
      (writer) => writeKeys(writer, keys),
      ({ body: bytes }) => {
        const body = new BodyReader(bytes);
        return keys.map(() => body.u8() === 1);
      },
    );
  }

  _put(key: WireDatum, value: WireDatum, options: PrivateOptions): Promise<void> {
    return this.#write(callVerb.put, options, (writer) => {
      writer.sized(key);
      writer.datum(value);
    });
  }

  _del(key: WireDatum, options: PrivateOptions): Promise<void> {
    return this.#write(callVerb.del, options, (writer) => writer.datum(key));
  }

  async _batch(operations: WriterOperation[], options: PrivateOptions): Promise<void> {
    if (operations.length === 0) return;
    await this.#write(callVerb.batch, options, (writer) => writer.operations(operations));
  }

  /** Atomic up to the commit size limit; a larger range is deleted in several commits. */
  async _clear(options: PrivateRange): Promise<void> {
    const source = sourceOf(options);
    const body = (number: number): Uint8Array => packBytes(callRange(options, number));
    if (source === null) {
      await this.#write(callVerb.clear, options, (writer) => writer.datum(body(0)));
      return;
    }
    await source.bound.use((link) => {
      if (link !== this.#calls.master.link) {
        const message = 'a snapshot of a replica says nothing of what the master is to delete';
        throw new PaminaError('REPLICA_READ_ONLY', message);
      }
      return link.call(
        callVerb.clear,
        (writer) => writer.datum(body(source.bound.number)),
        () => undefined,
        this.#writing(options),
      );
    });
  }

  _iterator(options: PrivateIterator): RemoteIterator {
    const source = sourceOf(options);
    return new RemoteIterator(this as never, options, {
      router: this.#calls,
      timeoutMs: this.#timeoutMs,
      source,
      isExact: source instanceof RemoteTransactionSource,
    });
  }

  _snapshot(options: { owner: object }): RemoteSnapshot {
    return new RemoteSnapshot(options.owner, { router: this.#calls, timeoutMs: this.#timeoutMs });
  }

  get #calls(): CallRouter {
    if (this.#router !== null) return this.#router;
    throw new PaminaError('DATABASE_CLOSED', `the connection to ${this.name} is closed`);
  }

  #read<T>(
    verb: CallVerb,
    options: PrivateOptions,
    write: (writer: FrameWriter) => void,
    read: (item: WireItem) => T,
  ): Promise<T> {
    const source = sourceOf(options);
    if (source === null) {
      return this.#calls.read((link, demands) => {
        return link.call(verb, (writer) => writeFrom(writer, 0, write), read, demands);
      }, options.maxStalenessMs);
    }
    const { lockMode } = options;
    const asked = lockMode === undefined ? null : { lockMode };
    const { bound } = source;
    return bound.use((link) =>
      link.call(verb, (writer) => writeFrom(writer, bound.number, write), read, asked),
    );
  }

  #write(
    verb: CallVerb,
    options: PrivateOptions,
    write: (writer: FrameWriter) => void,
  ): Promise<void> {
    const asked = this.#writing(options);
    const run = (link: CallsLink): Promise<void> => link.call(verb, write, nothing, asked);
    return this.#calls.write(run);
  }

  #writing({ durability = this.#options.durability }: PrivateOptions): CallOptions | null {
    return durability === undefined ? null : { durability };
  }

  #tell(event: 'connected' | 'disconnected', what: object): void {
    (this as unknown as { emit(name: string, what: object): void }).emit(event, what);
  }
}

function nothing(): void {
  // The answer of a write says no more than that it came.
}

function sourceOf({ snapshot }: PrivateOptions): RemoteSource | null {
  if (snapshot === undefined || snapshot === null) return null;
  if (snapshot instanceof RemoteSource) return snapshot;
  throw new TypeError('the snapshot is not of a remote database');
}

function writeFrom(
  writer: FrameWriter,
  source: number,
  write: (writer: FrameWriter) => void,
): void {
  writer.u32(source);
  write(writer);
}

function writeKeys(writer: FrameWriter, keys: readonly WireDatum[]): void {
  writer.u32(keys.length);
  for (const key of keys) writer.sized(key);
}
