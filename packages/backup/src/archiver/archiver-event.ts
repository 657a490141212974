// What an archiver is told and what it asks for: the vocabulary of its state machine.

export type ArchiverStateName =
  /** Not started, or ended. */
  | 'stopped'
  /** Opens the archive and holds it against the log. */
  | 'starting'
  /** Everything that is durable is archived; nothing is asked of the archive but a heartbeat now and then. */
  | 'idle'
  /** Something is to be archived, and its time has not come. */
  | 'waiting'
  /** A request is under way. */
  | 'working'
  /** The archive did not take something; tried again later. */
  | 'retrying'
  /** No retry helps: a person must act. */
  | 'blocked';

/** What of the log is not archived yet. */
export interface LogWork {
  /** A closed segment waits. */
  readonly isClosed: boolean;
  /** Bytes of the open segment. */
  readonly bytes: number;
}

export interface Problem {
  readonly code: string;
  readonly message: string;
}

export interface ArchiverState {
  readonly name: ArchiverStateName;
  readonly intervalMs: number;
  /** While it is idle a heartbeat is written so often; 0 = once, when it has become idle. */
  readonly heartbeatMs: number;
  /** Failures since something succeeded. */
  readonly attempts: number;
  /** Backups may have come that are not archived. */
  readonly areBackupsDue: boolean;
  /** Something was archived since the last heartbeat. */
  readonly isHeartbeatDue: boolean;
  /** Somebody waits for all that is durable now: the interval is not waited for. */
  readonly isHurried: boolean;
  /** When log was archived last, by the monotonic clock. */
  readonly archivedMs: number;
  readonly problem: Problem | null;
}

interface At {
  /** By the monotonic clock. */
  readonly nowMs: number;
  readonly work: LogWork;
}

export type ArchiverEvent =
  | { readonly type: 'start' }
  | { readonly type: 'heartbeat-interval'; readonly ms: number }
  /** Archive and log agree on a position. */
  | ({ readonly type: 'started' } & At)
  /** More became durable, or a segment was closed. */
  | ({ readonly type: 'log-changed' } & At)
  | ({ readonly type: 'backups-changed' } & At)
  | ({ readonly type: 'hurry' } & At)
  /** What somebody waited for is there: writers that go on are not run after. */
  | { readonly type: 'calm' }
  | ({ readonly type: 'timer' } & At)
  | ({ readonly type: 'log-archived' } & At)
  | ({ readonly type: 'backups-archived' } & At)
  | ({ readonly type: 'heartbeat-written' } & At)
  | {
      readonly type: 'failed';
      readonly problem: Problem;
      readonly isFinal: boolean;
      readonly chance: number;
    }
  | { readonly type: 'stop' };

export type ArchiverEffect =
  /** Answer with `started` or `failed`. */
  | { readonly type: 'reconcile' }
  /** Answer with `log-archived` or `failed`. */
  | { readonly type: 'archive-segment' }
  | { readonly type: 'archive-piece' }
  /** Answer with `backups-archived` or `failed`. */
  | { readonly type: 'archive-backups' }
  /** Answer with `heartbeat-written` or `failed`. */
  | { readonly type: 'write-heartbeat' }
  /** Replaces a timer that is set; answer with `timer`. */
  | { readonly type: 'set-timer'; readonly ms: number }
  | { readonly type: 'cancel-timer' }
  | {
      readonly type: 'log';
      readonly level: 'info' | 'warning' | 'error';
      readonly event: string;
      readonly message: string;
    };

export interface ArchiverStep {
  readonly state: ArchiverState;
  readonly effects: readonly ArchiverEffect[];
}
