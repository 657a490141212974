// Every limit of Pamina with its unit, in one place; how they must relate is asserted at load.
// Lowering a limit that a decoder enforces would make old files unreadable (P15): only raise those.

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const gibibyte = 1024 * mebibyte;

// Records and commits.
export const recordHeaderBytes = 32;
/** The body of one record. */
export const commitBytesMax = 64 * mebibyte;
export const recordBytesMax = recordHeaderBytes + commitBytesMax;
/** A key as the user gives it. */
export const keyBytesMax = 1 * mebibyte;
/** A key as it stands in the store and in a commit: the user's key and one prefix byte. */
export const storeKeyBytesMax = keyBytesMax + 1;
export const valueBytesMax = 32 * mebibyte;
/** Not yet synced and applied; beyond it writes are rejected with BACKLOG_FULL. */
export const backlogBytesMax = 256 * mebibyte;
/** In the log and not yet in the store; beyond it acknowledgements and receiving wait for the store. */
export const unappliedBytesMax = 64 * mebibyte;
/** Acknowledged from memory and not yet in the log; beyond it a `'memory'` commit waits for its sync. */
export const unsyncedBytesMax = 8 * mebibyte;

// Segments and log spaces.
export const segmentHeaderBytes = 128;
export const segmentTrailerBytes = 48;
export const syncedBytes = 32;
export const segmentBytesDefault = 64 * mebibyte;
export const segmentBytesMin = 64 * kibibyte;
/** A setting may not exceed it; a segment file may, by its last record and the trailer. */
export const segmentBytesMax = 1 * gibibyte;
/** Without a non-initial backup, closed segments beyond this are dropped. 0 = no cap, which must be said. */
export const logBytesWithoutBackupDefault = 1 * gibibyte;
/** Less would drop the log of an hour. */
export const logBytesWithoutBackupMin = 64 * mebibyte;
export const logBytesWithoutBackupMax = 1024 * 1024 * gibibyte;
/** Closed segments beyond this are not kept for an archive that does not take them. */
export const archiveHeldBytesMax = 16 * gibibyte;
/** Nor those whose last record is older than so many days, if it has taken nothing for as long. */
export const archiveHoldDaysDefault = 7;
export const archiveHoldDaysMin = 1;
export const archiveHoldDaysMax = 3650;
/**
 * Closed segments beyond this are not kept for one replica that is behind. Generous: making a large replica anew
 * costs more than the space, and less than a master whose disk is full. 0 = no cap, which must be said.
 */
export const replicaHoldBytesDefault = 64 * gibibyte;
/** Less would lose a replica that is only slow for a moment. */
export const replicaHoldBytesMin = 64 * mebibyte;
export const replicaHoldBytesMax = 1024 * 1024 * gibibyte;
/** Nor log that was committed so many days ago, for a replica that has come no further as long; 0 = no cap. */
export const replicaHoldDaysDefault = 30;
export const replicaHoldDaysMax = 3650;
/** What is held for one replica alone is told in the job log from this size on, and each time it has doubled. */
export const replicaHoldToldBytes = 1 * gibibyte;
/**
 * How long a database that was just opened keeps log that is older all the same: its archives and replicas may be
 * taking it.
 */
export const holdGraceMs = 60 * 60 * 1000;

// Names and texts, in characters.
export const nameLengthMax = 64;
export const tagLengthMax = 64;
export const backupIdLengthMax = 64;
export const fileNameLengthMax = 128;
export const versionLengthMax = 64;
/** The reason of a timeline. */
export const whyLengthMax = 256;
export const timelinesMax = 4096;
/** Of a token, for whoever lists them. */
export const tokenLabelLengthMax = 64;

// Users of one database, and the tokens of one of them.
export const usersMax = 1000;
export const userTokensMax = 16;

/** The last time that a calendar has, ms since 1970: 13 September 275760. */
export const timeMsMax = 8_640_000_000_000_000;

// Encoded documents (msgpack): nesting and number of values, counted before anything is decoded.
export const documentDepthMax = 16;
export const documentValuesMax = 4 * mebibyte;

// Replication.
export const replicationDelayMsDefault = 5_000;
export const replicationDelayMsMax = 24 * 60 * 60 * 1000;
/** How long after its commit a replica applies a record. */
export const applyDelayMsMax = 366 * 24 * 60 * 60 * 1000;

