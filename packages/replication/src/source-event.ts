// The vocabulary of a replica's choice between its master and an archive: its states, what can happen, and
// what it asks its runner to do.
import type { FollowerStateName, Moment, Problem } from './follower-event.js';

/**
 * resting: nobody is followed, or the master's follower says why not. master: the master is followed, or
 * not yet given up. reading: what the archive has is received. waiting: all of it is here. retrying: the
 * archive cannot be read, or lacks something, for now. stopped: what it holds is not for this replica.
 * yielding: the master answers, and what is being received from the archive ends first.
 */
export type SourceStateName =
  | 'resting'
  | 'master'
  | 'reading'
  | 'waiting'
  | 'retrying'
  | 'stopped'
  | 'yielding';

export interface SourceState {
  readonly name: SourceStateName;
  /** What a person is shown while the archive is the source. */
  readonly shown: FollowerStateName;
  readonly reason: string | null;
  readonly code: string | null;
  /** What to do, where more than waiting can help. */
  readonly message: string | null;
  /** Since when `shown` is what it is, ms since 1970. */
  readonly since: number;
  /** Why it is not the master. */
  readonly because: string;
  /** Of the follower of the master. */
  readonly follower: FollowerStateName;
  /** The grace of a master that is out of reach is running. */
  readonly isWaitingForMaster: boolean;
  /** When the master was asked last although it had refused, monotonic. */
  readonly probedMs: number;
  /** Looks at the archive in a row that failed. */
  readonly attempts: number;
  /** Something came while the archive was being read. */
  readonly isStale: boolean;
}

/** What a person has set. */
export interface SourceRule {
  /** Between two looks at an archive that says nothing by itself. */
  readonly pollMs: number;
  /** How long a master must be out of reach before the archive is followed. */
  readonly afterMs: number;
}

export type SourceEvent = { readonly at: Moment; readonly rule: SourceRule } & (
  | { readonly type: 'start' }
  /** The master's follower changed its state or its reason. */
  | {
      readonly type: 'follower';
      readonly name: FollowerStateName;
      readonly reason: string | null;
    }
  /** A channel to the master is open, and nothing was said on it yet. */
  | { readonly type: 'reached' }
  /** Something of the archive is durable here. */
  | { readonly type: 'read' }
  /** Everything that was there is. */
  | { readonly type: 'read-ended' }
  | { readonly type: 'read-failed'; readonly problem: Problem }
  /** A person has set other times. */
  | { readonly type: 'rule' }
  /** The archive may have got something. */
  | { readonly type: 'woken' }
  | { readonly type: 'timer' }
);

export type SourceEffect =
  /** Look at the archive and receive what is there. One at a time: the one before ends first. */
  | { readonly type: 'read' }
  /** End reading; nothing is heard of it any more. */
  | { readonly type: 'halt' }
  /** Ask the master again although it had refused. */
  | { readonly type: 'probe' }
  /** One timer: setting it replaces the one before. */
  | { readonly type: 'timer'; readonly afterMs: number }
  | { readonly type: 'cancel-timer' }
  | {
      readonly type: 'log';
      readonly level: 'info' | 'warning' | 'error';
      readonly event: string;
      readonly message: string;
    };

export interface SourceStep {
  readonly state: SourceState;
  readonly effects: readonly SourceEffect[];
}
