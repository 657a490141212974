// What happened in a run, in order, as plain data: what the checker judges and what a failure prints.
// Keys and values stand here as short texts (text.ts), so that a history can be read and compared.

import type { RecoveryTarget } from '@pamina/backup';
import type { Timeline } from '@pamina/format';

/** One write of a commit; `value` is null for a delete. */
export interface Write {
  readonly key: string;
  readonly value: string | null;
}

/** Key to value. */
export type State = ReadonlyMap<string, string>;

/** A place in the history of a database. */
export interface Point {
  readonly timelineId: string;
  readonly seq: number;
  readonly chain: number;
}

/** One record as it stands in a log file. */
export interface LoggedRecord extends Point {
  /** Chain before the record. */
  readonly chainBefore: number;
  readonly time: number;
  /** The commit whose writes these are; null for a record that is no commit of a writer. */
  readonly commit: string | null;
  /** Of a mark that has one. */
  readonly tag: string | null;
  /** In the user's key space. */
  readonly writes: readonly Write[];
}

/** One log as its files say, read without the code that is being tested. */
export interface LoggedFile {
  readonly name: string;
  readonly isClosed: boolean;
  /** Of the whole file, once it is closed. */
  readonly checksum: number | null;
  /** The last record that it holds. */
  readonly lastSeq: number;
}

export interface HeldBackup {
  readonly id: string;
  /** An incremental one is no state to begin with: it holds the log up to its record. */
  readonly kind: 'full' | 'initial' | 'incremental';
  readonly seq: number;
  readonly chain: number;
  /** Commit time of its record. */
  readonly time: number;
  readonly tag: string | null;
}

/** What a place of recovery holds. */
export interface PlaceContent {
  /** By record. */
  readonly backups: readonly HeldBackup[];
  /** Wherever in the place they stand, each once, by number. */
  readonly records: readonly LoggedRecord[];
}

/** Where a recovery takes from: a database's own folder, its backups alone, its archive. */
export type RecoverySource = 'own' | 'backups' | 'archive';

