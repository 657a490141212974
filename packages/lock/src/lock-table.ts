// The lock table: a state machine without time, promises or I/O of its own. Each call says what happened
// at what time; what follows for others than the caller is in the outcomes, to be taken after each call.
import type { PaminaError } from '@pamina/format';
import { Deadlines } from './deadlines.js';
import { entriesOf, type LockEntry } from './lock-entry.js';
import {
  deadlock,
  lockTimedOut,
  queryCancelled,
  tooManyLocks,
  tooManyTransactions,
  transactionTimedOut,
} from './lock-errors.js';
import { coversBelow, intentionOf, supremum, type LockMode } from './modes.js';
import { LockOwner, type OwnerTimes } from './owner.js';
import { Replay, waitsForMaster } from './replay.js';
import { Resource, type LockName } from './resource.js';
import { findCycle } from './waits-for.js';

export interface LockTableLimits {
  readonly transactionsMax: number;
  readonly locksPerTransactionMax: number;
  readonly locksMax: number;
}

/** From the database down to what is locked: what stands before the last is locked by intention. */
export type LockPath = readonly LockName[];

export type Outcome =
  /** Nobody stands before the replay any more; the last who did is the owner. */
  | { readonly kind: 'replay'; readonly owner: LockOwner }
  /** What the owner waits for is his now. */
  | { readonly kind: 'granted'; readonly owner: LockOwner }
  /** His wait ended without the lock; he keeps what he holds. */
  | { readonly kind: 'refused'; readonly owner: LockOwner; readonly error: PaminaError }
  /** He holds nothing any more. If he waited, that ended too. */
  | { readonly kind: 'ended'; readonly owner: LockOwner; readonly error: PaminaError };

export class LockTable {
  readonly #limits: LockTableLimits;
  readonly #owners = new Map<number, LockOwner>();
  readonly #resources = new Map<string, Resource>();
  readonly #deadlines = new Deadlines<LockOwner>();
  readonly #masters = new Map<number, LockOwner>();
  readonly #replay = new Replay();
  #lastId: number;
  #locks = 0;
  #outcomes: Outcome[] = [];

  /** Ids of owners go on behind `lastId`. */
  constructor(limits: LockTableLimits, lastId = 0) {
    this.#limits = limits;
    this.#lastId = lastId;
  }

  get lastId(): number {
    return this.#lastId;
  }

  get size(): number {
    return this.#owners.size;
  }

  /** Locks that are held, by all that are from here together. */
  get locks(): number {
    return this.#locks;
  }

  /** When `advance` has something to do; Infinity: never. */
  get nextDueMs(): number {
    return this.#deadlines.first?.lookAt ?? Infinity;
  }

