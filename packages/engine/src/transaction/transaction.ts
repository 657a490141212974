// One transaction: its turn-taking, its locks, what it has written, and how it ends. Nothing that it writes
// leaves it before the commit, so that a rollback has nothing to take back.
import { PaminaError, type Isolation, type Position, type ReadLockMode } from '@pamina/format';
import type { LockManager, LockMode, LockName, LockOwner, LockPath } from '@pamina/lock';
import type { CommitOptions } from '../database-options.js';
import type { Operation } from '../operation.js';
import type { StateReader } from '../state-reader.js';
import type { StateView } from '../state-view.js';
import { DocumentLocks } from './document-locks.js';
import type { ReadPlan } from './isolation.js';
import type { RecentCommits } from './recent-commits.js';
import { WriteBuffer, textOf, type BufferedWrite } from './write-buffer.js';

/** A commit that is encoded, and so cannot be taken back any more. */
export interface Encoded {
  readonly position: Position;
  /** When whoever commits hears of it. */
  readonly acknowledged: Promise<void>;
  /** When reads see it. */
  visible(): Promise<void>;
}

export interface TransactionParts {
  readonly locks: LockManager;
  readonly owner: LockOwner;
  readonly isolation: Isolation;
  readonly lockMode: ReadLockMode | undefined;
  readonly lockTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly reader: StateReader;
  readonly recent: RecentCommits;
  encode(operations: readonly Operation[], options: CommitOptions): Encoded;
  /** Throws where nothing can be written, at once. */
  assertWritable(): void;
  /** Throws where nothing can be locked, before anything is. */
  readonly assertLockable?: (() => void) | undefined;
  /** It has come to hold this exclusively. */
  readonly onExclusive?: ((name: LockName) => void) | undefined;
  /** Of what is written and not committed; bytes below 0 give back. TRANSACTIONS_FULL. */
  take(bytes: number): void;
  /** Its locks are free when reads see what it wrote. */
  onCommitted(keys: readonly string[], encoded: Encoded): void;
  onRolledBack(error: unknown): void;
}

export class Transaction {
  readonly parts: TransactionParts;
  readonly documents: DocumentLocks;
  readonly writes = new WriteBuffer();
  /** Of a snapshot transaction: the state that it reads. */
  readonly view: StateView | null;
  readonly #snapshotSeq: number;
  #state: 'open' | 'committed' | 'rolled back' = 'open';
  #position: Position | null = null;
  #calls = 0;
  #lastTurn: Promise<void> = Promise.resolve();
  readonly #atEnd = new Set<() => void>();
  readonly #abort = (): void => this.rollBack(this.parts.signal!.reason);