export type HistoryEvent =
  | {
      readonly type: 'commit-invoked';
      readonly database: string;
      readonly commit: string;
      readonly writer: string;
      readonly writes: readonly Write[];
    }
  | {
      readonly type: 'commit-acknowledged';
      readonly database: string;
      readonly commit: string;
      readonly timelineId: string;
      /** Null where the way of writing does not tell it. */
      readonly seq: number | null;
      /** So many replicas confirmed it. */
      readonly replicas?: number;
    }
  /** Rejected: it must be nowhere. */
  | { readonly type: 'commit-rejected'; readonly commit: string; readonly code: string }
  /** COMMIT_UNKNOWN, or the process ended before the answer: it may be there or not. */
  | { readonly type: 'commit-unknown'; readonly commit: string; readonly code: string }
  | { readonly type: 'read-invoked'; readonly database: string; readonly read: string }
  | {
      readonly type: 'read-answered';
      readonly database: string;
      readonly read: string;
      /** All of the state when `isWhole`, else the keys that were asked for; null is absent. */
      readonly found: ReadonlyMap<string, string | null>;
      readonly isWhole: boolean;
    }
  | { readonly type: 'read-failed'; readonly read: string; readonly code: string }
  /** The state exactly at a point, as a database holds it. */
  | {
      readonly type: 'state';
      readonly database: string;
      readonly point: Point;
      readonly state: State;
      /** Of everything that travels, system keys included; null if it was not computed. */
      readonly stateHash: string | null;
    }
  | {
      readonly type: 'log-read';
      readonly database: string;
      readonly records: readonly LoggedRecord[];
      readonly files: readonly LoggedFile[];
      /** Where the files do not hold together; null if they do. */
      readonly problem: string | null;
    }
  | { readonly type: 'created'; readonly database: string; readonly timelines: readonly Timeline[] }
  | {
      readonly type: 'opened';
      readonly database: string;
      readonly isReplica: boolean;
      /** Of a replica: the machine of the database that it follows. */
      readonly follows?: string | null;
      readonly point: Point;
      readonly timelines: readonly Timeline[];
    }
  | {
      readonly type: 'open-failed';
      readonly database: string;
      readonly code: string;
      readonly message: string;
    }
  | { readonly type: 'closed'; readonly database: string }
  | { readonly type: 'close-failed'; readonly database: string; readonly code: string }
  | { readonly type: 'failed'; readonly database: string; readonly code: string }
  | { readonly type: 'crashed'; readonly database: string; readonly how: 'kill' | 'power-cut' }
  /** How far a database is, looked at while it runs. */
  | {
      readonly type: 'progress';
      readonly database: string;
      readonly durable: number;
      readonly applied: number;
    }
  | {
      readonly type: 'backup-taken';
      readonly database: string;
      readonly backup: string;
      readonly point: Point;
      /** Empty where the backup has none. */
      readonly stateHash: string;
    }
  | {
      readonly type: 'backup-failed';
      readonly database: string;
      readonly code: string;
      /** There was a full backup before and after. */
      readonly isDue: boolean;
    }
  | {
      readonly type: 'restored';
      readonly backup: string;
      readonly database: string;
      readonly point: Point;
      readonly state: State;
    }
  | { readonly type: 'restore-failed'; readonly backup: string; readonly code: string }
  /** The hash that a copy recovered from backup and log has, at a point. */
  | {
      readonly type: 'recovered';
      readonly database: string;
      readonly point: Point;
      readonly stateHash: string;
    }
  /** What a place of recovery holds at a moment, as its files say. */
  | {
      readonly type: 'place-read';
      readonly database: string;
      readonly source: RecoverySource;
      readonly content: PlaceContent;
    }
  /** A copy recovered to a target: what it holds, and the point that it says it stands at. */
  | {
      readonly type: 'target-reached';
      readonly database: string;
      readonly source: RecoverySource;
      readonly target: RecoveryTarget;
      /** What the place held before. */
      readonly content: PlaceContent;
      readonly point: Point;
      readonly state: State;
      readonly stateHash: string;
    }
  | {
      readonly type: 'target-refused';
      readonly database: string;
      readonly source: RecoverySource;
      readonly target: RecoveryTarget;
      /** Before it was asked for, and after the refusal: things may go meanwhile. */
      readonly contents: readonly PlaceContent[];
      readonly code: string;
      readonly message: string;
    }
  /** The archiver says that the log up to here is in the archive. */
  | { readonly type: 'archived'; readonly database: string; readonly seq: number }
  | { readonly type: 'verified'; readonly what: 'log' | 'backup'; readonly database: string }
  /** Something was damaged on purpose: `id` is in the report that must follow, unless it is harmless. */
  | {
      readonly type: 'corrupted';
      readonly database: string;
      readonly path: string;
      readonly part: DamagedPart;
    }
  /** A disk said that something was synced which a power cut then took. */
  | { readonly type: 'lied'; readonly database: string }
  | { readonly type: 'fault'; readonly database: string; readonly what: string }
  /** An error or a warning that an administrator sees. */
  | {
      readonly type: 'reported';
      readonly database: string;
      readonly by: 'error' | 'job-log' | 'verify' | 'follower';
      readonly code: string;
      readonly message: string;
    }
  | { readonly type: 'network'; readonly what: string }
  | {
      readonly type: 'follower';
      readonly database: string;
      readonly state: string;
      readonly code: string | null;
      /** Where it stood. */
      readonly point?: Point;
      /** It is the archive that it is about. */
      readonly isOfArchive?: boolean;
    }
  | {
      readonly type: 'promoted';
      readonly database: string;
      /** The last record that it had by then. */
      readonly seq: number;
      /** The replicas of which it had most. */
      readonly among: readonly string[];
      readonly timelines: readonly Timeline[];
    }
  /** On its disk: the database takes no write any more. */
  | {
      readonly type: 'fenced';
      readonly database: string;
      readonly timelineId: string;
      /** Its last record. */
      readonly seq: number;
      /** The machine of whoever takes over, or has taken over. */
      readonly successor: string;
      readonly takenOver: boolean;
    }
  /** Its fence was taken away: it takes writes again. */
  | { readonly type: 'unfenced'; readonly database: string }
  /** From here on failovers of the database of this name are asked for, and no network is cut. */
  | { readonly type: 'failovers-begun'; readonly of: string }
  | {
      readonly type: 'failover-ended';
      readonly of: string;
      /** The machine that was asked. */
      readonly by: string;
      readonly to: string | null;
      readonly outcome: string;
    }
  | {
      readonly type: 'failovers-ended';
      readonly of: string;
      /** The machines whose database takes writes. */
      readonly writers: readonly string[];
      readonly outcomes: readonly string[];
      /** A machine went down meanwhile. */
      readonly wasInterrupted: boolean;
    }
  /** An old master becomes a replica of who has taken its place. */
  | {
      readonly type: 'rejoined';
      readonly database: string;
      readonly way: 'followed' | 'recreated';
      /** The last record that both have. */
      readonly forkSeq: number;
      /** Commits that no other database has. */
      readonly lost: readonly string[];
    }
  /** Stored by a replica, as it came from the archive: so many bytes of a segment. */
  | {
      readonly type: 'archive-received';
      readonly database: string;
      readonly segment: string;
      readonly offset: number;
      readonly bytes: number;
    }
  /** What became of a replica that had the archive alone to follow, which holds `untilSeq`. */
  | {
      readonly type: 'led-by-archive';
      readonly database: string;
      readonly untilSeq: number;
      readonly seq: number;
      /** It was laid out again meanwhile. */
      readonly wasMadeAnew: boolean;
      readonly reason: string;
    }
  /** A master has given up the log that this replica needs. */
  | {
      readonly type: 'replica-lost';
      readonly database: string;
      readonly by: string;
      readonly bytes: number;
      readonly bytesMax: number;
    }
  /** From here on there are no faults. */
  | { readonly type: 'healed' }
  | {
      readonly type: 'settled';
      readonly database: string;
      readonly master: string;
      readonly isConverged: boolean;
      readonly reason: string;
    }
  | { readonly type: 'stuck'; readonly what: string }
  /** An error that nobody caught. */
  | { readonly type: 'uncaught'; readonly message: string };

/** What a flipped bit was in. */
export type DamagedPart = 'log' | 'store' | 'backup' | 'archive';

export type Recorded = HistoryEvent & {
  /** Place in the history, from 0. */
  readonly index: number;
  /** Virtual time in ms since the run began. */
  readonly at: number;
};

export class History {
  /** What log files were found to hold so far. */
  readonly knownRecords = new Map<string, LoggedRecord>();
  readonly #events: Recorded[] = [];
  readonly #now: () => number;

  constructor(now: () => number = () => 0) {
    this.#now = now;
  }

  get events(): readonly Recorded[] {
    return this.#events;
  }

  add(event: HistoryEvent): Recorded {
    const recorded = { ...event, index: this.#events.length, at: this.#now() };
    this.#events.push(recorded);
    return recorded;
  }
}

type EventOf<T extends HistoryEvent['type']> = Extract<Recorded, { type: T }>;

export function eventsOf<T extends HistoryEvent['type']>(
  events: readonly Recorded[],
  type: T,
): EventOf<T>[] {
  return events.filter((event): event is EventOf<T> => event.type === type);
}
