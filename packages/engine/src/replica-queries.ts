// Queries on a replica that replays: read-only transactions under the isolation levels of the master. What they
// lock is not changed under them, what the master's transactions hold they wait for, and nothing is paid for any of
// this before the first of them begins.
import {
  PaminaError,
  RecordKind,
  forEachOperation,
  isPaminaError,
  lockTimeoutMsDefault,
  locksMax,
  locksPerTransactionMax,
  maxReplayWaitMsDefault,
  recordHeaderBytes,
  transactionIdleTimeoutMsDefault,
  transactionTimeoutMsDefault,
  transactionsMax,
  userPrefix,
} from '@pamina/format';
import type { Clock } from '@pamina/env';
import { LockManager, type LockEntry, type LockOwner, type LockPath } from '@pamina/lock';
import { forEachRecord, type RecordBatch, type Segment } from '@pamina/log';
import type { ApplyGate } from './applier.js';
import type { ControlFile } from './control-file.js';
import type { DatabaseParts } from './database-parts.js';
import { MasterLocks, noChanges } from './master-locks.js';
import { readsLock } from './transaction/isolation.js';
import { documentPath } from './transaction/lock-path.js';
import { RecentCommits } from './transaction/recent-commits.js';
import { Transaction } from './transaction/transaction.js';
import type { TransactionOptions } from './transaction/transactions.js';

export interface ReplicaQueriesOptions {
  readonly clock: Clock;
  readonly control: ControlFile;
  readonly parts: DatabaseParts;
}

/** How queries and replay get along, since this database was opened. */
export interface ReplayConflicts {
  /** Times that replay had to wait for a query, ms that it did, and queries that were ended for it. */
  readonly waits: number;
  readonly waitedMs: number;
  readonly cancelled: number;
}

export class ReplicaQueries implements ApplyGate {
  readonly #options: ReplicaQueriesOptions;
  readonly #master = new MasterLocks();
  readonly #locks: LockManager;
  readonly #open = new Map<LockOwner, Transaction>();
  /** Of those that may lock. */
  #readers = 0;
  /** Null: what the master holds was not looked up yet. */
  #tracking: Promise<void> | null = null;
  #isTracking = false;
  /** Free of their locks once what is being applied is seen. */
  #ending: ReadonlySet<number> = new Set();
  /** The last record whose lock data was looked at. */
  #lookedSeq = 0;
  #waits = 0;
  #waitedMs = 0;
  #cancelled = 0;
  #endedBy: PaminaError | null = null;

