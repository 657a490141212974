// A master's replicas as the administration tells them.

/** How far behind the master; a part is null when it cannot be known (P9: never a guess). */
export interface Lag {
  readonly records: number | null;
  readonly bytes: number | null;
  readonly seconds: number | null;
}

/**
 * What a database's log holds for one of its replicas. `ok`: nothing for it alone. `holding`: up to the caps.
 * `past-cap`: nothing any more, what it lacks is still here for others. `lost`: that is given up.
 */
export interface ReplicaHold {
  readonly replica: string;
  readonly state: 'ok' | 'holding' | 'past-cap' | 'lost';
  /** What it has on its disk, by its last report. */
  readonly position: string;
  /** Of the closed segments that it still needs. */
  readonly bytes: number;
  /** When the oldest of them was begun, or when it was lost, ms since 1970; null when neither is so. */
  readonly since: number | null;
  /** The cap that was passed: `replicaHoldBytes` or `replicaHoldDays`. */
  readonly cap: 'bytes' | 'age' | null;
}

/** A replica as its master sees it: permitted, seen, or both. */
export interface ReplicaSummary {
  readonly name: string;
  readonly instance: string | null;
  readonly permitted: boolean;
  readonly simultaneousQuery: boolean;
  readonly connected: boolean;
  /** `permitted` = never seen, `connected`, `disconnected`, `lost` = past the cap of retention. */
  readonly state: 'permitted' | 'connected' | 'disconnected' | 'lost';
  /**
   * Since when it is in this state, ms since 1970; `disconnected`: when it was heard of last. Null when that is not
   * known; left out by older servers.
   */
  readonly since?: number | null | undefined;
  /** Why, in plain words; left out by older servers. */
  readonly reason?: string | null | undefined;
  readonly received: string | null;
  readonly durable: string | null;
  readonly applied: string | null;
  readonly lag: { readonly received: Lag; readonly durable: Lag; readonly applied: Lag };
  /** When it was heard of last, ms since 1970. */
  readonly seenAt: number | null;
  /** Null before it was seen; left out by older servers. */
  readonly hold?: ReplicaHold | null | undefined;
}
