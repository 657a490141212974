// What a database is opened with, and what a commit may ask for.
import type { Env } from '@pamina/env';
import type { Durability } from './durability.js';
import type { KeySpace } from './operation.js';
import type { Transaction } from './transaction/transaction.js';

export interface DatabaseOptions {
  readonly env: Env;
  /** `read`: no session is started and nothing can be written; recovery still happens. Default `write`. */
  readonly access?: 'read' | 'write' | undefined;
  readonly segmentBytes?: number | undefined;
}

export interface CommitOptions {
  /** Keys are the user's or Pamina's own. Default `user`. */
  readonly space?: KeySpace | undefined;
  /** When the commit is acknowledged. Default: what the database's settings say, else `disk`. */
  readonly durability?: Durability | undefined;
  /**
   * Aborted before the call: nothing is written. Aborted later: the wait ends with COMMIT_UNKNOWN, or, once
   * it waits for replicas alone, with REPLICAS_UNCONFIRMED.
   */
  readonly signal?: AbortSignal | undefined;
  /** The commit of what it wrote; it ends with it. */
  readonly transaction?: Transaction | undefined;
}
