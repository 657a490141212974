// The public interface of Pamina: everything that a program gets from `import … from 'pamina'`.

// The database: `new Pamina(location, options)` stands where `new Level(location, options)` stood.
export { Pamina } from '@pamina/engine';
export type {
  AdoptOptions,
  Adopted,
  Database,
  Durability,
  PaminaOptions,
  PaminaWriteOptions,
} from '@pamina/engine';

// Transactions: db.transaction(task, options), db.begin(options), db.locks().
export type {
  Isolation,
  LockEntry,
  PaminaTransaction,
  ReadLockMode,
  TransactionCommitOptions,
  TransactionOperation,
  TransactionOptions,
  TransactionRange,
  TransactionReadOptions,
  TransactionWriteOptions,
} from '@pamina/engine';

// Backups: take, list, verify, restore; and a plain LevelDB brought over.
export {
  administer,
  adopt,
  listBackups,
  restore,
  serve,
  takeBackup,
  verifyBackup,
} from './library.js';
export type { AdministerOptions, RestoreOptions, ServeOptions } from './library.js';
export type {
  BackupProgress,
  ListedBackup,
  RestoreProgress,
  TakeBackupOptions,
  VerifiedBackup,
  VerifyOptions,
} from '@pamina/backup';

// A database on a server elsewhere, with the interface of `level`.
export { connect } from './connect.js';
export type { ConnectOptions } from './connect.js';
export { RemotePamina } from '@pamina/client';
export type {
  ReadFrom,
  RemoteReadOptions,
  RemoteTransaction,
  RemoteTransactionOperation,
  RemoteTransactionOptions,
  RemoteTransactionRange,
  RemoteWriteOptions,
} from '@pamina/client';

// Serving the databases of a folder, and administering a server elsewhere.
export type { Notice, PaminaServer } from '@pamina/server';
export { RemoteAdministration } from '@pamina/client';
export type {
  Administration,
  BackupSummary,
  BeginOptions,
  BegunTransaction,
  DatabaseStatus,
  DatabaseSummary,
  ReplicaHold,
  ReplicaSummary,
  TransactionCalls,
} from '@pamina/wire';

// Positions name states; errors have codes.
export { PaminaError, formatPosition, isPaminaError, parsePosition } from '@pamina/format';
export type { BackupManifest, ErrorCode, Position, Timeline } from '@pamina/format';

// The world as these functions want it: `nodeEnv()` in a program, something else in a simulation.
export { nodeEnv } from '@pamina/env';
export type { ClientTls, Env } from '@pamina/env';
