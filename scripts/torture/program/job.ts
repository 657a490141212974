// What a torturer and its writer process tell each other: one job as a line of JSON, then words, one a
// line, on both sides.
import { writeSync } from 'node:fs';
import type { BackupWish } from './backups.js';
import type { Ledger } from './ledger.js';
import type { Plant } from './plants.js';
import type { Plan } from './workload.js';

export interface Job {
  /**
   * `create` lays out a new database; `write` opens, checks and writes; `check` opens, checks and ends;
   * `restore` makes a copy of the newest backup at `target`, and `compare` looks at that copy.
   */
  readonly task: 'create' | 'write' | 'check' | 'restore' | 'compare';
  readonly folder: string;
  readonly journal: string;
  readonly plan: Plan;
  readonly ledger: Ledger;
  readonly segmentBytes: number;
  readonly target: string;
  /** Takes a backup while the writers write. */
  readonly takesBackup: BackupWish | null;
  /** The newest backup is restored and compared when the database is opened. */
  readonly verifiesBackups: boolean;
  /** Goes on after a rejected commit, as an application on a full disk does. */
  readonly goesOn: boolean;
  /** Also compares the store with what the oldest backup and the log make (`check`). */
  readonly verifiesHash: boolean;
  readonly plant: Plant | null;
}

/** The words of a writer process, in the order in which they can come. */
export type Word =
  | 'ready'
  | 'creating'
  | 'created'
  | 'opening'
  | 'refused'
  | 'checked'
  | 'writing'
  | 'stopped'
  | 'backup'
  | 'restoring'
  | 'restored'
  | 'read'
  | 'closing'
  | 'closed';

export interface CheckedReport {
  readonly ledger: Ledger;
  readonly faults: readonly string[];
  readonly found: number;
  readonly notFound: number;
  readonly segments: number;
  readonly firstSeq: number;
  /** Ids of those that are there. */
  readonly backups: readonly string[];
}

/** At once and in one piece, so that what a process has said is said when it is killed. */
export function say(word: Word, rest?: unknown): void {
  writeSync(1, rest === undefined ? `${word}\n` : `${word} ${JSON.stringify(rest)}\n`);
}
