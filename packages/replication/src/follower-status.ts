// What a replica says about its replication: always with reason and since when (DESIGN §9).

import type { Position } from '@pamina/format';
import type { Lag } from '@pamina/wire';
import type { FollowerStateName } from './follower-event.js';

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
  /** Commit time of the last record that was applied here, ms since 1970; null before the first. */
  readonly lastReplicatedModificationTime: number | null;
}