  constructor(parts: TransactionParts) {
    this.parts = parts;
    const { locks, owner, reader, recent, lockTimeoutMs, signal } = parts;
    const { onExclusive } = parts;
    this.documents = new DocumentLocks(locks, owner, lockTimeoutMs, onExclusive);
    this.view = parts.isolation === 'snapshot' ? reader.view() : null;
    this.#snapshotSeq = reader.visibleSeq;
    if (this.view !== null) recent.open(this, this.#snapshotSeq);
    signal?.addEventListener('abort', this.#abort, { once: true });
  }

  get id(): number {
    return this.parts.owner.id;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get isRolledBack(): boolean {
    return this.#state === 'rolled back';
  }

  /** Of its commit; null before that. */
  get position(): Position | null {
    return this.#position;
  }

  /** What it reads where it has written nothing itself. */
  get source(): StateReader | StateView {
    return this.view ?? this.parts.reader;
  }

  /** For reads: what was read may have been changed by others since it ended. */
  async readInTurn<T>(task: () => Promise<T>): Promise<T> {
    return this.inTurn(async () => {
      const result = await task();
      this.assertOpen();
      return result;
    });
  }

  /**
   * Its calls, one after the other, so that it waits for one lock at a time. Why it ended, if it did; else
   * TRANSACTION_OVER.
   */
  async inTurn<T>(task: () => Promise<T>): Promise<T> {
    this.assertOpen();
    const { locks, owner } = this.parts;
    const before = this.#lastTurn;
    let endTurn = (): void => undefined;
    this.#lastTurn = new Promise((resolve) => (endTurn = resolve));
    if (this.#calls++ === 0) locks.setBusy(owner, true);
    try {
      await before;
      this.assertOpen();
      return await task();
    } catch (error) {
      // What ended it says more than what came of that.
      if (this.isRolledBack) this.assertOpen();
      throw error;
    } finally {
      endTurn();
      if (--this.#calls === 0) locks.setBusy(owner, false);
    }
  }

  assertOpen(): void {
    if (this.#state === 'open') return;
    const { endedBy } = this.parts.owner;
    if (this.isRolledBack && endedBy !== null) throw endedBy as Error;
    throw this.#over();
  }

  /** In turn. Exclusive until the end; a snapshot locks and compares at the commit. */
  write(writes: readonly BufferedWrite[]): Promise<void> {
    return this.inTurn(async () => {
      this.parts.assertWritable();
      const growth = this.writes.growth(writes);
      if (this.view === null) {
        for (const { key } of writes) await this.documents.keep(textOf(key), 'exclusive');
      }
      this.assertOpen();
      this.parts.take(growth);
      this.writes.set(writes);
    });
  }

  /**
   * In turn. Locks documents as the plan asks: all, or none of those that can be let go. Returns how to let go of
   * them.
   */
  async enter(
    keys: readonly string[],
    { mode, until }: ReadPlan,
    signal?: AbortSignal,
  ): Promise<() => void> {
    const entered: string[] = [];
    const leave = (): void => {
      for (const key of entered.splice(0)) this.documents.leave(key);
    };
    if (mode === null) return leave;
    this.parts.assertLockable?.();
    try {
      // In one order, so that those who read the same documents do not meet crosswise.
      for (const key of keys.toSorted()) {
        if (until === 'end') {
          await this.documents.keep(key, mode, signal);
          this.assertUnchanged(key);
        } else {
          await this.documents.enter(key, mode, signal);
          entered.push(key);
        }
      }
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  }

  /** Locks a range, or whatever else is above documents. */
  async lock(path: LockPath, mode: LockMode, signal?: AbortSignal): Promise<void> {
    this.parts.assertLockable?.();
    await this.documents.keepPath(path, mode, signal);
  }

  /** WRITE_CONFLICT: a snapshot wants to keep or change what another transaction has changed since. */
  assertUnchanged(key: string): void {
    if (this.view === null || !this.parts.recent.isChangedSince(key, this.#snapshotSeq)) return;
    const text = Buffer.from(key.slice(1), 'latin1').toString('utf8').replace(/\p{C}/gu, '·');
    const message = `${text.slice(0, 80)} was changed, or may have been, since transaction ${this.id} began`;
    throw new PaminaError('WRITE_CONFLICT', message, { context: { transaction: this.id } });
  }

  /** All that batch() made of what was written, as one record. If it fails everything is rolled back. */
  commit(operations: readonly Operation[], options: CommitOptions): Promise<Position> {
    return this.inTurn(async () => {
      let encoded: Encoded;
      const keys = [...new Set(operations.map(({ key }) => textOf(key)))].sort();
      try {
        for (const key of keys) this.assertUnchanged(key);
        for (const key of keys) {
          await this.documents.keep(key, 'exclusive', options.signal);
          this.assertUnchanged(key);
        }
        this.assertOpen();
        encoded = this.parts.encode(operations, options);
      } catch (error) {
        this.rollBack(error);
        throw error;
      }
      this.#state = 'committed';
      this.#position = encoded.position;
      this.#end();
      this.parts.onCommitted(keys, encoded);
      await encoded.acknowledged;
      return encoded.position;
    });
  }

  /** A transaction that wrote nothing writes no record. */
  commitNothing(): Promise<void> {
    return this.inTurn(async () => {
      this.#state = 'committed';
      this.#end();
      this.parts.onRolledBack(this.#over());
    });
  }

  /** Nothing of it was written anywhere. `error`: what calls that wait, and later ones, are told. */
  rollBack(error: unknown = null): void {
    if (this.#state !== 'open') return;
    this.#state = 'rolled back';
    this.#end();
    this.parts.onRolledBack(error ?? this.#over());
  }

  /** Runs when it ends, whatever its end. Returns the cancellation. */
  atEnd(task: () => void): () => void {
    this.#atEnd.add(task);
    return () => this.#atEnd.delete(task);
  }

  #end(): void {
    const { signal, recent } = this.parts;
    signal?.removeEventListener('abort', this.#abort);
    recent.close(this);
    this.parts.take(-this.writes.bytes);
    this.writes.clear();
    for (const task of this.#atEnd) task();
    this.#atEnd.clear();
    this.view?.close().catch(() => {
      // The store was closed under it, and its snapshots with it.
    });
  }

  #over(): PaminaError {
    const message = `transaction ${this.id} was ${this.#state}`;
    return new PaminaError('TRANSACTION_OVER', message, { context: { transaction: this.id } });
  }
}
