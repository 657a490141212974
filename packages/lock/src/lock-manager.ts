// The lock table with promises, signals and one timer around it.
import type { Clock } from '@pamina/env';
import type { PaminaError } from '@pamina/format';
import type { LockEntry } from './lock-entry.js';
import { LockTable, type LockPath, type LockTableLimits } from './lock-table.js';
import { intentionOf, type LockMode } from './modes.js';
import type { LockOwner, OwnerTimes } from './owner.js';
import type { LockName } from './resource.js';

export interface LockOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

export class LockManager {
  readonly #clock: Clock;
  readonly #table: LockTable;
  readonly #onEnded: (owner: LockOwner, error: PaminaError) => void;
  readonly #waiters = new Map<LockOwner, Waiter>();
  /** The replay waits until nobody stands before it: since when, and its end. */
  #replayWaits: { readonly sinceMs: number; readonly end: () => void } | null = null;
  #cancelReplayLimit = (): void => undefined;
  #timer: { readonly atMs: number; readonly cancel: () => void } | null = null;

  /**
   * `onEnded` is told of owners that the table ended: by DEADLOCK, TRANSACTION_TIMEOUT or QUERY_CANCELLED. Ids of
   * owners go on behind `lastId`.
   */
  constructor(
    clock: Clock,
    limits: LockTableLimits,
    onEnded: (owner: LockOwner, error: PaminaError) => void,
    lastId = 0,
  ) {
    this.#clock = clock;
    this.#table = new LockTable(limits, lastId);
    this.#onEnded = onEnded;
  }

  /** Open transactions, and single writes that hold locks or wait. */
  get size(): number {
    return this.#table.size;
  }

  get lastId(): number {
    return this.#table.lastId;
  }

  begin(times?: OwnerTimes): LockOwner {
    const owner = this.#table.begin(this.#clock.monotonic(), times);
    this.#arm();
    return owner;
  }

  setBusy(owner: LockOwner, isBusy: boolean): void {
    if (owner.isOver) return;
    this.#table.setBusy(owner, isBusy, this.#clock.monotonic());
    if (!isBusy) this.#arm();
  }

