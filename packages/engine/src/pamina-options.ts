// What a database, its reads and its writes can be asked for beside what abstract-level knows.
import type { AbstractDatabaseOptions } from 'abstract-level';
import type { Env } from '@pamina/env';
import type { Database } from './database.js';
import type { Durability } from './durability.js';
import type { PaminaSnapshot, TransactionSnapshot } from './pamina-iterator.js';
import type { ReadOptions } from './raw-level.js';
import type { Transaction } from './transaction/transaction.js';

export interface PaminaOptions<K, V> extends AbstractDatabaseOptions<K, V> {
  /** Name of the database; default: the name of its folder. Used when it is created. */
  readonly name?: string;
  /** Create the database if the folder holds none. Default true. */
  readonly createIfMissing?: boolean;
  /** Refuse to open a database that exists. Default false. */
  readonly errorIfExists?: boolean;
  /** `read`: nothing can be written and no session is started. Default `write`. */
  readonly access?: 'read' | 'write';
  /** When a commit is acknowledged that does not say so itself. Default: what the database's settings say, else 'disk'. */
  readonly durability?: Durability;
  /** On a replica: a read that does not say so itself fails with REPLICA_STALE if it could be older. Default: no bound. */
  readonly maxStalenessMs?: number;
  /** Bytes of a log segment. */
  readonly segmentBytes?: number;
  /** The seams to disk, clock, network and chance; for tests. */
  readonly env?: Env;
  /** A database that is open already, as in a server: used as it is, and left open by close(). */
  readonly database?: Database;
}

/** What a read can ask for beside what abstract-level knows. */
export interface PaminaReadOptions {
  /** On a replica: the read fails with REPLICA_STALE if what it sees could be older. Default: that of the database. */
  readonly maxStalenessMs?: number | undefined;
}

export interface PrivateReadOptions extends ReadOptions, PaminaReadOptions {
  readonly snapshot?: PaminaSnapshot | TransactionSnapshot | undefined;
}

/** What a write can ask for beside what abstract-level knows. */
export interface PaminaWriteOptions {
  /** When it is acknowledged. Default: that of the database. */
  readonly durability?: Durability | undefined;
  /**
   * Aborted before the call: nothing is written. Aborted later: the wait ends with COMMIT_UNKNOWN, or, once
   * it waits for replicas alone, with REPLICAS_UNCONFIRMED.
   */
  readonly signal?: AbortSignal | undefined;
}

export interface PrivateWriteOptions extends PaminaWriteOptions {
  /** As in `level`: true is at least `durability: 'disk'`. */
  readonly sync?: boolean;
  readonly transaction?: Transaction | undefined;
}
