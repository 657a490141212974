// The transactions of a database. While none is open there are no locks, and single writes ask nothing but
// whether there is one. While some are, each single write is a transaction of its own.
import {
  PaminaError,
  batchLocksMax,
  lockTimeoutMsDefault,
  locksMax,
  locksPerTransactionMax,
  transactionBytesMax,
  transactionIdleTimeoutMsDefault,
  transactionTimeoutMsDefault,
  transactionTimeoutMsMax,
  transactionsMax,
  isolationLevels,
  readLockModes,
  type Isolation,
  type Position,
  type ReadLockMode,
} from '@pamina/format';
import type { Clock } from '@pamina/env';
import { LockManager, type LockEntry, type LockOwner, type LockPath } from '@pamina/lock';
import type { CommitOptions } from '../database-options.js';
import { measureAll, type Datum, type Operation } from '../operation.js';
import type { ReplicaQueries } from '../replica-queries.js';
import type { StateReader } from '../state-reader.js';
import type { OpeningRecord } from '@pamina/log';
import { LockData, type LockDataAmount, type LockDataSession } from './lock-data.js';
import { documentPath, wholeDatabase } from './lock-path.js';
import { RecentCommits } from './recent-commits.js';
import { Transaction, type Encoded } from './transaction.js';
import { textOf } from './write-buffer.js';

export interface TransactionOptions {
  /** What reads may see of others meanwhile. Default `serializable`. */
  readonly isolation?: Isolation | undefined;
  /** Of reads that do not say so themselves. Default: what the isolation level asks for. */
  readonly lockMode?: ReadLockMode | undefined;
  /** How long it may be open; then it is rolled back with TRANSACTION_TIMEOUT. Default 5 minutes. */
  readonly timeoutMs?: number | undefined;
  /** How long it may do nothing; then it is rolled back with TRANSACTION_TIMEOUT. Default 1 minute. */
  readonly idleTimeoutMs?: number | undefined;
  /** How long one of its calls waits for a lock; then the call fails with LOCK_TIMEOUT. Default 10 s. */
  readonly lockTimeoutMs?: number | undefined;
  /** Aborted: it is rolled back, and its calls fail with the reason. */
  readonly signal?: AbortSignal | undefined;
}

const optionNames = 'isolation lockMode timeoutMs idleTimeoutMs lockTimeoutMs signal durability';

export interface TransactionHost {
  readonly clock: Clock;
  reader(): StateReader;
  /** Throws if nothing can be written here now. */
  assertWritable(): void;
  /** Resolves when all that is encoded is visible, or has failed. */
  settled(): Promise<void>;
  encode(operations: readonly Operation[], options: CommitOptions): Encoded;
  /** Of a replica that is open for writing. */
  queries(): ReplicaQueries | null;
  /** NOT_QUERYABLE, DATABASE_CLOSED. */
  assertReadable(): void;
  /** Why nothing can be written. */
  refusedWrite(): PaminaError;
  /** Where lock data goes; null where nothing can be written now. */
  session(): LockDataSession | null;
}

export class Transactions {
  readonly #host: TransactionHost;
  readonly #open = new Map<LockOwner, Transaction>();
  readonly #recent = new RecentCommits();
  /** Null: no transaction is open, and no write waits for one that was. */
  #locks: LockManager | null = null;
  #waitingWrites = 0;
  /** Encoded and not yet visible: how to free their locks. */
  readonly #unseen = new Set<() => void>();
  #bytes = 0;
  /** Not open yet, and the reason why writes lock already. */
  #beginning = 0;
  /** What was encoded before the first of those that are open is visible. */
  #settled: Promise<void> = Promise.resolve();
  #endedBy: PaminaError | null = null;
  #lastId = 0;
  readonly #lockData: LockData;

  constructor(host: TransactionHost) {
    this.#host = host;
    this.#lockData = new LockData(host.clock, () => host.session());
  }

  /** What was written of it since this database was opened. */
  get lockDataAmount(): LockDataAmount {
    return this.#lockData.amount;
  }

  /** What a segment with lock data begins with. */
  lockDataOpening(): OpeningRecord[] {
    return this.#lockData.opening(this.#open.keys());
  }

