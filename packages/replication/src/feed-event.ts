// The vocabulary of the feed, the master's side of a replication channel: its states, what can
// happen to it, and what it asks its runner to do.

import type { Timeline } from '@pamina/format';
import type { ChannelPoint, HelloMessage, RequestMessage, ReportMessage } from '@pamina/wire';
import type { FeedLoss, FeedReplica, FeedSegment } from './contract.js';

/**
 * greeting: no hello yet. checking: its facts are being gathered. idle: nothing is asked for.
 * reading: a read of the log is under way. blocked: the channel must drain first. starved: asked
 * for, but no credit is left. waiting: everything durable was sent and the replica waits for more.
 */
export type FeedStateName =
  | 'greeting'
  | 'checking'
  | 'idle'
  | 'reading'
  | 'blocked'
  | 'starved'
  | 'waiting'
  | 'closed';

export interface FeedState {
  readonly name: FeedStateName;
  /** When the channel came in, on a monotonic clock. */
  readonly startedMs: number;
  readonly hello: HelloMessage | null;
  /** Bytes that the replica allows to be sent; never negative, never above `feedCreditBytesMax`. */
  readonly credit: number;
  /** The open request waits for more instead of being answered by `end`. */
  readonly wait: boolean;
  /** Last record that the replica has or has been sent whole: no report can truly be beyond it. */
  readonly sentSeq: number;
  /** Chunks sent so far. */
  readonly sentBytes: number;
  /** A replica that asks now and then was told that a commit waits for it, and has not asked since. */
  readonly isCalled: boolean;
  /** Its name was permitted when its hello was judged; false before. */
  readonly isPermitted: boolean;
  /** Why it ended, of the first cause; null until it is closed. */
  readonly end: EndCause | null;
}

/** `code` is that of a refusal, null where nobody was refused. */
export interface EndCause {
  readonly code: string | null;
  readonly message: string;
}

/** What the runner found out to judge a hello by. */
export interface FeedFacts {
  readonly name: string;
  readonly instance: string;
  readonly pattern: string | null;
  readonly timelines: readonly Timeline[];
  readonly durable: ChannelPoint;
  readonly permitted: FeedReplica | null;
  /** Why another connection keeps its seat; null when it is this one's. */
  readonly rival: Refusal | null;
  /** Since when and why no log is held for it; null while it is. */
  readonly lost: FeedLoss | null;
  /** Own chain after the replica's last record; null if that record is not here. */
  readonly chain: number | null;
  readonly segments: readonly FeedSegment[];
}

/** Where sending starts. */
export interface ResumePlan {
  /** Record that the cursor is opened at: the replica's last one, or the one after it. */
  readonly openAt: number;
  /** Last record that the replica has. */
  readonly heldSeq: number;
  /** The replica has the bytes of this file before the offset; null: it begins a new segment. */
  readonly inside: { readonly name: string; readonly offset: number } | null;
}

export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly context: Readonly<Record<string, unknown>>;
}

export type FeedEvent =
  | { readonly type: 'hello'; readonly hello: HelloMessage }
  | { readonly type: 'facts'; readonly facts: FeedFacts }
  | { readonly type: 'request'; readonly request: RequestMessage }
  | { readonly type: 'report'; readonly report: ReportMessage }
  | { readonly type: 'goodbye' }
  /** A read ended with bytes; `bufferedBytes` were queued on the channel before them. */
  | {
      readonly type: 'chunk';
      readonly bytes: number;
      readonly lastSeq: number;
      readonly bufferedBytes: number;
    }
  /** A read ended at the end of what is durable. */
  | { readonly type: 'dry' }
  /** More became durable; `isAwaited`: a commit in it, or behind it, waits for this replica. */
  | { readonly type: 'more'; readonly isAwaited: boolean }
  | { readonly type: 'drained' }
  | { readonly type: 'tick'; readonly nowMs: number; readonly permitted: boolean }
  /** The database, the log or the peer's message failed; the peer is told. */
  | { readonly type: 'failed'; readonly refusal: Refusal }
  /** This side is asked to end. */
  | { readonly type: 'stop'; readonly why: string }
  /** The channel is closed. */
  | { readonly type: 'closed'; readonly message: string };

export type FeedEffect =
  /** Pin the log at the replica's point, find out the facts, answer with `facts` or `failed`. */
  | { readonly type: 'gather'; readonly hello: HelloMessage }
  | {
      readonly type: 'permit-simultaneous-query';
      readonly replica: string;
      readonly simultaneousQuery: boolean;
    }
  | { readonly type: 'welcome'; readonly plan: ResumePlan }
  /** Read on; answer with `chunk`, `dry` or `failed`. Never asked for while a read is under way. */
  | { readonly type: 'read'; readonly bytesMax: number }
  /** Send the chunk of this event. */
  | { readonly type: 'send-chunk' }
  | { readonly type: 'send-end' }
  /** `isAwaited`: the replica is to ask at once. */
  | { readonly type: 'send-heartbeat'; readonly isAwaited: boolean }
  /** Answer with `drained`. */
  | { readonly type: 'await-drained' }
  /** Enter the positions into the slot table and move the pin. */
  | { readonly type: 'slot'; readonly report: ReportMessage }
  | { readonly type: 'refuse'; readonly refusal: Refusal }
  /** A replica has proved that another database took this one's place. */
  | { readonly type: 'taken-over'; readonly replica: string }
  | { readonly type: 'close'; readonly code: number; readonly message: string }
  | {
      readonly type: 'log';
      readonly level: 'info' | 'warning' | 'error';
      readonly event: string;
      readonly message: string;
    };

export interface FeedStep {
  readonly state: FeedState;
  readonly effects: readonly FeedEffect[];
}
