// One transaction of a client elsewhere, under a lease: silence for as long as that rolls it back. How it ended is
// kept for as long again, since the answer that said so may have been lost.

import type { PaminaTransaction, TransactionRange } from '@pamina/engine';
import type { Clock } from '@pamina/env';
import { PaminaError } from '@pamina/format';
import type { Committed } from '@pamina/wire';

/** Whoever waits for the answer of a call is there, but nobody waits for longer: a caller gives up after 30 s. */
const callMsMax = 30_000;

type Entry = [key: Uint8Array, value: Uint8Array];

export type ByteTransaction = PaminaTransaction<Uint8Array, Uint8Array>;

export interface RemoteTransactionParts {
  readonly id: string;
  readonly leaseMs: number;
  readonly transaction: ByteTransaction;
  /** Aborted, it rolls the transaction back; the reason is what later calls are told. */
  readonly ending: AbortController;
  readonly clock: Pick<Clock, 'after'>;
  /** It has ended, in whatever way. */
  onOver(remote: RemoteTransaction): void;
  /** How it ended need not be known any more. */
  onForgotten(remote: RemoteTransaction): void;
}

export class RemoteTransaction {
  readonly #parts: RemoteTransactionParts;
  #calls = 0;
  #isOver = false;
  #hasWritten = false;
  #cancel: () => void = () => undefined;
  #commit: Promise<Committed> | null = null;

  constructor(parts: RemoteTransactionParts) {
    this.#parts = parts;
    this.#settle();
  }

  get id(): string {
    return this.#parts.id;
  }

  get leaseMs(): number {
    return this.#parts.leaseMs;
  }

  get isolation(): ByteTransaction['isolation'] {
    return this.#parts.transaction.isolation;
  }

  /** Its lease begins anew behind the call. Why it ended, if it did. */
  async call<T>(task: (transaction: ByteTransaction) => T | Promise<T>): Promise<T> {
    this.#calls += 1;
    if (!this.#isOver) this.#expireAfter(Math.max(this.leaseMs, callMsMax));
    try {
      return await task(this.#parts.transaction);
    } finally {
      this.#calls -= 1;
      this.#settle();
    }
  }

  /** A call that writes. */
  write<T>(task: (transaction: ByteTransaction) => T | Promise<T>): Promise<T> {
    this.#hasWritten = true;
    return this.call(task);
  }

  /** While its reader takes nothing the lease runs. */
  async *range(options: TransactionRange<Uint8Array, Uint8Array>): AsyncIterable<Entry> {
    const iterator = await this.call((transaction) => transaction.iterator(options));
    try {
      for (;;) {
        const entry = await this.call((transaction) => {
          // Some may have been read ahead of the end.
          transaction.assertOpen();
          return iterator.next();
        });
        if (entry === undefined) return;
        yield entry;
      }
    } finally {
      await iterator.close();
    }
  }

  /**
   * Once more: how it ended, with nothing done again. Who wrote may have lost the right to since: `requireWrite` is
   * asked unless nothing was written.
   */
  async commit(
    commit: (transaction: ByteTransaction) => Promise<Committed>,
    requireWrite: () => void,
  ): Promise<Committed> {
    if (this.#commit === null && this.#hasWritten) requireWrite();
    this.#commit ??= this.call(commit);
    return this.#commit;
  }

  /** Rolls it back, and forgets it. */
  end(why: PaminaError): void {
    this.#isOver = true;
    this.#cancel();
    this.#parts.ending.abort(why);
  }

  /** How it ended is kept, as after any other end. */
  rollBack(why: PaminaError): void {
    this.#parts.ending.abort(why);
    this.#settle();
  }

  /** Forgets how it ended. */
  forget(): void {
    this.#cancel();
    this.#parts.onForgotten(this);
  }

  #settle(): void {
    if (this.#isOver) return;
    const { clock, leaseMs, transaction } = this.#parts;
    if (!transaction.isOpen) {
      this.#isOver = true;
      this.#cancel();
      this.#cancel = clock.after(leaseMs, () => this.forget());
      this.#parts.onOver(this);
    } else if (this.#calls === 0) {
      this.#expireAfter(leaseMs);
    }
  }

  #expireAfter(ms: number): void {
    this.#cancel();
    this.#cancel = this.#parts.clock.after(ms, () => this.#expire());
  }

  #expire(): void {
    const { ending, id, leaseMs } = this.#parts;
    const message = `nothing was heard of transaction ${id} for ${leaseMs} ms, and it was rolled back`;
    ending.abort(
      new PaminaError('TRANSACTION_LEASE_EXPIRED', message, { context: { transaction: id } }),
    );
    this.#settle();
  }
}
