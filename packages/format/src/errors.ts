// The one table of errors. A code belongs to a class, which gives the exit status and the usual
// HTTP status; the hint says what to do next. Rows are alphabetical; ERRORS.md is generated from
// here by `npx tsx packages/format/scripts/errors-document.ts`.

import {
  damaged,
  disk,
  ended,
  internal,
  limit,
  missing,
  network,
  refused,
  state,
  unverified,
  usage,
  type ErrorRow,
} from './error-classes.js';
import { archiveErrors } from './errors-archive.js';

export const errorTable = {
  ABORTED: ended('Nothing more is done. Start it again when you want it.', 499, false),
  ACCESS_DENIED: disk('Give the user that runs Pamina the right to read and write this path.'),
  ADDRESS_INVALID: usage('Write an address as https://HOST:PORT, where to listen as HOST:PORT.'),
  ADDRESS_NOT_ALLOWED: refused('If it is to be trusted, name it with `--allow-master` too.'),
  ...archiveErrors,
  BACKLOG_FULL: limit(
    'Await the commits that are under way before you write more; the disk is slower than the writer.',
    503,
    true,
  ),
  BACKUP_FORM: state('Take a logical backup: `pamina backup NAME --form logical`.'),
  BACKUP_INCREMENTAL: state(
    'An incremental backup is the log behind a full one. Restore the full backup that it builds on, and recover to its position.',
  ),
  BACKUP_INITIAL: refused(
    'Take a backup with `pamina backup NAME` and use that: an initial backup carries no identification pattern, so no replica can be made from it.',
    409,
  ),
  BACKUP_INVALID: damaged(
    'Do not use this backup. Choose another one (`pamina backups NAME`) or take a new one.',
  ),
  BACKUP_NOT_FOUND: missing(
    'List the backups with `pamina backups NAME`, or take one with `pamina backup NAME`.',
  ),
  BACKUP_RUNNING: state('Wait until the backup that is running ends, then try again.', 409, true),
  BODY_INVALID: damaged(
    'Keep the files as they are. Restore the newest good backup, or create the replica again from its master.',
  ),
  CHANNEL_CLOSED: network(
    'The connection ended. It is made again by itself; if not, check the other side.',
  ),
  COMMIT_TOO_LARGE: limit('Split the batch into several smaller ones.'),
  COMMIT_UNKNOWN: ended(
    'The commit may or may not be kept. Reopen the database and read the keys before you write them again.',
    500,
    false,
  ),
  CONNECTION_LOST: ended('Nothing of an open transaction was written. Open it again.', 503),
  CONNECT_FAILED: network(
    'Check that the address is right, that `pamina serve` runs there and that nothing blocks the port.',
  ),
  CONTROL_INVALID: damaged(
    'The file control.json cannot be used. Keep the folder as it is and restore a backup to a new place.',
  ),
  CURSOR_INVALID: usage(
    'Send the cursor of the page before as it came, with the same bounds; begin again without one.',
  ),
  DATABASE_CLOSED: state('Open the database again before you use it.'),
  DATABASE_EXISTS: state('Choose another name, or delete the existing database first.'),
  DATABASE_FAILED: state(
    'Close the database, mend what the reason in `pamina status NAME` names, and open it again.',
    503,
  ),
  DATABASE_IN_USE: state(
    'One process at a time may open a database. Close it there, or reach it through the server of that process.',
    409,
    true,
  ),
  DATABASE_NOT_FOUND: missing(
    'List what there is with `pamina list`; check `--data` and `--directory`.',
  ),
  DATABASE_OFFLINE: state('Start it with `pamina start NAME`.'),
  DATABASE_ONLINE: state('Stop it first with `pamina stop NAME`.'),
  DATABASE_STOPPING: state(
    'What is open may still end, nothing new begins. Try again when it is back, or ask another server.',
    503,
    true,
  ),
  DATABASE_TYPE: state(
    'See the type with `pamina status NAME`: normal databases are written to, replicas follow a master, unassigned ones wait to become either.',
  ),
  DATA_IN_USE: state(
    'One server at a time serves a data folder. Use the one that runs, or stop it first.',
  ),
  DEADLOCK: ended(
    'Nothing of the transaction was written. Run it again from its beginning; lock documents in the same order everywhere, and with `lockMode: protected` what will be changed.',
    409,
  ),
  DIRECTORY_INVALID: damaged(
    'Correct the directory file by hand, or remove it and start the servers again to write a new one.',
  ),
  DIRECTORY_LOCKED: state(
    'Another process is writing the directory file. Try again in a moment.',
    409,
    true,
  ),
  DIRECTORY_UNREACHABLE: network(
    'Check that etcd runs at one of these addresses, lets this program in, and that nothing blocks its port.',
  ),
  DISK_ERROR: disk('See the cause, check the disk and the file system, then try again.'),
  DISK_FULL: disk('Make space on this file system; writing goes on when there is some.', 507, true),
  DIVERGED: refused(
    'The two histories went apart, so neither can follow the other. Create the replica again from a new backup of the master.',
    409,
  ),
  DOCUMENT_LOCKED: ended(
    'A transaction of the master changes the document. Try again, allow more time with `lockTimeoutMs`, or read without locks, with `isolation: snapshot` say. If the master is gone, `pamina locks NAME` shows what it left locked, and `--release` frees it.',
    409,
  ),
  DURABILITY_UNAVAILABLE: state(
    'Nothing was written. Permit more replicas with `pamina allow MASTER REPLICA`, or ask for fewer.',
  ),
  EVENTS_FULL: limit('End other streams of events, or ask again later.', 503, true),
  FAILOVER_BEHIND: state(
    'Another replica has more of the log. Leave out `--to`, or say `--accept-loss` to give up what only the other one has.',
  ),
  FAILOVER_IMPOSSIBLE: state(
    'See why each replica cannot take over, mend that, and run `pamina failover` again. Nothing was changed.',
  ),
  FAILOVER_RUNNING: state(
    'Another failover of this database is under way or was cut short. Finish it with `pamina failover NAME --to REPLICA`, or take it back with `pamina unfence NAME`.',
  ),
  FAILOVER_TIMEOUT: ended(
    'The replica did not get the rest of the log in time, so nothing was promoted, and the master takes writes again. See its state, then try again with a longer `--timeout`.',
  ),
  FENCED: refused(
    'Another database takes over this name, or has done so. Make this one its replica with `pamina rejoin NAME`, or take it out of its fence with `pamina unfence NAME` if nothing has taken over.',
    409,
  ),
  FILE_EXISTS: disk('Choose another path, or move the existing file away.', 409),
  FILE_NOT_FOUND: missing('Check the path.'),
  FORBIDDEN: refused('Use a token that is allowed to do this.'),
  FORMAT_UNKNOWN: damaged(
    'The file was written by another version of Pamina. Open it with that version or a newer one; it was left unchanged.',
  ),
  IMPORT_INVALID: usage(
    'Each line of the file must be one JSON object that has the key field; correct the line that is named.',
  ),
  INCREMENTAL_IMPOSSIBLE: state('Take a full backup with `pamina backup NAME`.'),
  INTERNAL: internal('This is a fault in Pamina. Please report it with the message and the cause.'),
  ISOLATION_UNAVAILABLE: state(
    'Locks on a replica need the lock data of its master. Permit it with simultaneous query (`pamina allow MASTER REPLICA --simultaneous-query`); until the log carries it read without locks, with `--isolation snapshot` say (`isolation` in a program), or ask the master.',
  ),
  KEY_NOT_FOUND: missing('There is no value under this key.'),
  KEY_TOO_LARGE: limit('Use a shorter key.'),
  LEVEL_STORE_FOUND: state(
    'This folder holds a plain LevelDB. Bring it over with `pamina adopt FOLDER`.',
  ),
  LINK_REFUSED: disk(
    'The file system makes no hard link here. Take a logical backup, or keep the backups in the file system of the database.',
  ),
  LISTEN_FAILED: network(
    'Choose another port or address with `--listen`; another process may use this one.',
    500,
    false,
  ),
  LOCKS_FULL: limit(
    'Commit or roll back, then go on in another transaction; lock fewer documents in one, for example by `lockMode: unprotected` or `isolation: snapshot` for large reads.',
    503,
    true,
  ),
  LOCK_TIMEOUT: ended(
    'Another transaction holds the lock; see `locks()`. Try again, or allow more time with `lockTimeoutMs`.',
    409,
  ),
  LOG_DAMAGED: damaged(
    'Keep the files as they are. Restore the newest backup to a new place, or create the replica again from its master.',
  ),
  LOG_GONE: missing(
    'The log that is needed was deleted. Create the replica again from a newer backup of the master.',
    410,
  ),
  MANIFEST_INVALID: damaged(
    'Do not use this backup. Choose another one (`pamina backups NAME`) or take a new one.',
  ),
  MESSAGE_INVALID: network(
    'The other side sent what this version does not understand. Check that it is a Pamina server of a matching version.',
    400,
    false,
  ),
  NAME_INVALID: usage(
    'Use 1 to 64 letters, digits, dots, underscores and hyphens, beginning with a letter or a digit.',
  ),
  NAME_NOT_FOUND: missing(
    'The directory has no such name. Check the name and `--directory`, and that its server is running.',
  ),
  NAME_TAKEN: state('Choose another name, or rename or delete the database that has it.'),
  NOT_PERMITTED: refused('Permit the replica on its master with `pamina allow MASTER REPLICA`.'),
  NOT_QUERYABLE: state(
    'A replica that replays without simultaneous query answers no queries. Read from the master, or set the replica to readOnly.',
    503,
  ),
  NOT_VERIFIED: unverified(
    'See which check says why. Take a backup with `pamina backup NAME` if there is none to verify against.',
  ),
  PATTERN_MISMATCH: refused(
    'This replica was made from another database. Create it from a backup of this master.',
    409,
  ),
  POSITION_AHEAD: missing(
    'The database has not reached this position yet. Wait for it, or choose an earlier one.',
    409,
    true,
  ),
  POSITION_INVALID: usage('Write a position as TIMELINE/SEQ, for example 1/48213.'),
  POSITION_LOST: state(
    'The history that this database has left the one of the position before it: what was committed there is not here. Read again what it holds now, and see the rescue file of the old master.',
  ),
  POSITION_PASSED: state(
    'A replica cannot go back. Restore a copy at that position: `pamina restore NAME BACKUP --until-position P --as COPY`.',
  ),
  POSITION_TIMEOUT: ended(
    'The position was not reached in time. Allow more time, or read from the master.',
  ),
  POSITION_UNREACHABLE: missing(
    'No kept backup and log lead to exactly this position. Choose one between the oldest backup and now.',
    409,
  ),
  PROPERTY_INVALID: usage('See the properties and their values with `pamina set --help`.'),
  QUERY_CANCELLED: ended(
    'What the transaction had read on this replica had to change, and replay waits for so long only. Run it again; read with `isolation: snapshot`, which is never cancelled, keep transactions short, or allow more time with `pamina set REPLICA maxReplayWaitMs=MS`.',
    409,
  ),
  READERS_FULL: limit('Close iterators and snapshots before you open more.', 503, true),
  READ_ONLY: refused('Allow writing with `pamina set NAME readOnly=false`.'),
  REBUILD_IMPOSSIBLE: state(
    'Keep the files as they are. Restore the newest good backup to a new place, or create the replica again from its master.',
  ),
  RECORD_GAP: damaged(
    'A record is missing between what is here and what came. Reconnect; if it stays, create the replica again.',
    409,
  ),
  RECORD_INVALID: damaged(
    'Keep the files as they are. Restore the newest good backup, or create the replica again from its master.',
  ),
  REPLICAS_UNCONFIRMED: ended(
    'The commit is in the log of this database and stays, and replicas may have it; a failover may lose it. Do not repeat it: read the keys, or wait until its position is replicated.',
    504,
    false,
  ),
  REPLICA_CLONED: refused(
    'Remove the copied folder, or make it a replica of its own: `pamina replicate NEW_NAME --master MASTER`. If the copy is the one that is connected, stop it, then start this one again.',
  ),
  REPLICA_IRREVERSIBLE: state(
    'This database was a master or was started as normal. Create a new replica from a backup of the master instead.',
  ),
  REPLICA_LOST: refused(
    'The log that this replica needs passed the cap and was deleted. Create the replica again from a newer backup.',
    410,
  ),
  REPLICA_READ_ONLY: refused(
    'Write to the master. To make this copy the master, reset it with `pamina reset NAME`.',
  ),
  REPLICA_STALE: state(
    'The replica is further behind its master than the read allows, or cannot tell. Read from the master, or allow more; see `pamina status NAME`.',
    503,
    true,
  ),
  REQUEST_INVALID: usage('Correct the request as the message says.'),
  REQUEST_TOO_LARGE: limit('Send less in one request.'),
  RESPONSE_TOO_LARGE: limit('The other side sent more than is allowed here. Ask for less.', 502),
  SEGMENT_INVALID: damaged(
    'Keep the file as it is. Restore the newest backup to a new place, or create the replica again from its master.',
  ),
  SERVER_NOT_RUNNING: network('Start the server with `pamina serve`.', 503),
  SERVER_RUNNING: state('A server already hosts this data folder. Stop it first, or use it.'),
  STATE_HASH_MISMATCH: damaged(
    'The content is not what the backup proves. Keep the files, restore the backup to a new place and compare.',
  ),
  STOP_TIMEOUT: ended(
    'Everything is closed. What was open was rolled back: its clients were told so. Allow more time with `--stop-timeout`.',
    504,
    false,
  ),
  STORE_AHEAD: damaged(
    'The store holds more than the log, so it cannot be trusted. Restore a backup with its log, or create the replica again.',
  ),
  STORE_DAMAGED: damaged(
    'The store does not hold what the log says. Restore a backup with its log, or create the replica again.',
  ),
  STORE_DIVERGED: damaged(
    'The store and the log belong to different histories. Restore a backup with its log, or create the replica again.',
  ),
  STORE_ERROR: disk(
    'LevelDB failed; see the cause. Close the database, check the disk, and open it again.',
  ),
  STORE_REFUTED: damaged(
    'No full backup is taken of a store that is known to be damaged; incremental ones and archiving go on. Build the store anew with `pamina rebuild NAME`, or a replica with `pamina replicate NAME --master MASTER --recreate`.',
    409,
  ),
  STORE_REOPENED: state(
    'The store was reopened after a fault; open iterators and snapshots ended. Start the read again.',
    503,
    true,
  ),
  TAG_INVALID: usage(
    'Use 1 to 64 letters, digits, spaces and . _ : + -, beginning with a letter or a digit.',
  ),
  TAG_TAKEN: state('Choose another tag; this one names another backup.'),
  TIMELINES_INVALID: damaged(
    'The history of timelines cannot be right. Restore a backup, or create the replica again from its master.',
    400,
  ),
  TIMEOUT: ended('Try again, or allow more time.'),
  TLS_FAILED: network(
    'The other side could not prove who it is, or does not speak TLS. Check the address, and who signed its certificate (`--tls-ca FILE`).',
  ),
  TLS_INVALID: usage(
    'Give a certificate and the private key that belongs to it, both as PEM, the key readable by its owner only (`chmod 600 FILE`).',
  ),
  TLS_REQUIRED: refused(
    'Give the server a certificate with `--tls-cert FILE` and `--tls-key FILE`, or let it listen on loopback. `--insecure` serves others without TLS: then whoever is on the way reads along and can use the token.',
  ),
  TOKEN_INVALID: usage(
    'A token is one line of 16 to 512 visible ASCII characters without spaces, for example from `openssl rand -hex 32`.',
  ),
  TOKEN_REQUIRED: refused(
    'Name a file that holds a token with `--token-file`; without one a server listens on loopback only.',
    401,
  ),
  TOO_MANY_REQUESTS: limit(
    'Wait as long as `retryAfterMs` of the context says, and send less. If a credential was refused before, check it first.',
    429,
    true,
  ),
  TRANSACTIONS_FULL: limit(
    'Commit or roll back transactions that are open before you begin more, and await writes that wait for them.',
    503,
    true,
  ),
  TRANSACTION_LEASE_EXPIRED: ended(
    'Nothing of the transaction was written, and its locks are free. Run it again; call it or renew it more often, or begin it with a longer `leaseMs`.',
    409,
  ),
  TRANSACTION_NOT_FOUND: missing(
    'It ended longer ago than its lease, or its server was started anew; if it was not committed then, nothing of it was written. Read what it was to write before you run it again.',
  ),
  TRANSACTION_OVER: state('Begin another transaction; see the cause for why this one ended.'),
  TRANSACTION_TIMEOUT: ended(
    'Nothing of the transaction was written. Run it again in less time, or allow more with `timeoutMs` and `idleTimeoutMs`.',
    409,
  ),
  UNAUTHORIZED: refused(
    'Use a token of a user of this database, or that of the server: `--token-file FILE`.',
    401,
  ),
  USAGE: usage('See `pamina --help`, or `pamina VERB --help`.'),
  USERS_FULL: limit(
    'Remove users and tokens that nobody needs: `pamina user list NAME` shows them.',
    409,
  ),
  USER_EXISTS: state(
    'Choose another name, or change this user: `pamina user set NAME USER --role ROLES`.',
  ),
  USER_NOT_FOUND: missing('See the users and their tokens with `pamina user list NAME`.'),
  VALUE_NOT_TEXT: state(
    'Keys and values are text here. Read this one with the library, which gives bytes.',
  ),
  VALUE_TOO_LARGE: limit('Store a smaller value, or split it over several keys.'),
  VERSION_MISMATCH: refused(
    'The master writes a format that this version cannot read. Upgrade the replica first.',
    409,
  ),
  WRITE_CONFLICT: ended(
    'Nothing of the transaction was written. Run it again from its beginning: it then sees what was committed meanwhile.',
    409,
  ),
} as const satisfies Readonly<Record<string, ErrorRow>>;

export type ErrorCode = keyof typeof errorTable;
