// What a feed is given, and what it tells of itself.

import type { ReportMessage } from '@pamina/wire';
import type { FeedState } from './feed-event.js';
import type { FeedSeats } from './feed-seats.js';

/** What the master's side knows of one connected replica. */
export interface FeedStatus {
  readonly replica: string;
  readonly instance: string;
  readonly state: FeedState['name'];
  /** Last record that the replica has or was sent whole. */
  readonly sentSeq: number;
  readonly sentBytes: number;
  /** The replica's last report; null before the first. */
  readonly report: ReportMessage | null;
}

export interface FeedOptions {
  /** Ends the feed in order; the replica connects again until it finds the database. */
  readonly signal?: AbortSignal | undefined;
  /** Called at each change after the replica's hello was accepted, and with null when the feed ends. */
  readonly onStatus?: ((status: FeedStatus | null) => void) | undefined;
  /** A replica has proved that another database took the place of this one: it must write no more (P11). */
  readonly onTakenOver?: ((replica: string) => void) | undefined;
  /** Those of this database: without them nobody finds out that a replica follows twice. */
  readonly seats?: FeedSeats | undefined;
}
