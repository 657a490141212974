// The messages of the replication channel: what a follower (replica) and a feed (its master) say to
// each other. Log bytes travel beside them in byte frames (channel-bytes.ts), never in msgpack.

import type { SegmentHeader, Timeline } from '@pamina/format';

/** Raised when a message changes in a way that an older peer would misread. */
export const channelProtocol = 1;

/** First byte of every frame. */
export const channelFrame = { control: 1, bytes: 2 } as const;

/** A record that names a history: `chain` is the running checksum after record `seq`. */
export interface ChannelPoint {
  readonly timeline: number;
  readonly timelineId: string;
  readonly seq: number;
  readonly chain: number;
  /** Commit time of the record, ms since 1970. */
  readonly time: number;
}

/** The segment that a replica has open: the next byte that it needs stands at `offset`. */
export interface ChannelSegment {
  readonly name: string;
  readonly offset: number;
}

/** First message of the follower: who it is and up to where it has the log on its own disk. */
export interface HelloMessage {
  readonly type: 'hello';
  readonly protocol: number;
  /** Newest version of the segment format that the replica reads. */
  readonly formatVersion: number;
  /** Name of the master that it means to talk to. */
  readonly database: string;
  readonly replica: string;
  readonly instance: string;
  /** Random, of one run of the follower: tells a connection that comes again from a copy of its folder. */
  readonly run?: string | undefined;
  /** Null in a copy of an initial backup, which has no pattern yet. */
  readonly pattern: string | null;
  readonly timelines: readonly Timeline[];
  readonly point: ChannelPoint;
  readonly segment: ChannelSegment | null;
  readonly simultaneousQuery: boolean;
}

/**
 * Allows the feed to send `bytes` more log bytes. With `wait` the feed goes on sending as records
 * become durable there; without it, it sends `end` as soon as everything durable has been sent.
 */
export interface RequestMessage {
  readonly type: 'request';
  readonly bytes: number;
  readonly wait: boolean;
}

/** How far the replica is. `oldest`: the oldest record that it still needs for replicas of its own. */
export interface ReportMessage {
  readonly type: 'report';
  readonly received: number;
  readonly durable: number;
  readonly applied: number;
  readonly oldest?: number | undefined;
}

/** Of a replica that follows the sender: whether it has simultaneous query on, to be entered by the master of all. */
export interface QueryMessage {
  readonly type: 'query';
  readonly replica: string;
  readonly simultaneousQuery: boolean;
}

export interface GoodbyeMessage {
  readonly type: 'goodbye';
}

/** The feed's answer to a hello that passed every check. */
export interface WelcomeMessage {
  readonly type: 'welcome';
  readonly protocol: number;
  readonly instance: string;
  readonly name: string;
  readonly timelines: readonly Timeline[];
  /** The master's last durable record. */
  readonly point: ChannelPoint;
  readonly replicationDelayMs: number;
  /** The master's clock, ms since 1970. */
  readonly time: number;
  /** The log carries what simultaneous query needs. */
  readonly lockData: boolean;
}

/** Ends the channel, at once or later. `code` is one of the error table; unknown ones are kept. */
export interface RefuseMessage {
  readonly type: 'refuse';
  readonly code: string;
  readonly message: string;
  readonly context: Readonly<Record<string, unknown>>;
}

/** Everything that was durable at `point` has been sent; answers a request without `wait`. */
export interface EndMessage {
  readonly type: 'end';
  readonly point: ChannelPoint;
  readonly time: number;
}

/** Every second, so that lag is known and changed settings arrive while nothing is written. */
export interface HeartbeatMessage {
  readonly type: 'heartbeat';
  readonly point: ChannelPoint;
  readonly time: number;
  /** Durable log bytes on the master that this channel has not been sent yet. */
  readonly logBytes?: number | undefined;
  readonly replicationDelayMs: number;
  /**
   * How far this database is behind its own master at most, in ms by its clock; null if it is a replica that
   * cannot tell. Left out by older versions, and then 0.
   */
  readonly behindMs?: number | null | undefined;
  /** A commit waits for this replica: one that asks now and then asks at once. Older versions do not look at it. */
  readonly isAwaited?: boolean | undefined;
}

export type FollowerMessage =
  | HelloMessage
  | RequestMessage
  | ReportMessage
  | QueryMessage
  | GoodbyeMessage;
export type FeedMessage = WelcomeMessage | RefuseMessage | EndMessage | HeartbeatMessage;
export type ChannelMessage = FollowerMessage | FeedMessage;

/** A run of raw bytes of one segment file, exactly as they stand on the master's disk. */
export interface SegmentBytes {
  /** Path below the log folder. A part cut off by a promotion stands in the new timeline's folder. */
  readonly name: string;
  readonly segment: SegmentHeader;
  /** Offset in the file of the first byte. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** The bytes reach the end of a closed segment, its trailer included. */
  readonly endsSegment: boolean;
  /** Last record that is complete at the end of these bytes. */
  readonly lastSeq: number;
}
