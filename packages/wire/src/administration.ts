// The one interface through which databases are administered. The host (on a data folder) and the
// remote administration (over HTTP) implement it alike, so that no caller knows which one it holds.

import type {
  AddArchiveOptions,
  ArchiveSummary,
  BackupOptions,
  BackupsOptions,
  BackupSummary,
  ExpireAnswer,
  ExpireOptions,
} from './backups-and-archives.js';
import type {
  BatchOperation,
  Committed,
  Entry,
  ExportOptions,
  GetOptions,
  ImportReport,
  QueryOptions,
  SynchronousSummary,
  WriteOptions,
} from './data-options.js';
import type {
  FailoverOptions,
  FailoverReport,
  FenceStatus,
  RejoinOptions,
  RejoinReport,
  TakeoverStatus,
} from './failover.js';
import type { LogLine, LogOptions } from './log-lines.js';
import type { StopOptions } from './operations.js';
import type {
  AuditStatus,
  DamageStatus,
  HashReport,
  RebuildReport,
  RebuildRequest,
  VerifyReport,
  VerifyRequest,
} from './verification.js';
import type { LockDataStatus, LockSummary, QueriesStatus } from './locks.js';
import type { Lag, ReplicaHold, ReplicaSummary } from './replicas.js';
import type { DeleteReport, ReplacedCopy } from './removal.js';
import type { RestoreOptions, RestoreReport } from './restore.js';
import type { TransactionCalls } from './transactions.js';
import type { UserCalls } from './users.js';

export type DatabaseType = 'normal' | 'replica' | 'unassigned';

/**
 * What a database is doing. `open`, `failed`, `offline` hold for every type; the others are the
 * states of a replica. From `pattern-mismatch` on, and in `failed`, no retry helps: a person must
 * act, and `DatabaseStatus.message` says how.
 */
export type DatabaseState =
  | 'open'
  | 'failed'
  | 'offline'
  | 'connecting'
  | 'catching-up'
  | 'streaming'
  | 'waiting'
  | 'delayed'
  | 'paused'
  | 'read-only'
  | 'disconnected'
  | 'pattern-mismatch'
  | 'not-permitted'
  | 'diverged'
  | 'log-gone'
  | 'version-mismatch'
  | 'clone';

/** One step of a long task. `total` is null while it is not known. */
export interface ProgressStep {
  readonly step: string;
  readonly done: number;
  readonly total: number | null;
  readonly unit: 'bytes' | 'entries' | 'records' | 'steps';
}

export type Progress = (step: ProgressStep) => void;

export interface DatabaseSummary {
  readonly name: string;
  readonly type: DatabaseType;
  readonly online: boolean;
  readonly state: DatabaseState;
  /** The applied position, `1/48213`; null before the first session and when it cannot be read. */
  readonly position: string | null;
  readonly sizeBytes: number;
  /** Null where it takes writes; left out by older servers. */
  readonly fence?: FenceStatus | null | undefined;
}

export interface TimelineSummary {
  readonly timeline: number;
  readonly id: string;
  readonly forkedFrom: string | null;
  readonly atSeq: number;
  readonly why: string;
}

/** What a replica knows of its master; the lags are against the master's durable position. */
export interface MasterStatus {
  readonly name: string;
  readonly address: string | null;
  readonly durable: string | null;
  readonly lag: { readonly received: Lag; readonly durable: Lag; readonly applied: Lag };
  /** Commit time of the last record that this replica applied, ms since 1970. */
  readonly lastReplicatedModificationTime: number | null;
  /** What is followed now; left out by older versions. */
  readonly source?: 'master' | 'archive' | undefined;
  /** The archive beside the master; null where there is none. */
  readonly archive?: SourceArchiveStatus | null | undefined;
  /** What is applied is at most so old, ms; null if that is not known. Left out by older servers. */
  readonly behindMs?: number | null | undefined;
}

