// What backups need of a database, and nothing more: the engine's Database fits these shapes, and
// tests can bring a fake.
import type { Env } from '@pamina/env';
import type { AuditBody, MarkBody, PaminaError, Timeline } from '@pamina/format';
import type { Segment } from '@pamina/log';
import type { RecordSource } from './unchanged.js';

/** One key with its prefix byte, and its value. Neither may be changed. */
export type StateEntry = readonly [key: Uint8Array, value: Uint8Array];

/** A frozen state: everything that travels (keys from the system prefix on). */
export interface StateSnapshot {
  /** Batches of entries in strictly rising byte order of their keys, of so many at most. */
  entries(perRead?: number): AsyncIterable<readonly StateEntry[]>;
  close(): Promise<void>;
}

export interface StatePoint {
  readonly timelineId: string;
  readonly timeline: number;
  readonly seq: number;
  /** Chain after record `seq`. */
  readonly chain: number;
  /** Commit time of record `seq`, ms since 1970. */
  readonly time: number;
}

/** A snapshot and the exact point that it is the state of. */
export interface PlacedSnapshot {
  readonly point: StatePoint;
  readonly snapshot: StateSnapshot;
  readonly session: number;
}

export interface JobLogWriter {
  write(
    level: 'info' | 'warning' | 'error',
    event: string,
    message: string,
    fields?: Record<string, unknown>,
  ): void;
}

interface DatabaseWithBackups {
  readonly folder: string;
  readonly env: Env;
  readonly control: {
    readonly name: string;
    readonly type: 'normal' | 'replica' | 'unassigned';
    /** Of a replica. */
    readonly master: string | null;
    readonly keepFromSeq: number | null;
  };
  readonly identity: { readonly pattern: string | null };
  readonly timelines: readonly Timeline[];
  readonly jobLog: JobLogWriter;
  /** Notes the oldest record that the kept backups need. */
  updateControl(change: { readonly keepFromSeq: number | null }): Promise<unknown>;
  /** Closing the database calls `end` and waits for it, until the returned function is called. */
  readonly background: { add(end: () => Promise<void>): () => void };
}

/** The database that a backup is taken of. */
export interface BackupDatabase extends DatabaseWithBackups {
  readonly log: RecordSource & {
    readonly firstSeq: number;
    readonly durable: { readonly seq: number };
    segments(): readonly Segment[];
    waitForMore(seq: number, signal?: AbortSignal): Promise<void>;
    pin(fromSeq: number): () => void;
  };
  /**
   * Writes a mark record and gives the state exactly at it; the log is switched behind it. READ_ONLY
   * or REPLICA_READ_ONLY where no record can be written.
   */
  mark(body: (seq: number) => MarkBody, whileThere?: () => Promise<void>): Promise<PlacedSnapshot>;
  /** Records the state hash of a mark's state for the replicas. Resolves, on disk, to the record's seq. */
  audit(body: AuditBody): Promise<number>;
  /**
   * The state as it is; nothing is written. `whileThere` runs, here and in mark, while the files of the
   * store hold exactly that state.
   */
  stateSnapshot(whileThere?: () => Promise<void>): Promise<PlacedSnapshot>;
  /** Calls back when the database fails for good; returns the way to stop that. */
  onFailed(listener: (error: PaminaError) => void): () => void;
  readonly system: { settings(): { readonly backupAudit: boolean } };
}

/** What stays of the backups of a database. */
export interface BackupSettings {
  readonly backupGenerations: number;
  readonly backupDaily: number;
  readonly backupWeekly: number;
  readonly backupMonthly: number;
  /** 0 = no limit. */
  readonly backupAgeDaysMax: number;
  readonly backupNoDelete: boolean;
  /** How long what expires in an archive stays for those who read it elsewhere. */
  readonly archiveKeepHours: number;
}

/** The database whose old backups are removed. */
export interface ExpiringDatabase extends DatabaseWithBackups {
  readonly log: {
    readonly firstSeq: number;
    segments(): readonly { readonly lastSeq: number | null; readonly bytes: number }[];
  };
  readonly system: {
    settings(): BackupSettings;
    permitted(): Promise<readonly unknown[]>;
  };
  /** Deletes log that nobody needs any more. */
  applyRetention(): Promise<unknown>;
}
