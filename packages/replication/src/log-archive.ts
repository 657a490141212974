// What following needs of an archive that holds a database's log; the backup package has it.
import type { Timeline } from '@pamina/format';
import type { ChannelPoint, ChannelSegment, SegmentBytes } from '@pamina/wire';

/** Where the log of the replica ends. */
export interface ReplicaEnd {
  readonly timelines: readonly Timeline[];
  readonly point: Pick<ChannelPoint, 'seq' | 'chain' | 'time'>;
  readonly segment: ChannelSegment | null;
}

export interface ArchivedChunk {
  /** Verified against the chain from the replica's end on. */
  readonly chunk: SegmentBytes;
  /** The history to take over before it; null where the replica has it already. */
  readonly timelines: readonly Timeline[] | null;
}

export interface LogArchive {
  /** Address without credentials. */
  describe(): string;
  /**
   * What leads on from there, in order, and no more than a few chunks ahead; ends where nothing more is in
   * the archive. LOG_GONE, DIVERGED, PATTERN_MISMATCH, LOG_DAMAGED, ARCHIVE_DAMAGED, ARCHIVE_UNAVAILABLE.
   */
  read(end: ReplicaEnd, signal: AbortSignal): AsyncIterable<ArchivedChunk>;
  /** That no record came behind `seq` until `time`, by the master's clock; null where nothing says so. */
  completeUntil(
    signal: AbortSignal,
  ): Promise<{ readonly seq: number; readonly time: number } | null>;
  /** Hints of changes; see Archive.watch. May be called again. */
  watch(onChange: () => void): Promise<void>;
  close(): Promise<void>;
}
