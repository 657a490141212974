// What other packages may use of backup. Never imported from inside this package.
export { changeArchives } from './archiver/archive-settings.js';
export type { ArchivePlace } from './archiver/archive-layout.js';
export { archivePlace, findArchivePlace } from './archiver/archive-place.js';
export { positionPath, readPosition } from './archiver/archive-position.js';
export { listArchivedBackups } from './archiver/archive-backups.js';
export { expireArchive } from './archiver/expire-archive.js';
export type { ArchiveExpireReport } from './archiver/expire-archive.js';
export { ArchiverRunner } from './archiver/archiver-runner.js';
export type { ArchiverStatus } from './archiver/archiver-runner.js';
export { ArchivedLog } from './follow/archived-log.js';
export { backupToFollow } from './follow/backup-to-follow.js';
export { beginningSource } from './follow/beginning-source.js';
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
export { backupsFolderOf, storedBytes } from './layout.js';
export { layLogBeginning } from './log-beginning.js';
export { lastRecordOf, logFolderSource } from './log-folder-source.js';
export type { LogFolderOptions } from './log-folder-source.js';
export type { CompleteUntil, LogSource, SegmentEntry, SegmentFacts } from './log-source.js';
export type { FileDamage } from './level/damage.js';
export { isReadFailure } from './read-failure.js';
export { planRebuild, rebuild, removeKeptStores } from './rebuild.js';
export type { RebuildOptions, RebuildPlan, Rebuilt } from './rebuild.js';
export { viewLog, type LogView, type ViewedRecord } from './recover/log-view.js';
export {
  folderPlace,
  holdLogs,
  joinPlaces,
  type DatabasePlaceOptions,
  type PlaceBackup,
  type RecoveryPlace,
} from './recover/place.js';
export { planRecovery, type PlanOptions, type RecoveryPlan } from './recover/plan.js';
export { recoverTo, type RecoverProgress, type RecoverTo } from './recover/recover.js';
export { recoverInPlace, type InPlaceOptions } from './recover/recover-in-place.js';
export type { RecoveryTarget } from './recover/target.js';
export { recoverScratch } from './recover-scratch.js';
export type { RecoveredScratch, ScratchOptions, ScratchProgress } from './recover-scratch.js';
export { ReplicaAudit, readAudit } from './replica-audit.js';
export type { AuditOutcome } from './replica-audit.js';
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
export { damageRemedy, noteStoreDamage, notingDamage, readStoreDamage } from './store-damage.js';
export type { DamageFound, StoreDamage } from './store-damage.js';
export { isUnchanged } from './unchanged.js';
export type { StateDifference } from './compare-states.js';
export { verifyContent, verifyDatabaseFiles } from './verify-database.js';
export type {
  ContentToVerify,
  VerifyContentOptions,
  VerifyDatabaseOptions,
} from './verify-database.js';
export { leaveArchive, refuseWriters } from './archiver/archive-writers.js';
export { verifyArchive } from './archiver/verify-archive.js';
export type { VerifyArchiveOptions } from './archiver/verify-archive.js';
export { verifyFolder, verifyNamedBackup } from './verify-named.js';
export type { VerifyFolderOptions, VerifyNamedOptions } from './verify-named.js';
export { attemptCheck, verdictOf } from './verify-report.js';
export type { CheckKind, Verdict, VerifyCheck } from './verify-report.js';
export { verifyBackup } from './verify.js';
export type { ReadProgress, VerifiedBackup, VerifyOptions } from './verify.js';
