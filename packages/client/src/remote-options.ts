// What a remote database, its reads and its writes can be asked for.

import type { AbstractDatabaseOptions } from 'abstract-level';
import type { ReadLockMode } from '@pamina/format';
import type { WriteOptions } from '@pamina/wire';
import type { ClientDirectory, RemoteEnv } from './remote-env.js';

/** Where reads go. `replica`: to one if there is one, else to the master. `nearest`: where the way is shortest. */
export type ReadFrom = 'master' | 'replica' | 'nearest';

export type RemoteDurability = NonNullable<WriteOptions['durability']>;

export interface RemoteOptions<K, V> extends AbstractDatabaseOptions<K, V> {
  /**
   * Where databases are: a directory, or the addresses of their servers by their names. A function is asked at each
   * opening, and what it gives is closed with the database.
   */
  readonly directory?:
    | ClientDirectory
    | Readonly<Record<string, string>>
    | (() => ClientDirectory & { close(): Promise<void> })
    | undefined;
  /** Sent to every server that is asked. */
  readonly token?: string | undefined;
  /** Only servers with an `https://` address are asked. Always so with `paminas://`. */
  readonly isSecure?: boolean | undefined;
  /** Default `master`. Writes and transactions go to the master. */
  readonly readFrom?: ReadFrom | undefined;
  /** Names of replicas that are read from. Default: those that the master permits queries on. */
  readonly replicas?: readonly string[] | undefined;
  /** How old what a replica shows may be; else the read goes to the master. Default: no bound. */
  readonly maxStalenessMs?: number | undefined;
  /** How long a replica may take to reach what this client has seen; else the read goes to the master. Default 200. */
  readonly replicaWaitMs?: number | undefined;
  /** What was seen elsewhere, as `position` or a commit gave it (`1/48213`): nothing older is read here (P12). */
  readonly after?: string | undefined;
  /** How long a call waits while there is no connection; then it fails with CONNECT_FAILED. Default 10 s. */
  readonly timeoutMs?: number | undefined;
  /** How long opening waits for a connection. Default: as `timeoutMs`. */
  readonly connectTimeoutMs?: number | undefined;
  /** When a commit is acknowledged that does not say so itself. Default: what the database's settings say. */
  readonly durability?: RemoteDurability | undefined;
  /** The seams to clock, network and chance. */
  readonly env: RemoteEnv;
}

export interface RemoteReadOptions {
  /** The read goes to a replica only if that is not older. Default: that of the database. */
  readonly maxStalenessMs?: number | undefined;
}

export interface RemoteWriteOptions {
  readonly durability?: RemoteDurability | undefined;
}

/** As abstract-level hands it to the private methods. */
export interface PrivateOptions extends RemoteReadOptions, RemoteWriteOptions {
  readonly keyEncoding: 'utf8' | 'view';
  readonly valueEncoding: 'utf8' | 'view';
  readonly snapshot?: object | undefined;
  /** Of reads in a transaction. */
  readonly lockMode?: ReadLockMode | undefined;
}