  /** Whether a write has to ask for locks. */
  get isLocking(): boolean {
    return this.#locks !== null;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * What is held and waited for, of the oldest transactions first; names as text. On a replica with what transactions
   * of the master hold only once a transaction that locks was begun there; see listAll().
   */
  list(limit: number): LockEntry[] {
    const found = this.#host.queries()?.listKnown(limit) ?? this.#locks?.list(limit) ?? [];
    return found.map(named);
  }

  /** The same; on a replica with what transactions of the master hold. */
  async listAll(limit: number): Promise<LockEntry[]> {
    const queries = this.#host.queries();
    return queries === null ? this.list(limit) : (await queries.list(limit)).map(named);
  }

  /**
   * On a replica: a transaction of the master holds nothing any more here. Elsewhere: it is rolled back, with
   * ABORTED. False if there is none.
   */
  async release(transaction: number): Promise<boolean> {
    const queries = this.#host.queries();
    if (queries !== null) return queries.release(transaction);
    const found = [...this.#open.values()].find(({ id }) => id === transaction);
    const message = `transaction ${transaction} was rolled back by an administrator`;
    found?.rollBack(new PaminaError('ABORTED', message));
    return found !== undefined;
  }

  /**
   * On a replica: to read. TRANSACTIONS_FULL, READ_ONLY, DATABASE_CLOSED; on a replica NOT_QUERYABLE,
   * ISOLATION_UNAVAILABLE.
   */
  async begin(options: TransactionOptions = {}): Promise<Transaction> {
    checkOptions(options);
    if (this.#endedBy !== null) throw this.#endedBy;
    const queries = this.#host.queries();
    if (queries === null) return this.#begin(options);
    this.#host.assertReadable();
    return queries.begin(options, () => this.#host.refusedWrite());
  }

  async #begin(options: TransactionOptions): Promise<Transaction> {
    this.#assertWritable();
    options.signal?.throwIfAborted();
    const isFirst = this.#open.size === 0 && this.#beginning === 0;
    this.#locks ??= this.#newLocks();
    const locks = this.#locks;
    const {
      timeoutMs = transactionTimeoutMsDefault,
      idleTimeoutMs = transactionIdleTimeoutMsDefault,
    } = options;
    // From here on writes lock what they write; what was encoded before is waited for.
    this.#beginning++;
    let owner: LockOwner | null = null;
    try {
      if (isFirst) this.#settled = this.#host.settled();
      await this.#settled;
      options.signal?.throwIfAborted();
      this.#assertWritable();
      owner = locks.begin({ timeoutMs, idleTimeoutMs });
      return this.#newTransaction(locks, owner, options);
    } catch (error) {
      if (owner !== null) locks.end(owner, error);
      throw error;
    } finally {
      this.#beginning--;
      this.#openIfFree();
    }
  }

  /** One write, as a transaction of its own. DEADLOCK, LOCK_TIMEOUT, TRANSACTIONS_FULL. */
  async write(operations: readonly Operation[], options: CommitOptions): Promise<Position> {
    const bytes = measureAll(operations);
    const locks = this.#locks!;
    const owner = locks.begin();
    const keys = [...new Set(operations.map(({ key }) => textOf(key)))].sort();
    const paths = keys.length > batchLocksMax ? [wholeDatabase] : keys.map(documentPath);
    let encoded: Encoded;
    try {
      const waited = this.#lockAll(locks, owner, paths, options.signal);
      if (waited === null) {
        encoded = this.#host.encode(operations, options);
      } else {
        encoded = await this.#whileWaiting(bytes, operations, waited, options);
      }
    } catch (error) {
      locks.end(owner, error);
      this.#openIfFree();
      throw error;
    }
    this.#freeWhenSeen(locks, owner, keys, encoded);
    this.#openIfFree();
    await encoded.acknowledged;
    return encoded.position;
  }

  /** All that are open are rolled back; none begins any more. */
  end(error: PaminaError): void {
    this.#endedBy = error;
    for (const transaction of this.#open.values()) transaction.rollBack(error);
    this.#host.queries()?.end(error);
    this.#lockData.close();
  }

  #assertWritable(): void {
    if (this.#endedBy !== null) throw this.#endedBy;
    this.#host.assertWritable();
  }

  #newLocks(): LockManager {
    const limits = { transactionsMax, locksPerTransactionMax, locksMax };
    const onEnded = (owner: LockOwner, error: PaminaError): void =>
      this.#open.get(owner)?.rollBack(error);
    return new LockManager(this.#host.clock, limits, onEnded, this.#lastId);
  }

  #newTransaction(locks: LockManager, owner: LockOwner, options: TransactionOptions): Transaction {
    const transaction = new Transaction({
      locks,
      owner,
      isolation: options.isolation ?? 'serializable',
      lockMode: options.lockMode,
      lockTimeoutMs: options.lockTimeoutMs ?? lockTimeoutMsDefault,
      signal: options.signal,
      reader: this.#host.reader(),
      recent: this.#recent,
      assertWritable: () => this.#assertWritable(),
      onExclusive: (name) => this.#lockData.locked(owner, name),
      encode: (operations, commitOptions) => {
        this.#lockData.commits(owner);
        return this.#host.encode(operations, commitOptions);
      },
      take: (bytes) => this.#take(bytes),
      onCommitted: (keys, encoded) => {
        this.#open.delete(owner);
        this.#lockData.committed();
        locks.outlast(owner);
        this.#freeWhenSeen(locks, owner, keys, encoded);
        this.#openIfFree();
      },
      onRolledBack: (error) => {
        this.#open.delete(owner);
        this.#lockData.rolledBack(owner);
        locks.end(owner, error);
        this.#openIfFree();
      },
    });
    this.#open.set(owner, transaction);
    return transaction;
  }

  /** Null: all are his, at once. */
  #lockAll(
    locks: LockManager,
    owner: LockOwner,
    paths: readonly LockPath[],
    signal: AbortSignal | undefined,
  ): Promise<void> | null {
    const options = { timeoutMs: lockTimeoutMsDefault, signal };
    for (const [at, path] of paths.entries()) {
      const wait = locks.lock(owner, path, 'exclusive', options);
      if (wait === null) continue;
      return wait.then(() => this.#lockAll(locks, owner, paths.slice(at + 1), signal) ?? undefined);
    }
    return null;
  }

  async #whileWaiting(
    bytes: number,
    operations: readonly Operation[],
    waited: Promise<void>,
    options: CommitOptions,
  ): Promise<Encoded> {
    // Whoever has waited never hears of an error that comes while this refuses.
    waited.catch(() => undefined);
    this.#take(bytes);
    this.#waitingWrites++;
    // The caller may do with its bytes what it likes as soon as the call returns.
    const copies = operations.map(copyOf);
    try {
      await waited;
      return this.#host.encode(copies, options);
    } finally {
      this.#waitingWrites--;
      this.#take(-bytes);
    }
  }

  #take(bytes: number): void {
    const total = this.#bytes + bytes;
    if (bytes > 0 && total > transactionBytesMax) {
      const message = `${total} bytes are written in open transactions, or wait for them; ${transactionBytesMax} may be`;
      throw new PaminaError('TRANSACTIONS_FULL', message);
    }
    this.#bytes = total;
  }

  /** Until reads see what was written nobody else may lock it: he would read what was before. */
  #freeWhenSeen(
    locks: LockManager,
    owner: LockOwner,
    keys: readonly string[],
    encoded: Encoded,
  ): void {
    const free = (): void => {
      if (this.#unseen.delete(free)) locks.end(owner, null);
    };
    this.#unseen.add(free);
    encoded.visible().then(() => {
      if (this.#unseen.has(free)) this.#recent.note(keys, encoded.position.seq);
      free();
    }, free);
  }

  /** With the last transaction ends what locks are for. Writes that wait for it go on, in their order. */
  #openIfFree(): void {
    if (this.#open.size > 0 || this.#beginning > 0) return;
    for (const free of this.#unseen) free();
    if (this.#waitingWrites > 0) return;
    this.#lastId = this.#locks?.lastId ?? this.#lastId;
    this.#locks = null;
  }
}

function named(entry: LockEntry): LockEntry {
  return { ...entry, name: Buffer.from(entry.name, 'latin1').toString('utf8') };
}

function copyOf(operation: Operation): Operation {
  const { key } = operation;
  if (operation.type === 'del') return { type: 'del', key: copyDatum(key) };
  return { type: 'put', key: copyDatum(key), value: copyDatum(operation.value) };
}

function copyDatum(datum: Datum): Datum {
  return typeof datum === 'string' ? datum : Uint8Array.prototype.slice.call(datum);
}

function checkOptions(options: TransactionOptions): void {
  const { isolation, lockMode } = options;
  const unknown = Object.keys(options).find((name) => !optionNames.split(' ').includes(name));
  if (unknown !== undefined) throw new TypeError(`a transaction has no option ${unknown}`);
  if (isolation !== undefined && !isolationLevels.includes(isolation)) {
    throw new TypeError(`isolation is one of ${isolationLevels.join(', ')}`);
  }
  if (lockMode !== undefined && !readLockModes.includes(lockMode)) {
    throw new TypeError(`lockMode is one of ${readLockModes.join(', ')}`);
  }
  for (const name of ['timeoutMs', 'idleTimeoutMs', 'lockTimeoutMs'] as const) {
    const ms = options[name];
    if (ms === undefined || (Number.isFinite(ms) && ms > 0 && ms <= transactionTimeoutMsMax))
      continue;
    throw new TypeError(`${name} is a number of milliseconds, at most ${transactionTimeoutMsMax}`);
  }
}
