// What can be locked, and one of them with those who hold it and those who wait for it.
import { areCompatible, lockModes, type LockMode } from './modes.js';
import type { LockOwner, Wait } from './owner.js';
import type { Replay } from './replay.js';

export type LockLevel = 'database' | 'collection' | 'document';

/** Names are unique within a level. */
export interface LockName {
  readonly level: LockLevel;
  readonly name: string;
}

export class Resource implements LockName {
  readonly level: LockLevel;
  readonly name: string;
  readonly holders = new Map<LockOwner, LockMode>();
  /** Upgrades first, in the order in which they came; then new requests in theirs. */
  readonly queue: Wait[] = [];
  readonly #counts = new Map<LockMode, number>();

  constructor({ level, name }: LockName) {
    this.level = level;
    this.name = name;
  }

  /** Whether all other holders let the owner have it in this mode; `beside` is not asked. */
  admits(owner: LockOwner, mode: LockMode, beside: LockOwner | null = null): boolean {
    const own = this.holders.get(owner);
    const besides = beside === null ? undefined : this.holders.get(beside);
    for (const held of lockModes) {
      const ignored = (own === held ? 1 : 0) + (besides === held ? 1 : 0);
      const others = (this.#counts.get(held) ?? 0) - ignored;
      if (others > 0 && !areCompatible(held, mode)) return false;
    }
    return true;
  }

  hold(owner: LockOwner, mode: LockMode): void {
    this.letGo(owner);
    this.holders.set(owner, mode);
    this.#count(mode, 1);
  }

  letGo(owner: LockOwner): void {
    const held = this.holders.get(owner);
    if (held === undefined) return;
    this.holders.delete(owner);
    this.#count(held, -1);
  }

  enqueue(wait: Wait): void {
    const firstNew = wait.isUpgrade ? this.queue.findIndex(({ isUpgrade }) => !isUpgrade) : -1;
    this.queue.splice(firstNew < 0 ? this.queue.length : firstNew, 0, wait);
  }

  dequeue(wait: Wait): void {
    this.queue.splice(this.queue.indexOf(wait), 1);
  }

  /**
   * A request that can be granted now: any upgrade, or a new one that nobody waits before. `replay`: if there is one
   * that waits for some, who go before all others.
   */
  next(replay: Replay | null): Wait | undefined {
    for (const wait of this.queue) {
      const beside = replay?.besideOf(wait.owner) ?? null;
      const isInTurn = wait.isUpgrade || beside !== null || wait === this.queue[0];
      if (!isInTurn && replay === null) return undefined;
      if (isInTurn && this.admits(wait.owner, wait.mode, beside)) return wait;
    }
    return undefined;
  }

  get isFree(): boolean {
    return this.holders.size === 0 && this.queue.length === 0;
  }

  #count(mode: LockMode, change: number): void {
    this.#counts.set(mode, (this.#counts.get(mode) ?? 0) + change);
  }
}
