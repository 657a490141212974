// What the administration says of backups, of their expiry, and of the archives to which they are copied.

export interface BackupOptions {
  /** Names the backup, and keeps it from expiring. */
  readonly tag?: string | undefined;
  /** By default the database's setting `backupForm`. */
  readonly form?: 'logical' | 'physical' | undefined;
  /** Of a logical backup; lz4 if it is not given. */
  readonly compression?: 'lz4' | 'brotli-1' | 'none' | undefined;
  /** Only the log since the last backup. INCREMENTAL_IMPOSSIBLE */
  readonly incremental?: boolean | undefined;
}

export interface BackupSummary {
  /** Name of its folder below `backups/`. */
  readonly id: string;
  /** Entries in key order, or the files of the store; null if it cannot be told. */
  readonly form?: 'logical' | 'physical' | null | undefined;
  readonly kind: 'full' | 'initial' | 'incremental';
  readonly tag: string | null;
  readonly database: string;
  readonly pattern: string | null;
  readonly position: string | null;
  readonly createdAt: number;
  /** Null in a physical backup whose state was not read; `rawBytes` too. */
  readonly entries: number | null;
  /** Size as stored (compressed) and as restored. */
  readonly bytes: number;
  readonly rawBytes: number | null;
  readonly stateHash: string | null;
  /** What is wrong with it, if anything: then it is not to be counted on. */
  readonly problem?: string | null | undefined;
  /** The problem is of the disk that it is on, not its own: it may be good. */
  readonly isUnread?: boolean | undefined;
  /** Why nobody knows a hash of its state; null where one is known. Left out of an archive's. */
  readonly unproved?: string | null | undefined;
  /** Not proved, and the store was found to be damaged since: it counts for nothing until it is. */
  readonly isDoubted?: boolean | undefined;
  /** Of an incremental backup: the id of the one that it continues. */
  readonly after?: string | null | undefined;
  /** Why it is kept, or why the next expiry removes it; absent where that could not be asked for. */
  readonly reasons?: readonly string[] | undefined;
  /** Where it is on the machine of the data folder: told of those that outlived their database. */
  readonly folder?: string | undefined;
  /** The next expiry removes it. */
  readonly isDue?: boolean | undefined;
  /** In an archive: it expired, and is kept for a while for those who read it. */
  readonly retired?: Pick<RetiredBackup, 'since' | 'goesAt'> | null | undefined;
}

export interface BackupsOptions {
  /** An archive, by the name that the database gave it or its address, instead of the database itself. */
  readonly from?: string | undefined;
  /** Keys of an archive that the database does not have, as for a restore. */
  readonly credentialsFile?: string | undefined;
  readonly identityFile?: string | undefined;
}

export interface ExpireOptions {
  /** Says what would go; nothing is changed. */
  readonly dryRun?: boolean | undefined;
  /** An archive of the database, by name or address, instead of the database itself. */
  readonly from?: string | undefined;
  /** For an archive, by its address, that no database here has: what is to stay there. */
  readonly keep?: KeepRule | undefined;
  /** With `keep`: no database archives there any more, whatever marks are left of some. */
  readonly abandoned?: boolean | undefined;
  /** Keys of such an archive, as for a restore. */
  readonly credentialsFile?: string | undefined;
  readonly identityFile?: string | undefined;
}

/** As the settings `backupGenerations`, `backupDaily` and so on; what is left out is none, or no limit. */
export interface KeepRule {
  readonly generations: number;
  readonly daily?: number | undefined;
  readonly weekly?: number | undefined;
  readonly monthly?: number | undefined;
  readonly ageDaysMax?: number | undefined;
  /** How long what expires stays for those who read it; 24 if it is left out. */
  readonly keepHours?: number | undefined;
}

export interface ExpireDecision {
  readonly id: string;
  readonly kind: BackupSummary['kind'] | null;
  readonly tag: string | null;
  readonly bytes: number;
  readonly keeps: boolean;
  /** No rule keeps it; it stays all the same only where nothing is removed (backupNoDelete). */
  readonly isDue: boolean;
  readonly reasons: readonly string[];
}

export interface ExpireAnswer {
  /** Of every backup, newest first. */
  readonly decisions: readonly ExpireDecision[];
  /** Ids; with `dryRun` what would be removed. */
  readonly removed: readonly string[];
  readonly freedBytes: number;
  /** Of log in an archive; that of the database goes by itself. */
  readonly freedLogBytes?: number | undefined;
  /** Oldest record of the log that the kept generations need, and the log from there on. */
  readonly keepFromSeq: number | null;
  readonly logBytes: number | null;
  /** In an archive: what expired and stays for its readers. */
  readonly retired?: readonly RetiredBackup[] | undefined;
  readonly dryRun: boolean;
}

/** What an archiver does: `blocked` means that a person must act, `offline` that the database is not open. */
export type ArchiveState =
  | 'offline'
  | 'stopped'
  | 'starting'
  | 'idle'
  | 'waiting'
  | 'working'
  | 'retrying'
  | 'blocked';

export interface ArchiveSummary {
  readonly name: string;
  readonly address: string;
  readonly encrypted: boolean;
  readonly state: ArchiveState;
  /** Why it is `retrying` or `blocked`. */
  readonly problem: { readonly code: string; readonly message: string } | null;
  /** What to do about it. */
  readonly hint: string | null;
  /** The last record that is there, `1/48213`, and its commit time (ms since 1970). */
  readonly archived: string | null;
  readonly archivedTime: number | null;
  /** Records that were deleted here before they were there (P10): a full backup closes the gap. */
  readonly missing?: { readonly fromSeq: number; readonly toSeq: number } | null | undefined;
  /** Durable here and not there; null while the database is offline. */
  readonly behindBytes: number | null;
  /** Backups that are there and did not expire; null where it was not asked. */
  readonly backups: number | null;
  /** Those that expired there and are kept for readers elsewhere; null where it was not asked. */
  readonly retired?: readonly RetiredBackup[] | null | undefined;
}

/** A backup in an archive that no rule keeps: it is in no list of what can be restored any more. */
export interface RetiredBackup {
  readonly id: string;
  /** By the storage's clock, ms since 1970; null where it does not say. */
  readonly since: number | null;
  /** The first expiry after it removes the backup. */
  readonly goesAt: number | null;
}

export interface AddArchiveOptions {
  /** `/path`, `file:///path` or `s3://bucket/prefix?endpoint=…&region=…`; never with a credential. */
  readonly address: string;
  /** Public keys of age: the archive is encrypted for them. */
  readonly recipients?: readonly string[] | undefined;
  /** File with the identity of one recipient, where the server runs; needed with recipients. */
  readonly identityFile?: string | undefined;
  /** File with the credentials, where the server runs; else they come from its environment. */
  readonly credentialsFile?: string | undefined;
}