  /** TRANSACTIONS_FULL. */
  begin(nowMs: number, times: OwnerTimes = {}): LockOwner {
    if (this.#owners.size >= this.#limits.transactionsMax) {
      throw tooManyTransactions(this.#limits.transactionsMax);
    }
    const owner = new LockOwner(++this.#lastId, nowMs, times);
    this.#owners.set(owner.id, owner);
    this.#schedule(owner);
    return owner;
  }

  /** Whoever runs it has begun a call, or ended one: an owner is idle only between his calls. */
  setBusy(owner: LockOwner, isBusy: boolean, nowMs: number): void {
    owner.isBusy = isBusy;
    owner.lastActiveMs = nowMs;
    if (!isBusy) this.#schedule(owner);
  }

  /** What he does is decided: from now on only he ends himself. */
  outlast(owner: LockOwner): void {
    owner.endsMs = Infinity;
    owner.idleTimeoutMs = Infinity;
  }

  /** Of the lock that he holds on it, if any; not of one above that covers it. */
  modeOf(owner: LockOwner, name: LockName): LockMode | undefined {
    return this.#heldMode(owner, name);
  }

  /** Whether it is his already, by itself or by what he holds above it. */
  covers(owner: LockOwner, above: readonly LockName[], name: LockName, mode: LockMode): boolean {
    for (const one of above) {
      const held = this.#heldMode(owner, one);
      if (held !== undefined && coversBelow(held, mode)) return true;
    }
    const held = this.#heldMode(owner, name);
    return held !== undefined && supremum(held, mode) === held;
  }

  /**
   * True: he holds it now, in at least this mode. False: he waits, and the outcomes say how that ends, maybe at
   * once: by DEADLOCK for the youngest of a cycle. LOCKS_FULL. What is above must be locked before.
   */
  request(
    owner: LockOwner,
    name: LockName,
    mode: LockMode,
    nowMs: number,
    untilMs: number,
  ): boolean {
    if (owner.isOver || owner.wait !== null) throw new TypeError('it is over, or waits already');
    const resource = this.#resource(name);
    const held = owner.locks.get(resource);
    const wanted = held === undefined ? mode : supremum(held, mode);
    if (wanted === held) return true;
    if (held === undefined) this.#checkRoom(owner, resource);
    const isUpgrade = held !== undefined;
    const beside = this.#replay.besideOf(owner);
    const isFirst = isUpgrade || beside !== null || resource.queue.length === 0;
    if (isFirst && resource.admits(owner, wanted, beside)) {
      this.#hold(owner, resource, wanted);
      return true;
    }
    owner.wait = { owner, resource, mode: wanted, isUpgrade, sinceMs: nowMs, untilMs };
    resource.enqueue(owner.wait);
    this.#schedule(owner);
    this.#breakCycles(owner);
    this.#cancelIfStuck(owner);
    return false;
  }

  /**
   * A transaction of the master holds this beside what it held, whoever holds it here. `isAnew`: and what it, or
   * another one with its number, held before it holds no more.
   */
  noteMaster(transaction: number, paths: readonly LockPath[], nowMs: number, isAnew = false): void {
    let owner = this.#masters.get(transaction);
    if (owner === undefined) {
      owner = new LockOwner(transaction, nowMs, {}, 'master');
      this.#masters.set(transaction, owner);
    }
    const before = isAnew ? [...owner.locks.keys()] : [];
    for (const resource of before) this.#letGo(owner, resource);
    this.#note(owner, paths);
    for (const resource of before) this.#settle(resource);
  }

  /** It holds nothing any more. False if it held nothing. */
  endMaster(transaction: number): boolean {
    const owner = this.#masters.get(transaction);
    if (owner === undefined) return false;
    this.#masters.delete(transaction);
    this.end(owner);
    return true;
  }

  /**
   * All this is about to change. True: nobody stands before it. False: some do; an outcome says when they are gone.
   * Whoever comes now waits until leaveReplay().
   */
  enterReplay(paths: readonly LockPath[], nowMs: number): boolean {
    const owner = new LockOwner(0, nowMs, {}, 'replay');
    this.#replay.owner = owner;
    this.#note(owner, paths);
    this.#replay.findBlockers();
    if (this.#replay.blockers.size === 0) return true;
    for (const blocker of [...this.#replay.blockers]) this.#cancelIfStuck(blocker);
    return false;
  }

  /** Ends those who stand before the replay: they have had their time. */
  cancelBlockers(waitedMs: number): void {
    for (const owner of [...this.#replay.blockers]) {
      this.#endWith(owner, queryCancelled(owner, `replay waited for it for ${waitedMs} ms`));
    }
  }

  /** What was to change has changed, and is seen. */
  leaveReplay(): void {
    const { owner } = this.#replay;
    if (owner === null) return;
    this.#replay.owner = null;
    this.#replay.blockers.clear();
    this.end(owner);
  }

  /** Before the end: only what he does not need until then. */
  release(owner: LockOwner, name: LockName): void {
    const resource = this.#resources.get(keyOf(name));
    if (resource === undefined || !owner.locks.has(resource)) return;
    this.#letGo(owner, resource);
    if (this.#replay.blockers.has(owner) && this.#replay.isFreeOf(owner)) this.#unblock(owner);
    this.#settle(resource);
  }

  /** He does not wait any more, and keeps what he holds. */
  stopWaiting(owner: LockOwner): void {
    const { wait } = owner;
    if (wait === null) return;
    owner.wait = null;
    wait.resource.dequeue(wait);
    this.#settle(wait.resource);
  }

  /** He is done: all that he holds is free. */
  end(owner: LockOwner): void {
    if (owner.isOver) return;
    owner.isOver = true;
    // A transaction of the master has its number from there, and one from here may have the same.
    if (owner.origin === 'here') this.#owners.delete(owner.id);
    this.#deadlines.delete(owner);
    this.stopWaiting(owner);
    const held = [...owner.locks.keys()];
    for (const resource of held) this.#letGo(owner, resource);
    this.#unblock(owner);
    for (const resource of held) this.#settle(resource);
  }

  /** Time has passed: ends the waits and the transactions whose time is over. */
  advance(nowMs: number): void {
    for (;;) {
      const owner = this.#deadlines.first;
      if (owner === undefined || owner.lookAt > nowMs) return;
      const { wait } = owner;
      if (owner.dueMs > nowMs) {
        this.#deadlines.set(owner, owner.dueMs);
      } else if (Math.min(owner.endsMs, owner.idleAtMs) <= nowMs) {
        this.#endWith(owner, transactionTimedOut(owner, nowMs));
      } else {
        const error = lockTimedOut(wait!, nowMs);
        this.stopWaiting(owner);
        this.#outcomes.push({ kind: 'refused', owner, error });
        this.#deadlines.set(owner, owner.dueMs);
      }
    }
  }

  /** In the order in which they came about. */
  takeOutcomes(): readonly Outcome[] {
    if (this.#outcomes.length === 0) return none;
    const outcomes = this.#outcomes;
    this.#outcomes = [];
    return outcomes;
  }

  /** What is held and what is waited for, oldest transactions first. */
  *list(nowMs: number): Generator<LockEntry, void> {
    yield* entriesOf(this.#masters.values(), 'master', nowMs);
    yield* entriesOf(this.#owners.values(), 'here', nowMs);
  }

  #note(owner: LockOwner, paths: readonly LockPath[]): void {
    for (const path of paths) {
      const last = path.length - 1;
      path.forEach((name, at) => {
        const mode = at === last ? 'exclusive' : intentionOf('exclusive');
        const resource = this.#resource(name);
        const held = owner.locks.get(resource);
        this.#hold(owner, resource, held === undefined ? mode : supremum(held, mode));
      });
    }
  }

  /** It stands before the replay no more. */
  #unblock(owner: LockOwner): void {
    const { blockers } = this.#replay;
    if (blockers.delete(owner) && blockers.size === 0) {
      this.#outcomes.push({ kind: 'replay', owner });
    }
  }

  /** It stands before the replay, and what it waits for comes with the replay only. */
  #cancelIfStuck(owner: LockOwner): void {
    if (!this.#replay.blockers.has(owner) || !waitsForMaster(owner.wait)) return;
    const why = 'it waited for a transaction of the master whose end had to wait for it';
    this.#endWith(owner, queryCancelled(owner, why));
  }

  #heldMode(owner: LockOwner, name: LockName): LockMode | undefined {
    const resource = this.#resources.get(keyOf(name));
    return resource === undefined ? undefined : owner.locks.get(resource);
  }

  #resource(name: LockName): Resource {
    const key = keyOf(name);
    let resource = this.#resources.get(key);
    if (resource === undefined) {
      resource = new Resource(name);
      this.#resources.set(key, resource);
    }
    return resource;
  }

  #checkRoom(owner: LockOwner, resource: Resource): void {
    const { locksPerTransactionMax, locksMax } = this.#limits;
    if (owner.locks.size < locksPerTransactionMax && this.#locks < locksMax) return;
    this.#forget(resource);
    throw owner.locks.size < locksPerTransactionMax
      ? tooManyLocks(`all transactions together hold ${locksMax} locks`)
      : tooManyLocks(`transaction ${owner.id} holds ${locksPerTransactionMax} locks`);
  }

  #hold(owner: LockOwner, resource: Resource, mode: LockMode): void {
    if (owner.origin === 'here' && !owner.locks.has(resource)) this.#locks++;
    owner.locks.set(resource, mode);
    resource.hold(owner, mode);
  }

  #letGo(owner: LockOwner, resource: Resource): void {
    owner.locks.delete(resource);
    resource.letGo(owner);
    if (owner.origin === 'here') this.#locks--;
  }

  /** Gives it to those who wait, as far as they can have it. */
  #settle(resource: Resource): void {
    for (;;) {
      const wait = resource.next(this.#replay.blockers.size > 0 ? this.#replay : null);
      if (wait === undefined) break;
      const { owner } = wait;
      resource.dequeue(wait);
      owner.wait = null;
      this.#hold(owner, resource, wait.mode);
      this.#outcomes.push({ kind: 'granted', owner });
    }
    this.#forget(resource);
  }

  #forget(resource: Resource): void {
    if (resource.isFree) this.#resources.delete(keyOf(resource));
  }

  /** Only a new wait can close a cycle, and it goes through whoever waits. */
  #breakCycles(owner: LockOwner): void {
    while (owner.wait !== null) {
      const cycle = findCycle(owner);
      if (cycle === null) return;
      const victim = cycle.reduce((youngest, one) => (one.id > youngest.id ? one : youngest));
      this.#endWith(victim, deadlock(cycle, victim));
    }
  }

  #endWith(owner: LockOwner, error: PaminaError): void {
    owner.endedBy = error;
    this.#outcomes.push({ kind: 'ended', owner, error });
    this.end(owner);
  }

  /** The time to look at an owner may only come closer: what is too early is put right when it comes. */
  #schedule(owner: LockOwner): void {
    const due = owner.dueMs;
    if (due < owner.lookAt) this.#deadlines.set(owner, due);
  }
}

const none: readonly Outcome[] = [];

function keyOf({ level, name }: LockName): string {
  return `${level} ${name}`;
}