/** How often a replica looks at its archive, and how long a master must be out of reach before it does. */
export const sourceArchivePollMsMin = 100;
export const sourceArchivePollMsMax = 24 * 60 * 60 * 1000;
export const sourceArchivePollMsDefault = 10_000;
export const sourceArchiveAfterMsMax = 24 * 60 * 60 * 1000;
export const sourceArchiveAfterMsDefault = 15_000;
/** A commit can wait for so many replicas, and name so many. */
export const synchronousReplicasMax = 16;
export const synchronousTimeoutMsDefault = 10_000;
export const synchronousTimeoutMsMin = 10;
export const synchronousTimeoutMsMax = 24 * 60 * 60 * 1000;
/** Commits of one database that wait for replicas at the same time. */
export const synchronousCommitsMax = 100_000;
/** Reads of one database that wait for a position at the same time. */
export const positionWaitsMax = 100_000;
/** The loosest bound that a read can set on how far behind its replica is. */
export const stalenessMsMax = 366 * 24 * 60 * 60 * 1000;

// Transactions and their locks.
/** Open transactions, and single writes that hold locks while there are some. */
export const transactionsMax = 100_000;
export const locksPerTransactionMax = 100_000;
export const locksMax = 250_000;
/** A single batch that writes more documents while transactions are open locks the whole database instead. */
export const batchLocksMax = 10_000;
/** What all open transactions together have written and not committed, and what waits for them. */
export const transactionBytesMax = 256 * mebibyte;
/** Keys of which is remembered when they were written, for snapshot transactions that are open. */
export const recentKeysMax = 100_000;
/** Sublevels below sublevels that are locked each for itself; what is deeper counts to the last of them. */
export const collectionDepthMax = 8;
export const lockTimeoutMsDefault = 10_000;
/** So long replay waits for queries that hold what it has to change. */
export const maxReplayWaitMsDefault = 30_000;
export const maxReplayWaitMsMax = 24 * 60 * 60 * 1000;
export const transactionTimeoutMsDefault = 5 * 60 * 1000;
export const transactionIdleTimeoutMsDefault = 60_000;
/** Of each of the three. */
export const transactionTimeoutMsMax = 24 * 60 * 60 * 1000;
/** So long a normal stop waits for what is open: as long as a transaction may be, if nothing is said. */
export const stopTimeoutMsDefault = 5 * 60 * 1000;
export const stopTimeoutMsMax = 24 * 60 * 60 * 1000;
/** Transactions of clients elsewhere that are open in one database at the same time. */
export const remoteTransactionsMax = 1000;
/** Of how many of them that ended it is remembered how, so that who lost the answer can ask again. */
export const endedTransactionsMax = 100_000;
/** So long such a transaction is kept for a client that says nothing, and its outcome behind its end. */
export const transactionLeaseMsDefault = 30_000;
export const transactionLeaseMsMin = 100;
export const transactionLeaseMsMax = 10 * 60 * 1000;

export const wireMessageBytesMax = 2 * mebibyte;
export const feedChunkBytesMax = 1 * mebibyte;
/** Sent by a master and not yet confirmed by the replica. */
export const feedCreditBytesMax = 16 * mebibyte;

// Calls of clients elsewhere, many at a time over one connection.
/** A call or an answer, put together from its parts; more than the largest commit with what it asks for. */
export const callBytesMax = commitBytesMax + 64 * kibibyte;
/** What is larger travels in parts, each in a message of its own. */
export const callPartBytesMax = 1 * mebibyte;
/** Calls, or answers, in one message. */
export const callsPerMessageMax = 4096;
/** Keys, or operations, of one call. */
export const callKeysMax = 100_000;
/** Begun and not yet answered; with more of them the connection is not read. */
export const callsUnderWayMax = 1024;
/** Of them, reads of the state of now: LevelDB has four threads, and how large values are shows when they are read (P13). */
export const callsReadingMax = 64;
/** Answers of one connection that nobody takes; with more of them it is not read. */
export const answersUnsentBytesMax = 8 * mebibyte;
/**
 * Answers of all connections of a server that nobody takes: beyond half of it who has not taken his waits, beyond all of it who takes nothing is let go of (P13).
 */
export const answersHeldBytesMax = 256 * mebibyte;
/** Who has taken nothing of them for so long is the first to be let go of. */
export const answersRestMs = 5000;
/** How long such answers may be left lying. */
export const answersStalledMsMax = 60_000;
/** Calls of all connections of a server of which only parts are there. */
export const callPartsBytesMax = 256 * mebibyte;
/** Iterators and snapshots that one connection has open. */
export const callReadersMax = 1000;

