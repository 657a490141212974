// The exports of @pamina/engine.
export type { AuditWatcher } from './audit-watch.js';
export { adopt, type AdoptOptions, type Adopted } from './adopt.js';
export { readCheckpoint } from './checkpoint.js';
export { ClosedDatabase } from './closed-database.js';
export {
  type ArchiveSetting,
  type Control,
  type Fence,
  type DatabaseType,
  readControl,
  type SourceArchive,
  type Takeover,
  writeControl,
} from './control.js';
export {
  backupsFolder,
  createDatabase,
  initialBackupId,
  newInstance,
  nameFromFolder,
  refuseOccupied,
  type CreateOptions,
} from './create-database.js';
export { applyAtOnce, isAtOnce, type ApplyRule } from './apply-rule.js';
export {
  namesIn,
  requirementByDefault,
  synchronousPolicies,
  type Durability,
  type ReplicatedDurability,
  type SynchronousPolicy,
} from './durability.js';
export { Database, type DatabaseState } from './database.js';
export type { CommitOptions, DatabaseOptions } from './database-options.js';
export type { FreshnessSource } from './freshness.js';
export { JobLog, type JobEvent, type JobLevel } from './job-log.js';
export type { LogPoint } from './log-point.js';
export { timelinesUntil } from './log-point.js';
export type { Datum, KeySpace, Operation } from './operation.js';
export { Pamina } from './pamina.js';
export type { PaminaOptions, PaminaWriteOptions } from './pamina-options.js';
export type { Isolation, ReadLockMode } from '@pamina/format';
export { readsLock } from './transaction/isolation.js';
export type {
  PaminaTransaction,
  TransactionCommitOptions,
  TransactionOperation,
  TransactionRange,
  TransactionReadOptions,
  TransactionWriteOptions,
} from './transaction/pamina-transaction.js';
export type { TransactionOptions } from './transaction/transactions.js';
export type { LockEntry } from '@pamina/lock';
export type { PlacedSnapshot } from './placed-snapshot.js';
export type { WaitForOptions } from './position-waits.js';
export type { ReplicaApply } from './replica-apply.js';
export { holdsOf, type SlotHold, type SlotState } from './slot-hold.js';
export type { HoldCap, LostSlot, Slot, SlotPositions, SlotTable } from './slots.js';
export { refusedByFence } from './refusals.js';
export { StateStore, StoreLoader, type StoreSnapshot } from './state-store.js';
export { keptStores, partialStoreFolder, rebuiltStoreFolder, swapStore } from './store-swap.js';
export type { SynchronousStatus } from './synchronous-commits.js';
export type { PermittedReplica, Settings, SystemData } from './system-data.js';
export { noUsers, type User, type UserTable, type UserToken } from './users.js';
export { version } from './version.js';
export { promoteClosed } from './promotion.js';
