// The vocabulary of the follower, the replica's side of replication: its states, what can happen to
// it, and what it asks its runner to do.

import type { ChannelPoint, EndMessage, HeartbeatMessage, WelcomeMessage } from '@pamina/wire';

/**
 * The states of DESIGN §9. `delayed` and `paused` are missing: nothing leads there before an apply
 * delay and a pause exist. connecting: first attempt, or a channel that waits for its welcome.
 * disconnected: lost or refused for now, and trying again for ever.
 */
export type FollowerStateName =
  | 'offline'
  | 'read-only'
  | 'connecting'
  | 'catching-up'
  | 'streaming'
  | 'waiting'
  | 'disconnected'
  | 'pattern-mismatch'
  | 'not-permitted'
  | 'diverged'
  | 'log-gone'
  | 'version-mismatch'
  | 'clone'
  | 'failed';

/** The connection: there is never more than one (being opened, or open). */
export type Link = 'none' | 'opening' | 'open';

/** What the master last said about itself. */
export interface MasterNews {
  readonly point: ChannelPoint;
  /** The master's clock when it said so. */
  readonly time: number;
  /** Own monotonic clock when it was heard. */
  readonly heardMs: number;
  /** Durable log bytes there that had not been sent yet; null when it did not say. */
  readonly backlogBytes: number | null;
}

export interface FollowerState {
  readonly name: FollowerStateName;
  /** Name of the master, for messages. */
  readonly masterName: string;
  /** Why, in plain words; null when there is nothing to say. */
  readonly reason: string | null;
  /** Code of the error that led here. */
  readonly code: string | null;
  /** What to do: in the terminal states, and while something is `unstored`. */
  readonly message: string | null;
  /** Why what came last could not be stored here; null once something was. */
  readonly unstored: Problem | null;
  /** ms since 1970 */
  readonly since: number;
  readonly link: Link;
  /** When the link got into its present state or the peer was heard last, monotonic. */
  readonly heardMs: number;
  /** Attempts to connect since data last came through. */
  readonly attempts: number;
  /** Bytes that the feed may still send; never negative. */
  readonly credit: number;
  /** Bytes received and not yet durable here; credit + held never exceed `feedCreditBytesMax`. */
  readonly held: number;
  readonly replicationDelayMs: number;
  /** In pull mode: a request is open and its `end` has not come. */
  readonly pulling: boolean;
  /** In pull mode: when the last `end` came, monotonic. */
  readonly endedMs: number;
  readonly master: MasterNews | null;
  /** Last record that is durable here. */
  readonly durableSeq: number;
}

/** When it happened, and a random fraction for jitter. */
export interface Moment {
  readonly now: number;
  readonly monotonicMs: number;
  readonly chance: number;
}

export interface Problem {
  readonly code: string;
  readonly message: string;
  /** The same may succeed later without anybody's doing. */
  readonly retryable: boolean;
}

export type FollowerEvent = { readonly at: Moment } & (
  | {
      readonly type: 'start';
      readonly masterName: string;
      readonly readOnly: boolean;
      readonly durableSeq: number;
    }
  | { readonly type: 'stop' }
  /** The property `readOnly` was set: true = queryable and not replicating. */
  | { readonly type: 'read-only'; readonly readOnly: boolean }
  /** The channel is open. */
  | { readonly type: 'connected' }
  | { readonly type: 'connect-failed'; readonly problem: Problem }
  | { readonly type: 'welcome'; readonly welcome: WelcomeMessage }
  /** The feed refused, or this side refuses what the feed sent. */
  | { readonly type: 'refused'; readonly problem: Problem }
  /** A byte frame of this many log bytes came. */
  | { readonly type: 'bytes'; readonly bytes: number }
  /** That many of them are durable now, up to this record. */
  | { readonly type: 'stored'; readonly bytes: number; readonly durableSeq: number }
  /** They could not be stored; everything received behind them is dropped too. */
  | { readonly type: 'store-failed'; readonly problem: Problem }
  | { readonly type: 'end'; readonly end: EndMessage }
  | { readonly type: 'heartbeat'; readonly heartbeat: HeartbeatMessage }
  /** The timer that was set last. */
  | { readonly type: 'timer' }
  /** Every second while started. */
  | { readonly type: 'tick' }
  | { readonly type: 'closed'; readonly message: string }
);

export type FollowerEffect =
  /** When all that was received is stored: find the master, open a channel. Answer with `connected` or `connect-failed`. */
  | { readonly type: 'connect' }
  /** Say hello with the present end of the own log. */
  | { readonly type: 'hello' }
  | { readonly type: 'request'; readonly bytes: number; readonly wait: boolean }
  | { readonly type: 'report' }
  /** Close the channel or give up opening it. */
  | { readonly type: 'disconnect'; readonly goodbye: boolean }
  /** Store the frame of this event, behind those received before. */
  | { readonly type: 'store' }
  /** One timer: setting it replaces the one before. */
  | { readonly type: 'timer'; readonly afterMs: number }
  | { readonly type: 'cancel-timer' }
  | {
      readonly type: 'log';
      readonly level: 'info' | 'warning' | 'error';
      readonly event: string;
      readonly message: string;
    };

export interface FollowerStep {
  readonly state: FollowerState;
  readonly effects: readonly FollowerEffect[];
}
