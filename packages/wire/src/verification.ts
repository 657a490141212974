// What is said of whether databases and backups are what they should be, and of mending them.

/** `unverified`: nothing was found to be wrong, and it was not proved to be right (P9). */
export type Verdict = 'verified' | 'damaged' | 'unverified';

export interface StateDifference {
  readonly space: 'user' | 'system';
  /** UTF-8 text; what is not UTF-8 is shown as `0x…`. */
  readonly key: string;
  /** Of the database, seen from backup and log. */
  readonly what: 'missing' | 'extra' | 'other value';
}

export interface VerifyCheck {
  /**
   * `files` of a backup; `chain`, the log from it to the target; `restore` to a scratch place;
   * `tables` of LevelDB; the whole `log`; `content` of the database against backup and log.
   */
  readonly check: 'files' | 'chain' | 'restore' | 'tables' | 'log' | 'content';
  /** Id of a backup, or a path. */
  readonly subject: string;
  readonly verdict: Verdict;
  readonly message: string;
  /** Code of the error that says why it is not verified. */
  readonly code: string | null;
  /** The first of what was found. */
  readonly problems: readonly string[];
  readonly problemCount: number;
  readonly differences: readonly StateDifference[];
  readonly bytes: number;
  /** When it was verified, ms since 1970, if that was remembered and not done again. */
  readonly rememberedAt: number | null;
}

export interface VerifyReport {
  /** One damage outweighs everything; `verified` only if each check is. */
  readonly verdict: Verdict;
  readonly checks: readonly VerifyCheck[];
}

export interface VerifyRequest {
  /** An archive: what it holds of the database is verified, which need not exist here. */
  readonly from?: string | undefined;
  /** Keys of the archive, as for a restore. */
  readonly credentialsFile?: string | undefined;
  readonly identityFile?: string | undefined;
  /** Id or tag of a backup; without it everything of the database is verified. */
  readonly backup?: string | undefined;
  /** A restore to a scratch place, too. */
  readonly deep?: boolean | undefined;
  /** What is remembered counts for nothing. */
  readonly again?: boolean | undefined;
  /** What was verified longer ago is verified again. */
  readonly maxAgeMs?: number | undefined;
  /** The position that the chain from the backup must reach; by default the end of the log. */
  readonly until?: string | undefined;
}

export interface RebuildRequest {
  /** Only what would be done. */
  readonly dryRun?: boolean | undefined;
  /** An online database is stopped for it, and started again. */
  readonly stop?: boolean | undefined;
  /** Removes the stores that rebuilds before have kept, and does nothing else. */
  readonly removeKept?: boolean | undefined;
}

export interface RebuildReport {
  /** Id of the backup that the store is built from; null where nothing is built. */
  readonly backup: string | null;
  /** Position that the store stands for afterwards. */
  readonly position: string | null;
  /** Records that are replayed over the backup. */
  readonly records: number;
  readonly entries: number | null;
  readonly stateHash: string | null;
  /** Recorded state hashes that the rebuilt state was found to have on the way. */
  readonly compared: number;
  /** Paths of the stores that are kept aside. */
  readonly kept: readonly string[];
  /** Paths of those that were removed. */
  readonly removed: readonly string[];
}

/** A store that does not hold what backup and log say. */
export interface DamageStatus {
  /**
   * `tables`: a checksum in LevelDB's files; `content`: against a copy recovered from backup and log;
   * `backup`: against a backup, with nothing committed since; `audit`: a replica against its master.
   */
  readonly found: 'tables' | 'content' | 'backup' | 'audit' | 'unreadable';
  /** When it was found first, ms since 1970; null if that is not known. */
  readonly at: number | null;
  readonly message: string;
  /** What to do. */
  readonly hint: string;
}

/** Of a replica: how its state compared with its master's at the mark of a backup. */
export interface AuditStatus {
  readonly result: 'equal' | 'different' | 'skipped';
  /** The master's backup. */
  readonly backup: string;
  readonly position: string;
  /** When, ms since 1970. */
  readonly at: number;
  /** Why it was skipped. */
  readonly reason: string | null;
  readonly stateHash: string | null;
  /** What the master recorded. */
  readonly expected: string | null;
}

export interface HashComparison {
  /** What the state was compared with: a copy recovered from this backup, or its recorded hash. */
  readonly with: 'recovered' | 'recorded';
  readonly backup: string;
  readonly stateHash: string;
  readonly equal: boolean;
}

export interface HashReport {
  readonly position: string;
  readonly stateHash: string;
  /** True when the hash is that of a scratch copy recovered to the position (`at`). */
  readonly recovered: boolean;
  readonly comparedWith: readonly HashComparison[];
  /** null: nothing to compare with; false: at least one comparison differs (silent damage). */
  readonly verified: boolean | null;
}