export interface SourceArchiveStatus {
  /** Without credentials. */
  readonly address: string;
  /** Up to where it had log when it was looked at last; null before the first look. */
  readonly position: string | null;
  /** When that was, ms since 1970. */
  readonly lookedAt: number | null;
  /** That nothing came behind that position until then, by the master's clock; null where nothing says so. */
  readonly completeUntil: number | null;
  /** What is wrong with it, while it is followed. */
  readonly problem: string | null;
  readonly pollMs: number;
  readonly afterMs: number;
}

export interface DatabaseStatus {
  readonly name: string;
  readonly type: DatabaseType;
  readonly online: boolean;
  readonly state: DatabaseState;
  /** Why it is in this state, in plain words; null when there is nothing to say. */
  readonly reason: string | null;
  /** Since when it is in this state, ms since 1970. */
  readonly since: number | null;
  /** What to do, in `failed` and the terminal states of a replica. */
  readonly message: string | null;
  readonly instance: string;
  readonly pattern: string | null;
  /** The current timeline, null before the first one. */
  readonly timeline: TimelineSummary | null;
  readonly timelines: readonly TimelineSummary[];
  /** The state that a read sees: what is acknowledged, also where the store follows a moment later. */
  readonly position: string | null;
  readonly received: string | null;
  readonly durable: string | null;
  readonly applied: string | null;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly simultaneousQuery: boolean;
  /** Null when they cannot be read (an offline database that does not open). */
  readonly settings: {
    readonly replicationDelayMs: number;
    readonly backupGenerations: number;
    readonly backupForm?: 'logical' | 'physical' | undefined;
    readonly backupAudit?: boolean | undefined;
    /** What is held for one replica at most; 0 = no cap. */
    readonly replicaHoldBytes?: number | undefined;
    readonly replicaHoldDays?: number | undefined;
  } | null;
  /** Null on everything but an online database that commits. Left out by older servers. */
  readonly synchronous?: SynchronousSummary | null | undefined;
  /** What its log carries of its locks; null on everything but an online database that commits. Left out by older servers. */
  readonly lockData?: LockDataStatus | null | undefined;
  /** Queries beside replay; null on everything but an online replica. Left out by older servers. */
  readonly queries?: QueriesStatus | null | undefined;
  /** Null on everything but a replica. */
  readonly master: MasterStatus | null;
  /** When a replica applies what it received; null on everything but a replica. Left out by older servers. */
  readonly applying?: ApplyingStatus | null | undefined;
  /** The last audit; null on everything but a replica, and before the first one. */
  readonly audit?: AuditStatus | null | undefined;
  /** Why the store is known to be damaged; null where nothing is known against it. Left out by older servers. */
  readonly damage?: DamageStatus | null | undefined;
  readonly backups: { readonly count: number; readonly newest: BackupSummary | null };
  readonly log: {
    readonly segments: number;
    readonly bytes: number;
    readonly firstSeq: number | null;
  };
  readonly createdAt: number;
  /** What the log holds for replicas, who holds most first; left out by older servers. */
  readonly holds?: readonly ReplicaHold[] | undefined;
  /** Where the database is archived; left out by older servers. */
  readonly archives?: readonly ArchiveSummary[] | undefined;
  /** It takes no writes: another database is to take its place, or has. Null if not; left out by older servers. */
  readonly fence?: FenceStatus | null | undefined;
  /** Whose place it took, if it did. Left out by older servers. */
  readonly takeover?: TakeoverStatus | null | undefined;
  /** Copies that this one was put in the place of, newest first. Left out by older servers. */
  readonly replaced?: readonly ReplacedCopy[] | undefined;
}

/** What a replica has received waits for its delay, or for an administrator. */
export interface ApplyingStatus {
  /** So long after its commit a record is applied; 0 = at once. */
  readonly delayMs: number;
  readonly paused: boolean;
  /** When that was set, ms since 1970; null if it never was. */
  readonly since: number | null;
  /** Records that are durable here and not applied. */
  readonly waiting: number;
  /** When the next one is applied by itself, ms since 1970; null if nothing waits or it is paused. */
  readonly nextAt: number | null;
}

/** One of the two. */
export interface ApplyTarget {
  readonly untilPosition?: string | undefined;
  /** ms since 1970: the last commit at this time or before it. */
  readonly untilTime?: number | undefined;
}