// Backups.
export const manifestHeaderBytes = 16;
export const manifestBytesMax = 16 * mebibyte;
/** A chunk of a logical backup before compression. */
export const chunkBytesTarget = 1 * mebibyte;
/** One entry that is larger than the target makes a larger chunk. */
export const chunkBytesMax = chunkBytesTarget + 8 + storeKeyBytesMax + valueBytesMax;
/** A file of a physical backup: a table of LevelDB, a MANIFEST, or a piece of a log. */
export const backupTableBytesMax = 1 * gibibyte;
export const backupGenerationsDefault = 3;
export const backupGenerationsMin = 1;
export const backupGenerationsMax = 1000;
/** Of each tier: daily, weekly, monthly. 0 = none, the default. */
export const backupTierGenerationsMax = 1000;
/** 0 = no limit, the default. */
export const backupAgeDaysLimit = 36_500;
/** While nothing is written an archive is told so often that nothing came; 0 = once. */
export const archiveHeartbeatMinutesDefault = 60;
export const archiveHeartbeatMinutesMax = 24 * 60;
/** How long what expires in an archive stays for those who read it elsewhere. */
export const archiveKeepHoursDefault = 24;
export const archiveKeepHoursMax = 8760;

const relations: readonly (readonly [boolean, string])[] = [
  [recordBytesMax < 2 ** 31, 'a record length must fit a positive 32-bit integer'],
  [storeKeyBytesMax + valueBytesMax + 13 <= commitBytesMax, 'the largest entry must fit a commit'],
  [2 * recordBytesMax <= backlogBytesMax, 'two full commits must fit the backlog'],
  [unappliedBytesMax <= backlogBytesMax / 2, 'what waits for the store is a part of the backlog'],
  [unsyncedBytesMax <= backlogBytesMax / 2, 'what waits for the log is a part of the backlog'],
  [segmentBytesMin > segmentHeaderBytes + segmentTrailerBytes, 'a segment must hold something'],
  [segmentBytesMin <= segmentBytesDefault, 'the default segment must be allowed'],
  [segmentBytesDefault <= segmentBytesMax, 'the default segment must be allowed'],
  [segmentBytesMax + recordBytesMax < 2 ** 32, 'an offset in a segment must fit syncedTo'],
  [segmentBytesDefault <= logBytesWithoutBackupMin, 'a closed segment must be kept'],
  [segmentBytesMax <= archiveHeldBytesMax, 'an archive must get a closed segment'],
  [replicaHoldBytesMin <= replicaHoldBytesDefault, 'the default cap must be allowed'],
  [replicaHoldBytesDefault <= replicaHoldBytesMax, 'the default cap must be allowed'],
  [feedChunkBytesMax < wireMessageBytesMax, 'a feed chunk must fit a message'],
  [feedChunkBytesMax <= feedCreditBytesMax, 'credit must allow a chunk'],
  [callPartBytesMax < wireMessageBytesMax, 'a part of a call must fit a message'],
  [answersUnsentBytesMax + callBytesMax <= answersHeldBytesMax, 'one connection must fit all'],
  [callsReadingMax < callsUnderWayMax, 'reads must leave room for writes'],
  [answersRestMs < answersStalledMsMax, 'who gives way first must not be gone already'],
  [2 * callBytesMax <= callPartsBytesMax, 'two full calls must fit what is there in parts'],
  [replicationDelayMsDefault <= replicationDelayMsMax, 'the default delay must be allowed'],
  [synchronousTimeoutMsDefault <= synchronousTimeoutMsMax, 'the default timeout must be allowed'],
  [batchLocksMax < locksPerTransactionMax, 'a batch must not lock more than a transaction may'],
  [locksPerTransactionMax <= locksMax, 'one transaction must be able to hold what it may'],
  [commitBytesMax <= transactionBytesMax, 'a full commit must fit what is not committed'],
  [lockTimeoutMsDefault < transactionTimeoutMsDefault, 'a wait must end before the transaction'],
  [transactionTimeoutMsDefault <= stopTimeoutMsDefault, 'a stop must wait for a transaction'],
  [transactionTimeoutMsMax <= stopTimeoutMsMax, 'a stop must be able to wait for any transaction'],
  [transactionLeaseMsMin <= transactionLeaseMsDefault, 'the default lease must be allowed'],
  [transactionLeaseMsDefault <= transactionLeaseMsMax, 'the default lease must be allowed'],
  [remoteTransactionsMax <= transactionsMax, 'clients elsewhere must leave room for others'],
  [backupGenerationsMin <= backupGenerationsDefault, 'the default generations must be allowed'],
];
for (const [holds, relation] of relations) {
  if (!holds) throw new RangeError(`limits.ts contradicts itself: ${relation}`);
}