  constructor(options: ReplicaQueriesOptions) {
    this.#options = options;
    const limits = { transactionsMax, locksPerTransactionMax, locksMax };
    this.#locks = new LockManager(options.clock, limits, (owner, error) => {
      if (error.code === 'QUERY_CANCELLED') this.#cancelled += 1;
      this.#open.get(owner)?.rollBack(error);
    });
    options.parts.applier.gate = this;
  }

  get size(): number {
    return this.#open.size;
  }

  get conflicts(): ReplayConflicts {
    return { waits: this.#waits, waitedMs: this.#waitedMs, cancelled: this.#cancelled };
  }

  /** Whether the log says what the master has locked, as of the last record applied; null before anybody asked. */
  get hasLockData(): boolean | null {
    return this.#isTracking ? this.#master.isKnown : null;
  }

  /** ISOLATION_UNAVAILABLE, TRANSACTIONS_FULL. */
  async begin(options: TransactionOptions, refuse: () => PaminaError): Promise<Transaction> {
    if (this.#endedBy !== null) throw this.#endedBy;
    const { isolation = 'serializable', lockMode } = options;
    if (isolation === 'snapshot') {
      if (lockMode !== undefined && lockMode !== 'unprotected') throw noSnapshotLocks();
      return this.#begin(options, false, refuse);
    }
    await this.#track();
    if (readsLock(isolation, lockMode)) this.#requireLockData();
    return this.#begin(options, true, refuse);
  }

  /** As list(), of the master only what was looked up already. */
  listKnown(limit: number): LockEntry[] {
    return this.#locks.list(limit);
  }

  /** Held here and by transactions of the master, and waited for. At most so many. */
  async list(limit: number): Promise<LockEntry[]> {
    await this.#track();
    return this.#locks.list(limit);
  }

  /** A transaction of the master holds nothing any more. False if it held nothing. */
  async release(transaction: number): Promise<boolean> {
    await this.#track();
    const held = this.#master.release(transaction);
    this.#locks.endMaster(transaction);
    return held;
  }

  /** All are ended, and none begins any more. */
  end(why: PaminaError): void {
    this.#endedBy ??= why;
    for (const transaction of this.#open.values()) transaction.rollBack(why);
  }

  enter(run: readonly RecordBatch[]): Promise<void> | null {
    if (!this.#isTracking) return null;
    for (const { firstSeq } of run) {
      const segment = this.#segmentFrom(firstSeq);
      if (segment === null || segment.header !== null) continue;
      return this.#options.parts.log.header(segment).then(() => this.enter(run) ?? undefined);
    }
    this.#look(run);
    if (this.#readers === 0) return null;
    const paths = run.flatMap(documentsOf);
    const free = this.#locks.enterReplay(paths, this.#maxReplayWaitMs);
    return free === null ? null : this.#wait(free);
  }

  left(isApplied: boolean): void {
    if (!this.#isTracking) return;
    if (isApplied) {
      for (const transaction of this.#ending) this.#locks.endMaster(transaction);
      this.#ending = new Set();
    }
    this.#locks.leaveReplay();
  }

  /** Once, also at what is applied again after the store had failed. */
  #look(run: readonly RecordBatch[]): void {
    const { seq } = run.at(-1)!.point;
    if (seq <= this.#lookedSeq) return;
    this.#lookedSeq = seq;
    const changes = noChanges();
    for (const batch of run) {
      const header = this.#segmentFrom(batch.firstSeq)?.header;
      this.#master.read(batch, header?.lockData ?? null, changes);
    }
    for (const [transaction, { paths, isAnew }] of changes.noted) {
      this.#locks.noteMaster(transaction, paths, isAnew);
    }
    this.#ending = changes.ended;
  }

  /** The wait that goes on lasts no longer than may be by now. */
  controlChanged(): void {
    this.#locks.limitReplayWait(this.#maxReplayWaitMs);
  }

  get #maxReplayWaitMs(): number {
    return this.#options.control.current.maxReplayWaitMs ?? maxReplayWaitMsDefault;
  }

  async #wait(free: Promise<void>): Promise<void> {
    const { clock } = this.#options;
    const startedAt = clock.monotonic();
    this.#waits += 1;
    await free;
    this.#waitedMs += clock.monotonic() - startedAt;
  }

  async #begin(
    options: TransactionOptions,
    mayLock: boolean,
    refuse: () => PaminaError,
  ): Promise<Transaction> {
    const { parts } = this.#options;
    // From here on replay asks before it changes anything: what it is changing now it did not ask for.
    if (mayLock) {
      if (this.#readers === 0) await parts.applier.between(() => void this.#readers++);
      else this.#readers++;
    }
    try {
      if (this.#endedBy !== null) throw this.#endedBy;
      options.signal?.throwIfAborted();
      return this.#opened(options, mayLock, refuse);
    } catch (error) {
      if (mayLock) this.#readers--;
      throw error;
    }
  }

  #opened(options: TransactionOptions, mayLock: boolean, refuse: () => PaminaError): Transaction {
    const {
      isolation = 'serializable',
      lockMode,
      lockTimeoutMs = lockTimeoutMsDefault,
      signal,
      timeoutMs = transactionTimeoutMsDefault,
      idleTimeoutMs = transactionIdleTimeoutMsDefault,
    } = options;
    const owner = this.#locks.begin({ timeoutMs, idleTimeoutMs });
    const assertWritable = (): never => {
      throw refuse();
    };
    const transaction = new Transaction({
      ...{ locks: this.#locks, owner, isolation, lockMode, lockTimeoutMs, signal },
      reader: this.#options.parts.reader,
      recent: new RecentCommits(),
      assertWritable,
      assertLockable: () => {
        if (!mayLock) throw noSnapshotLocks();
        this.#requireLockData();
      },
      encode: assertWritable,
      take: () => undefined,
      onCommitted: () => undefined,
      onRolledBack: (error) => {
        this.#open.delete(owner);
        if (mayLock) this.#readers--;
        this.#locks.end(owner, error);
      },
    });
    this.#open.set(owner, transaction);
    return transaction;
  }

  #requireLockData(): void {
    if (this.#master.isKnown) return;
    const { name } = this.#options.control.current;
    const message = `the log that ${name} has applied carries no lock data at this record`;
    throw new PaminaError('ISOLATION_UNAVAILABLE', message);
  }

  /** From its end on every record that is applied is looked at. */
  #track(): Promise<void> {
    this.#tracking ??= this.#lookUp().catch((error: unknown) => {
      this.#tracking = null;
      throw error;
    });
    return this.#tracking;
  }

  /** What the master holds at the last record applied, from the start of its segment, while nothing is applied. */
  async #lookUp(): Promise<void> {
    const { applier } = this.#options.parts;
    let found: Promise<void> = Promise.resolve();
    await applier.between(() => {
      found = this.#read(applier.applied.seq);
      applier.hold(found);
    });
    await found;
  }

  async #read(appliedSeq: number): Promise<void> {
    const { log } = this.#options.parts;
    this.#master.forget();
    const segment = log.segments().findLast(({ firstSeq }) => firstSeq <= appliedSeq);
    const changes = noChanges();
    try {
      if (segment !== undefined && (segment.lastSeq ?? appliedSeq) >= appliedSeq) {
        const { lockData } = await log.header(segment);
        if (lockData) this.#master.begin();
        for await (const { header, body } of lockData
          ? log.records(segment.firstSeq, appliedSeq)
          : []) {
          this.#master.record(header.kind, body, changes);
        }
      }
    } catch (error) {
      // Retention took it: known from the next segment on.
      if (!isPaminaError(error, 'LOG_GONE')) throw error;
      this.#master.forget();
    }
    for (const [transaction, paths] of this.#master.held) {
      this.#locks.noteMaster(transaction, paths);
    }
    this.#lookedSeq = appliedSeq;
    this.#isTracking = true;
  }

  /** The segment whose first record this is. */
  #segmentFrom(seq: number): Segment | null {
    const segments = this.#options.parts.log.segments();
    for (let at = segments.length - 1; at >= 0 && segments[at]!.firstSeq >= seq; at--) {
      if (segments[at]!.firstSeq === seq) return segments[at]!;
    }
    return null;
  }
}

/** The documents that the commits of a batch change. */
function documentsOf(batch: RecordBatch): LockPath[] {
  const { bytes, view } = batch;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const keys = new Set<string>();
  const add = (start: number, end: number): void => {
    if (bytes[start] === userPrefix) keys.add(text.toString('latin1', start, end));
  };
  const visitor = { put: add, delete: add };
  forEachRecord(batch, ({ kind, length }, at) => {
    if (kind !== RecordKind.commit) return;
    forEachOperation(bytes, view, at + recordHeaderBytes, at + length, visitor);
  });
  return [...keys].map(documentPath);
}

function noSnapshotLocks(): PaminaError {
  const message = 'a snapshot on a replica takes no locks: nothing there waits for it';
  return new PaminaError('ISOLATION_UNAVAILABLE', message);
}
