// What other packages may use of format. Never imported from inside this package.
export { crc32 } from './checksum.js';
export { packBytes, unpackBytes } from './codec.js';
export {
  commitBodyHeaderBytes,
  forEachOperation,
  OperationType,
  operationBytes,
  writeDeleteHeader,
  writePutHeader,
} from './commit-body.js';
export type { OperationVisitor } from './commit-body.js';
export { decodeBody, encodeBody } from './control-body.js';
export type {
  AuditBody,
  ControlBodies,
  ControlKind,
  HeartbeatBody,
  MarkBody,
  SessionBody,
} from './control-body.js';
export { errorTable } from './errors.js';
export type { ErrorRow } from './error-classes.js';
export type { ErrorCode } from './errors.js';
export { FieldReader } from './fields.js';
export { bytesToHex, isHex } from './hex.js';
export { readUint64, viewOf, writeUint64 } from './integers.js';
export { isolationLevels, readLockModes, stopModes } from './isolation.js';
export type { Isolation, ReadLockMode, StopMode } from './isolation.js';
export { decodeLockBody, encodeLockBody, isLockKind } from './lock-body.js';
export type {
  AbortBody,
  LockBodies,
  LockBody,
  LockedNames,
  LockKind,
  LocksBody,
} from './lock-body.js';
export { recordOffsets } from './record.js';
export { keyName, metaKey, systemPrefix, userPrefix } from './keys.js';
export {
  archiveHeldBytesMax,
  archiveHeartbeatMinutesDefault,
  archiveHeartbeatMinutesMax,
  archiveHoldDaysDefault,
  archiveHoldDaysMax,
  archiveHoldDaysMin,
  archiveKeepHoursDefault,
  archiveKeepHoursMax,
  backlogBytesMax,
  applyDelayMsMax,
  unappliedBytesMax,
  unsyncedBytesMax,
  batchLocksMax,
  collectionDepthMax,
  lockTimeoutMsDefault,
  locksMax,
  locksPerTransactionMax,
  maxReplayWaitMsDefault,
  maxReplayWaitMsMax,
  recentKeysMax,
  transactionBytesMax,
  endedTransactionsMax,
  remoteTransactionsMax,
  transactionIdleTimeoutMsDefault,
  transactionLeaseMsDefault,
  transactionLeaseMsMax,
  transactionLeaseMsMin,
  stopTimeoutMsDefault,
  stopTimeoutMsMax,
  transactionTimeoutMsDefault,
  transactionTimeoutMsMax,
  transactionsMax,
  backupAgeDaysLimit,
  backupGenerationsDefault,
  backupGenerationsMax,
  backupGenerationsMin,
  backupTierGenerationsMax,
  answersHeldBytesMax,
  answersRestMs,
  answersStalledMsMax,
  answersUnsentBytesMax,
  callBytesMax,
  callKeysMax,
  callPartBytesMax,
  callPartsBytesMax,
  callReadersMax,
  callsPerMessageMax,
  callsReadingMax,
  callsUnderWayMax,
  chunkBytesMax,
  chunkBytesTarget,
  commitBytesMax,
  feedChunkBytesMax,
  feedCreditBytesMax,
  fileNameLengthMax,
  holdGraceMs,
  keyBytesMax,
  backupTableBytesMax,
  manifestBytesMax,
  nameLengthMax,
  recordHeaderBytes,
  positionWaitsMax,
  logBytesWithoutBackupDefault,
  logBytesWithoutBackupMax,
  logBytesWithoutBackupMin,
  replicaHoldBytesDefault,
  replicaHoldBytesMax,
  replicaHoldBytesMin,
  replicaHoldDaysDefault,
  replicaHoldDaysMax,
  replicaHoldToldBytes,
  replicationDelayMsDefault,
  replicationDelayMsMax,
  segmentBytesDefault,
  segmentBytesMax,
  segmentBytesMin,
  segmentHeaderBytes,
  segmentTrailerBytes,
  sourceArchiveAfterMsDefault,
  sourceArchiveAfterMsMax,
  sourceArchivePollMsDefault,
  sourceArchivePollMsMax,
  sourceArchivePollMsMin,
  stalenessMsMax,
  storeKeyBytesMax,
  synchronousCommitsMax,
  synchronousReplicasMax,
  synchronousTimeoutMsDefault,
  synchronousTimeoutMsMax,
  synchronousTimeoutMsMin,
  tagLengthMax,
  timeMsMax,
  timelinesMax,
  tokenLabelLengthMax,
  userTokensMax,
  usersMax,
  valueBytesMax,
  wireMessageBytesMax,
} from './limits.js';
export { decodeManifest, encodeManifest } from './manifest.js';
export type { BackupChunk, BackupForm, BackupManifest } from './manifest-body.js';
export { backupCodecs, backupForms } from './manifest-body.js';
export type { BackupSegment } from './manifest-increment.js';
export { backupTableFile, isManifestTable } from './manifest-tables.js';
export type { BackupTable } from './manifest-tables.js';
export { namePattern, validateName, validateTag } from './name.js';
export { includesRole, roles, rolesIn, type Role } from './roles.js';
export { PaminaError, isPaminaError, toPaminaError } from './pamina-error.js';
export type { PaminaErrorJson, PaminaErrorOptions } from './pamina-error.js';
export { formatPosition, parsePosition } from './position.js';
export type { Position } from './position.js';
export {
  RecordKind,
  checkRecord,
  newRecordHeader,
  readRecordHeader,
  sealRecord,
} from './record.js';
export type { RecordCheck, RecordHeader } from './record.js';
export {
  decodeSegmentHeader,
  decodeSegmentTrailer,
  encodeSegmentHeader,
  encodeSegmentTrailer,
  isSegmentTrailer,
  segmentFormatVersion,
} from './segment.js';
export type { SegmentHeader, SegmentTrailer } from './segment.js';
export { parseSegmentPath, segmentPath } from './segment-path.js';
export type { SegmentName } from './segment-path.js';
export { decodeSynced, encodeSynced } from './synced.js';
export type { Synced } from './synced.js';
export {
  currentTimeline,
  forkPoint,
  takeoverIn,
  takeoverOf,
  takeoverReason,
  timelineAt,
  validateTimelines,
} from './timeline.js';
export type { Timeline } from './timeline.js';