export interface ResetOptions {
  /** It becomes normal behind this position; what it received behind that is kept aside. */
  readonly untilPosition?: string | undefined;
}

export interface JobEvent {
  /** ms since 1970 */
  readonly time: number;
  readonly level: 'info' | 'warning' | 'error';
  readonly event: string;
  readonly message: string;
  readonly fields?: Record<string, unknown> | undefined;
}

export interface CreateOptions {
  /**
   * Folder or URL of a backup (`http://host:port/v1/databases/NAME/backups/ID`), or
   * `pamina://MASTER` for the newest non-initial backup of that database, found by the directory.
   */
  readonly fromBackup?: string | undefined;
}

export interface ReplicateOptions {
  readonly master: string;
  /**
   * Address of an archive of the master (a path, s3://…) that is followed while the master cannot be; a new
   * replica is made from the newest backup there, and its master is not asked for anything.
   */
  readonly fromArchive?: string | undefined;
  /** Access keys of the archive, in INI form. */
  readonly credentialsFile?: string | undefined;
  /** To read an encrypted archive with. */
  readonly identityFile?: string | undefined;
  readonly simultaneousQuery?: boolean | undefined;
  /** Build the copy anew from the master's newest backup, or that in `fromArchive` (the way out of the terminal states). */
  readonly recreate?: boolean | undefined;
}

