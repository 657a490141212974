// What the server needs of the host beyond the administration: what peers of a database fetch.

import type {
  Administration,
  FenceAnswer,
  HashReport,
  LogSegments,
  Progress,
  TakeOverReport,
  TakeOverRequest,
} from '@pamina/wire';
import type { OnlineDatabase } from './online-database.js';
import type { HostTransactionCalls } from './host-transactions.js';
import type { HostOperations } from './host-operations.js';
import type { UserSource } from './user-tables.js';

export interface BackupFile {
  readonly bytes: number;
  /** All of it, or the bytes from `from` to before `to`. */
  stream(from?: number, to?: number): AsyncIterable<Uint8Array>;
}

export interface Served extends Administration {
  readonly operations: HostOperations;
  readonly transactions: HostTransactionCalls;
  /** As anybody's, for a client that may go away. */
  hash(
    name: string,
    options?: { at?: string | undefined; verify?: boolean | undefined },
    progress?: Progress,
    signal?: AbortSignal,
  ): Promise<HashReport>;
  /** BACKUP_NOT_FOUND for a backup or a file that is not there or not published yet. */
  openBackupFile(name: string, id: string, file: string): Promise<BackupFile>;
  /** The log as it stands, for restores elsewhere. */
  logSegments(name: string): Promise<LogSegments>;
  /** Bytes of a segment from one offset up to another. LOG_GONE, REQUEST_INVALID. */
  logBytes(name: string, segment: string, from: number, to: number): AsyncIterable<Uint8Array>;
  /** The first half of a failover: the master takes no writes any more. FAILOVER_RUNNING, FENCED. */
  fence(name: string, successor: string): Promise<FenceAnswer>;
  /** The second half: a replica takes its master's place. FAILOVER_TIMEOUT, NAME_TAKEN. */
  takeOver(name: string, request: TakeOverRequest): Promise<TakeOverReport>;
  /** Who may do what with the databases here. */
  readonly userTables: UserSource;
  /** What replicas and clients are served from. DATABASE_NOT_FOUND, DATABASE_OFFLINE. */
  requireOnline(name: string): OnlineDatabase;
}