  /**
   * Null: he holds it now, at once. Else a promise of it: LOCK_TIMEOUT, DEADLOCK, TRANSACTION_TIMEOUT, LOCKS_FULL, or
   * the reason of the signal. An owner locks one thing after the other.
   */
  lock(
    owner: LockOwner,
    path: LockPath,
    mode: LockMode,
    options: LockOptions,
  ): Promise<void> | null {
    const last = path.length - 1;
    if (this.#table.covers(owner, path.slice(0, last), path[last]!, mode)) return null;
    for (let at = 0; at <= last; at++) {
      if (this.#isGranted(owner, path, at, mode, options)) continue;
      return this.#later(owner, path, at, mode, options);
    }
    return null;
  }

  /** What he does is decided: from now on no time limit ends him. */
  outlast(owner: LockOwner): void {
    this.#table.outlast(owner);
  }

  /** Of the lock that he holds on it, if any; not of one above that covers it. */
  modeOf(owner: LockOwner, name: LockName): LockMode | undefined {
    return this.#table.modeOf(owner, name);
  }

  /** Before the end: only what he does not need until then. */
  release(owner: LockOwner, name: LockName): void {
    this.#table.release(owner, name);
    this.#settle();
  }

  /** Whoever waits in his name gets the error. */
  end(owner: LockOwner, error: unknown): void {
    owner.endedBy ??= error;
    this.#table.end(owner);
    this.#waiters.get(owner)?.reject(error);
    this.#waiters.delete(owner);
    this.#settle();
  }

  /**
   * A transaction of the master holds this beside what it held, whoever holds it here. `isAnew`: and what it, or
   * another one with its number, held before it holds no more.
   */
  noteMaster(transaction: number, paths: readonly LockPath[], isAnew = false): void {
    this.#table.noteMaster(transaction, paths, this.#clock.monotonic(), isAnew);
    this.#settle();
  }

  /** It holds nothing any more. False if it held nothing. */
  endMaster(transaction: number): boolean {
    const held = this.#table.endMaster(transaction);
    this.#settle();
    return held;
  }

  /**
   * All this is about to change, until leaveReplay(). Null: nobody stands before it. Else a promise of that: whoever
   * still does after `maxWaitMs` is ended with QUERY_CANCELLED.
   */
  enterReplay(paths: readonly LockPath[], maxWaitMs: number): Promise<void> | null {
    const isFree = this.#table.enterReplay(paths, this.#clock.monotonic());
    if (isFree) return null;
    return new Promise((resolve) => {
      this.#replayWaits = { sinceMs: this.#clock.monotonic(), end: resolve };
      this.limitReplayWait(maxWaitMs);
      this.#settle();
    });
  }

  /** Of the wait that goes on, if one does: so long may it last from its beginning on. */
  limitReplayWait(maxWaitMs: number): void {
    if (this.#replayWaits === null) return;
    this.#cancelReplayLimit();
    const { sinceMs } = this.#replayWaits;
    const leftMs = Math.max(sinceMs + maxWaitMs - this.#clock.monotonic(), 0);
    this.#cancelReplayLimit = this.#clock.after(leftMs, () => {
      this.#table.cancelBlockers(Math.round(this.#clock.monotonic() - sinceMs));
      this.#settle();
    });
  }

  leaveReplay(): void {
    this.#table.leaveReplay();
    this.#settle();
  }

  /** At most so many. */
  list(limit: number): LockEntry[] {
    const entries: LockEntry[] = [];
    for (const entry of this.#table.list(this.#clock.monotonic())) {
      if (entries.length === limit) break;
      entries.push(entry);
    }
    return entries;
  }

  #isGranted(
    owner: LockOwner,
    path: LockPath,
    at: number,
    mode: LockMode,
    { timeoutMs }: LockOptions,
  ): boolean {
    const asked = at === path.length - 1 ? mode : intentionOf(mode);
    const now = this.#clock.monotonic();
    return this.#table.request(owner, path[at]!, asked, now, now + timeoutMs);
  }

  async #later(
    owner: LockOwner,
    path: LockPath,
    from: number,
    mode: LockMode,
    options: LockOptions,
  ): Promise<void> {
    await this.#granted(owner, options.signal);
    for (let at = from + 1; at < path.length; at++) {
      // It can have been ended between the grant and this turn.
      if (owner.isOver) throw owner.endedBy;
      if (this.#isGranted(owner, path, at, mode, options)) continue;
      await this.#granted(owner, options.signal);
    }
  }

  /** The wait that has just begun. */
  async #granted(owner: LockOwner, signal: AbortSignal | undefined): Promise<void> {
    let abort = (): void => undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiters.set(owner, { resolve, reject });
        abort = () => {
          this.#table.stopWaiting(owner);
          this.#waiters.delete(owner);
          reject(signal!.reason as Error);
          this.#settle();
        };
        if (signal?.aborted === true) return abort();
        signal?.addEventListener('abort', abort, { once: true });
        this.#settle();
      });
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Tells everybody what came of the last call. */
  #settle(): void {
    for (const outcome of this.#table.takeOutcomes()) {
      if (outcome.kind === 'replay') {
        this.#cancelReplayLimit();
        this.#replayWaits?.end();
        this.#replayWaits = null;
        continue;
      }
      const { owner } = outcome;
      const waiter = this.#waiters.get(owner);
      this.#waiters.delete(owner);
      if (outcome.kind === 'granted') waiter?.resolve();
      else waiter?.reject(outcome.error);
      if (outcome.kind === 'ended') this.#onEnded(owner, outcome.error);
    }
    this.#arm();
  }

  #arm(): void {
    const atMs = this.#table.nextDueMs;
    if (this.#timer !== null && this.#timer.atMs <= atMs && atMs < Infinity) return;
    this.#timer?.cancel();
    this.#timer = null;
    if (atMs === Infinity) return;
    const cancel = this.#clock.after(Math.max(atMs - this.#clock.monotonic(), 0), () => {
      this.#timer = null;
      this.#table.advance(this.#clock.monotonic());
      this.#settle();
    });
    this.#timer = { atMs, cancel };
  }
}
