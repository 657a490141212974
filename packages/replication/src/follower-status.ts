// What a replica says about its replication: always with reason and since when (DESIGN §9).

import type { Position } from '@pamina/format';
import type { Lag } from '@pamina/wire';
import type { FollowerStateName } from './follower-event.js';

/** The archive that a replica follows while its master cannot be followed. */
export interface ArchiveSourceStatus {
  /** Without credentials. */
  readonly address: string;
  /** It is what the replica follows now. */
  readonly isSource: boolean;
  /** Up to where this replica had taken what it held, when it was looked at last; null before the first look. */
  readonly position: Position | null;
  /** That nothing came behind that position until then, by the master's clock, ms since 1970; null where nothing says so. */
  readonly completeUntil: number | null;
  /** When all that it held was here, ms since 1970. */
  readonly lookedAt: number | null;
  /** What is wrong with it, while it is the source. */
  readonly problem: string | null;
}

export interface FollowerStatus {
  readonly state: FollowerStateName;
  /** Why, in plain words; null when there is nothing to say. */
  readonly reason: string | null;
  /** Code of the error that led here. */
  readonly code: string | null;
  /** ms since 1970 */
  readonly since: number;
  /** What to do; only in the terminal states. */
  readonly message: string | null;
  readonly master: {
    readonly name: string;
    /** Where it was found last. */
    readonly address: string | null;
    /** Its last durable record, as it last said. */
    readonly position: Position | null;
    /** When it said so, by this machine's clock, ms since 1970. */
    readonly heardAt: number | null;
    readonly replicationDelayMs: number | null;
  };
  readonly received: Position;
  readonly durable: Position;
  readonly applied: Position;
  readonly lag: { readonly received: Lag; readonly durable: Lag; readonly applied: Lag };
  /** Of a replica that has an archive beside its master. */
  readonly archive?: ArchiveSourceStatus | undefined;
  /** Commit time of the last record that was applied here, ms since 1970; null before the first. */
  readonly lastReplicatedModificationTime: number | null;
}
