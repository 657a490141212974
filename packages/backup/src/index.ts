// What other packages may use of backup. Never imported from inside this package.
export { holdBackup } from './backup-holds.js';
export { listBackups } from './backup-list.js';
export type { ListedBackup } from './backup-list.js';
export type { ChunkCodec } from './chunk-format.js';
export type {
  BackupDatabase,
  ExpiringDatabase,
  StateEntry,
  StatePoint,
  StateSnapshot,
} from './contract.js';
export { expireBackups, planExpiry } from './expire-backups.js';
export type { DecidedBackup, ExpireOptions, ExpirePlan, ExpireReport } from './expire-backups.js';
export { backupsFolderOf } from './layout.js';
export { logFolderSource } from './log-folder-source.js';
export type { LogFolderOptions } from './log-folder-source.js';
export { segmentFacts } from './log-source.js';
export type { CompleteUntil, LogSource, SegmentEntry, SegmentFacts } from './log-source.js';
export { recoverScratch } from './recover-scratch.js';
export type { RecoveredScratch, ScratchOptions, ScratchProgress } from './recover-scratch.js';
export { restore } from './restore.js';
export type { RestoreOptions, RestoreProgress } from './restore.js';
export { folderSource } from './source.js';
export type { BackupSource } from './source.js';
export { hashState } from './state-hash.js';
export type { HashOptions, HashedState } from './state-hash.js';
export { takeBackup } from './take-backup.js';
export type { BackupProgress, TakeBackupOptions } from './take-backup.js';
export { takeIncremental } from './take-incremental.js';
export type { TakeIncrementalOptions } from './take-incremental.js';
export { isUnchanged } from './unchanged.js';
export { verifyBackup } from './verify.js';
export type { ReadProgress, VerifiedBackup, VerifyOptions } from './verify.js';
