// What a feed is given, and what it tells of itself.

import type { ReportMessage } from '@pamina/wire';
import type { EndCause, FeedState } from './feed-event.js';
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
  /** When it was let in, ms since 1970. */
  readonly since: number;
}

/** The end of a feed, of a replica whose name is permitted: nobody has to remember other names (P13). */
export interface FeedEnd extends EndCause {
  readonly replica: string;
  /** It was let in; else it was refused, or went before it was answered. */
  readonly hasFollowed: boolean;
  /** When something of it was heard last, ms since 1970. */
  readonly heardAt: number;
}

export interface FeedOptions {
  /** Ends the feed in order; the replica connects again until it finds the database. */
  readonly signal?: AbortSignal | undefined;
  /** Called at each change after the replica's hello was accepted, and with null when the feed ends. */
  readonly onStatus?: ((status: FeedStatus | null) => void) | undefined;
  /** Called once, when everything that the feed held is let go. */
  readonly onEnd?: ((end: FeedEnd) => void) | undefined;
  /** A replica has proved that another database took the place of this one: it must write no more (P11). */
  readonly onTakenOver?: ((replica: string) => void) | undefined;
  /** On a replica: what a replica of it wants is entered by the master above. */
  readonly onQueryWanted?: ((replica: string, simultaneousQuery: boolean) => void) | undefined;
  /** Those of this database: without them nobody finds out that a replica follows twice. */
  readonly seats?: FeedSeats | undefined;
}

export function statusOf(
  { hello, name, sentBytes, sentSeq }: FeedState,
  rest: Pick<FeedStatus, 'report' | 'since'>,
): FeedStatus {
  const { instance = '', replica = '' } = hello ?? {};
  return { replica, instance, state: name, sentSeq, sentBytes, ...rest };
}

/** Null of one that is not permitted, or did not come to say who it is. */
export function endOf(
  { end, hello, isPermitted }: FeedState,
  rest: Pick<FeedEnd, 'hasFollowed' | 'heardAt'>,
): FeedEnd | null {
  if (end === null || hello === null || !isPermitted) return null;
  return { replica: hello.replica, ...end, ...rest };
}
