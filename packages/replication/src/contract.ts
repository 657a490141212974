// What replication needs of a database, and nothing more: the engine's Database fits both shapes,
// and tests bring small fakes.

import type { Env } from '@pamina/env';
import type { PaminaError, SegmentHeader, SegmentName, Timeline } from '@pamina/format';
import type { ChannelPoint, ChannelSegment, SegmentBytes } from '@pamina/wire';

export interface JobLogWriter {
  write(
    level: 'info' | 'warning' | 'error',
    event: string,
    message: string,
    fields?: Record<string, unknown>,
  ): void;
}

/** One segment of a log as far as the feed looks at it. */
export interface FeedSegment {
  /** Path below the log folder. */
  readonly name: string;
  readonly place: SegmentName;
  readonly firstSeq: number;
  /** Bytes durable here, the trailer included once closed. */
  readonly bytes: number;
  /** Null until somebody needed it. */
  readonly header: SegmentHeader | null;
}

/** Durable bytes in order, across segments. */
export interface FeedCursor {
  /** About `bytesMax` bytes of one segment; null when nothing more is durable. LOG_GONE, LOG_DAMAGED. */
  next(bytesMax: number): Promise<SegmentBytes | null>;
  close(): Promise<void>;
}

export interface FeedLog {
  /** Oldest first. */
  segments(): readonly FeedSegment[];
  /** Chain after record `seq`, also of the one before the first record here; null if it is not here. */
  chainAt(seq: number): Promise<number | null>;
  /**
   * Starts with the bytes of record `seq`; with the segment's header if that is its first record.
   * Record durable + 1 is allowed. LOG_GONE, POSITION_AHEAD.
   */
  /** With `sharesBuffer` the bytes of a chunk change when the next one is asked for. */
  openCursor(from: { readonly seq: number; readonly sharesBuffer: boolean }): Promise<FeedCursor>;
  /** Retention keeps records from `fromSeq` on until the returned function is called. */
  pin(fromSeq: number): () => void;
  /** Called after each sync and each closed segment; returns its own removal. */
  onDurable(listener: () => void): () => void;
}

export interface FeedReplica {
  readonly name: string;
  readonly simultaneousQuery: boolean;
}

/** A replica needed more log than is held for one. */
export interface FeedLoss {
  /** ms since 1970 */
  readonly at: number;
  readonly cap: 'bytes' | 'age';
}

/** The database that is replicated: the master, or a replica that feeds others. */
export interface FeedDatabase {
  readonly env: Env;
  readonly control: { readonly name: string };
  readonly identity: { readonly pattern: string | null; readonly instance: string };
  readonly timelines: readonly Timeline[];
  readonly log: FeedLog;
  readonly jobLog: JobLogWriter;
  durable(): ChannelPoint;
  settings(): { readonly replicationDelayMs: number };
  permitted(): Promise<readonly FeedReplica[]>;
  permit(name: string, options: { simultaneousQuery: boolean }): Promise<unknown>;
  /** Commits here that wait until replicas have them on their disks. */
  readonly synchronous: {
    /** `timelineId`: the newest one of the history that the replica was welcomed to. */
    reported(replica: string, timelineId: string, durableSeq: number): void;
    /** Whether a commit behind record `seq` waits for this replica. */
    isAwaited(replica: string, seq: number): boolean;
  };
  readonly freshness: {
    /** How many ms this database's own log is behind its master at most; 0 on a normal one, null if not known. */
    behindMs(place: 'durable'): number | null;
  };
  readonly slots: {
    report(
      instance: string,
      name: string,
      positions: { received: number; durable: number; applied: number },
    ): unknown;
    /** Null while log is held for the replica. */
    lost(name: string): FeedLoss | null;
    /** It is connected, and its log is here and pinned: log is held for it again. */
    takeBack(name: string): Promise<void>;
  };
}

/** The database that follows. */
export interface FollowerDatabase {
  readonly control: {
    readonly name: string;
    readonly master: string | null;
    readonly readOnly: boolean;
    readonly simultaneousQuery: boolean;
  };
  readonly identity: { readonly pattern: string | null; readonly instance: string };
  readonly timelines: readonly Timeline[];
  applied(): ChannelPoint;
  durable(): ChannelPoint;
  /** Takes over the master's history if it continues this one. DIVERGED. */
  adoptTimelines(history: readonly Timeline[]): Promise<void>;
  /** A connection ended: a record that never became whole is sent again from its beginning. */
  forgetPartialRecord(): void;
  /** The database can no longer store what it gets. Returns the removal of the listener. */
  onFailed(listener: (error: PaminaError) => void): () => void;
  /** Where the own log ends: what to ask the master for. */
  resumePoint(): { readonly segment: ChannelSegment | null; readonly point: ChannelPoint };
  /** Verifies, writes and syncs; resolves when durable, rejects without having applied anything of it. */
  receive(chunk: SegmentBytes): Promise<void>;
}