/** Keys and values are text (UTF-8). All calls reject with PaminaError. */
export interface Administration {
  list(): Promise<DatabaseSummary[]>;
  status(name: string): Promise<DatabaseStatus>;
  create(name: string, options?: CreateOptions, progress?: Progress): Promise<DatabaseStatus>;
  /**
   * A backup, and the log behind it up to a target, as a new database, as a copy (`as`) of one that
   * stays as it is, or in the place of one that is stopped. POSITION_UNREACHABLE before anything is touched.
   */
  restore(
    name: string,
    options: RestoreOptions,
    progress?: Progress,
    signal?: AbortSignal,
  ): Promise<RestoreReport>;
  start(name: string): Promise<DatabaseStatus>;
  stop(name: string, options?: StopOptions): Promise<DatabaseStatus>;
  backup(
    name: string,
    options?: BackupOptions,
    progress?: Progress,
    signal?: AbortSignal,
  ): Promise<BackupSummary>;
  /**
   * Newest first, the initial one included. Also of a deleted database whose backups were kept. Of an
   * archive what it has, with what expired and is not removed yet. ARCHIVE_NOT_FOUND.
   */
  backups(name: string, options?: BackupsOptions): Promise<BackupSummary[]>;
  /** Log and backups are copied there from now on. ARCHIVE_EXISTS, and what the archive says. */
  addArchive(name: string, archive: string, options: AddArchiveOptions): Promise<ArchiveSummary>;
  /** Nothing is copied there any more; what is there stays. ARCHIVE_NOT_FOUND. */
  removeArchive(name: string, archive: string): Promise<void>;
  archives(name: string): Promise<ArchiveSummary[]>;
  /** Copies what is missing, to one archive or to all, and ends when it is there. */
  runArchive(
    name: string,
    archive: string | undefined,
    signal?: AbortSignal,
  ): Promise<ArchiveSummary[]>;
  /** Removes the backups that no rule keeps. BACKUP_RUNNING, ARCHIVE_NOT_FOUND, ARCHIVE_IN_USE. */
  expire(name: string, options?: ExpireOptions): Promise<ExpireAnswer>;
  allow(
    name: string,
    replica: string,
    options?: { simultaneousQuery?: boolean | undefined },
  ): Promise<void>;
  deny(name: string, replica: string): Promise<void>;
  replicas(name: string): Promise<ReplicaSummary[]>;
  /** Held and waited for, the oldest transactions first, at most so many (1,000). DATABASE_OFFLINE. */
  locks(name: string, options?: { readonly limit?: number | undefined }): Promise<LockSummary[]>;
  /**
   * On a replica: what a transaction of its master holds is free there, until that locks more or the replica is opened
   * again. Elsewhere: the transaction is rolled back. TRANSACTION_NOT_FOUND, DATABASE_OFFLINE.
   */
  releaseLocks(name: string, transaction: number): Promise<void>;
  replicate(name: string, options: ReplicateOptions, progress?: Progress): Promise<DatabaseStatus>;
  /**
   * What a replica received is applied up to there, whatever its delay, and it is paused. POSITION_AHEAD,
   * POSITION_PASSED, DATABASE_TYPE.
   */
  apply(name: string, target: ApplyTarget): Promise<DatabaseStatus>;
  /** POSITION_AHEAD, POSITION_PASSED, DATABASE_TYPE. */
  reset(name: string, options?: ResetOptions): Promise<DatabaseStatus>;
  rename(name: string, to: string): Promise<DatabaseStatus>;
  /**
   * A replica takes the place of its master, which is told to stop first if it can be reached.
   * FAILOVER_IMPOSSIBLE, FAILOVER_BEHIND, FAILOVER_RUNNING, FAILOVER_TIMEOUT, NAME_TAKEN.
   */
  failover(master: string, options?: FailoverOptions, progress?: Progress): Promise<FailoverReport>;
  /** A database whose name was taken over follows who has it; what only it had is in a file then. */
  rejoin(name: string, options?: RejoinOptions, progress?: Progress): Promise<RejoinReport>;
  /** It takes writes again. FENCED while another database has its name. */
  unfence(name: string): Promise<DatabaseStatus>;
  delete(
    name: string,
    options?: { keepBackups?: boolean | undefined; dryRun?: boolean | undefined },
  ): Promise<DeleteReport>;
  /** Returns all settable properties with their values after the change. */
  set(name: string, property: string, value: string): Promise<Record<string, unknown>>;
  /** REPLICAS_UNCONFIRMED: it is in the log, and replicas did not confirm it in time. */
  put(name: string, key: string, value: string, options?: WriteOptions): Promise<Committed>;
  /** KEY_NOT_FOUND when there is no such key. */
  get(name: string, key: string, options?: GetOptions): Promise<string>;
  del(name: string, key: string, options?: WriteOptions): Promise<Committed>;
  /** One commit, atomic. */
  batch(
    name: string,
    operations: readonly BatchOperation[],
    options?: WriteOptions,
  ): Promise<Committed>;
  /** Many commits; an error leaves what was committed before it. */
  importEntries(
    name: string,
    entries: AsyncIterable<Entry>,
    progress?: Progress,
  ): Promise<ImportReport>;
  /** In key order, one consistent snapshot. */
  exportEntries(name: string, options?: ExportOptions): AsyncIterable<Entry>;
  /**
   * A range, read in one transaction. ISOLATION_UNAVAILABLE, NOT_QUERYABLE, and what reads under locks end with:
   * LOCK_TIMEOUT, DEADLOCK, TRANSACTION_TIMEOUT.
   */
  query(name: string, options?: QueryOptions): AsyncIterable<Entry>;
  /** Of databases that are online. */
  readonly transactions: TransactionCalls;
  readonly users: UserCalls;
  jobLog(
    name: string,
    options?: {
      lines?: number | undefined;
      follow?: boolean | undefined;
      signal?: AbortSignal | undefined;
    },
  ): AsyncIterable<JobEvent>;
  log(name: string, options?: LogOptions): AsyncIterable<LogLine>;
  /** `at` is a position (`1/48213`); `verify` compares with the newest backup, recovered to here. */
  hash(
    name: string,
    options?: { at?: string | undefined; verify?: boolean | undefined },
    progress?: Progress,
  ): Promise<HashReport>;
  /** Never rejects for damage: the report says what is damaged. */
  verify(
    name: string,
    options?: VerifyRequest,
    progress?: Progress,
    signal?: AbortSignal,
  ): Promise<VerifyReport>;
  /** Builds the store anew from backup and log. DATABASE_ONLINE, REBUILD_IMPOSSIBLE. */
  rebuild(
    name: string,
    options?: RebuildRequest,
    progress?: Progress,
    signal?: AbortSignal,
  ): Promise<RebuildReport>;
  /** Lets go of everything held; databases that this one opened are closed. */
  close(): Promise<void>;
}
