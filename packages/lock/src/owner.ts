// Who holds locks: a transaction, or a single write, which is a transaction of its own.
import type { Timed } from './deadlines.js';
import type { LockMode } from './modes.js';
import type { Resource } from './resource.js';

/** One request that could not be granted at once. */
export interface Wait {
  readonly owner: LockOwner;
  readonly resource: Resource;
  /** What is held after it. */
  readonly mode: LockMode;
  readonly isUpgrade: boolean;
  readonly sinceMs: number;
  readonly untilMs: number;
}

export interface OwnerTimes {
  /** How long it may last, and how long nothing may come from whoever runs it. Default: no limit. */
  readonly timeoutMs?: number | undefined;
  readonly idleTimeoutMs?: number | undefined;
}

/**
 * Where it comes from. `here`: it asks, and waits. What happens elsewhere is only noted, whoever holds what here: a
 * transaction of the `master`, and the `replay` of what was committed there.
 */
export type LockOrigin = 'here' | 'master' | 'replay';

export class LockOwner implements Timed {
  /** Ascending: the largest is the youngest. */
  readonly id: number;
  readonly origin: LockOrigin;
  readonly locks = new Map<Resource, LockMode>();
  /** At most one. */
  wait: Wait | null = null;
  isOver = false;
  /** Why it is over, if it did not end by itself. */
  endedBy: unknown = null;
  /** A call of whoever runs it is under way, so that it is not idle. */
  isBusy = false;
  lastActiveMs: number;
  endsMs: number;
  idleTimeoutMs: number;
  lookAt = Infinity;
  heapIndex = -1;

  constructor(id: number, nowMs: number, times: OwnerTimes, origin: LockOrigin = 'here') {
    this.id = id;
    this.origin = origin;
    this.lastActiveMs = nowMs;
    this.endsMs = nowMs + (times.timeoutMs ?? Infinity);
    this.idleTimeoutMs = times.idleTimeoutMs ?? Infinity;
  }

  get idleAtMs(): number {
    return this.isBusy ? Infinity : this.lastActiveMs + this.idleTimeoutMs;
  }

  get dueMs(): number {
    return Math.min(this.endsMs, this.idleAtMs, this.wait?.untilMs ?? Infinity);
  }
}
