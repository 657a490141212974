// Which figure of a database's status becomes which metric: one row each. A test holds it against the schema of the
// status, so that a figure that is new there is missed here.

import type { MetricFamily } from './metrics-text.js';

export interface StatusMetric extends MetricFamily {
  /** Where it stands in the status; `[]` is each item of a list. */
  readonly of: string;
  /** What the label of each item is called, and which of its fields has it. */
  readonly label?: readonly [name: string, field: string] | undefined;
  /** Of an item: a label with this value beside it. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly divisor?: number | undefined;
  /** All items as one: their sum, or how many they are. */
  readonly fold?: 'count' | 'sum' | undefined;
  /** Where there is nothing. */
  readonly absent?: number | undefined;
}

/** Divided by, not multiplied with a part that a binary fraction cannot say: 1,796,100,906,768 ms are …906.768 s. */
const ms = 1000;

function row(
  of: string,
  name: string,
  help: string,
  more: Partial<StatusMetric> = {},
): StatusMetric {
  return { of, name: `pamina_${name}`, help, type: 'gauge', ...more };
}

/** ms since 1970 become seconds since 1970. */
function time(
  of: string,
  name: string,
  help: string,
  more: Partial<StatusMetric> = {},
): StatusMetric {
  return row(of, `${name}_timestamp_seconds`, help, { divisor: ms, ...more });
}

function count(
  of: string,
  name: string,
  help: string,
  more: Partial<StatusMetric> = {},
): StatusMetric {
  return row(of, `${name}_total`, help, { type: 'counter', ...more });
}

function lags(place: 'applied' | 'durable' | 'received'): StatusMetric[] {
  const labels = { place };
  const of = `master.lag.${place}`;
  return [
    row(`${of}.records`, 'lag_records', 'Records that a replica is behind its master.', { labels }),
    row(`${of}.bytes`, 'lag_bytes', 'Bytes that a replica is behind its master.', { labels }),
    row(`${of}.seconds`, 'lag_seconds', 'Seconds that a replica is behind its master.', { labels }),
  ];
}

function position(place: 'applied' | 'durable' | 'position' | 'received'): StatusMetric {
  const labels = { place: place === 'position' ? 'visible' : place };
  return row(place, 'position_seq', 'Number of the last record, by place.', { labels });
}

const replica = { label: ['replica', 'replica'] } as const;
const archive = { label: ['archive', 'name'] } as const;

export const statusMetrics: readonly StatusMetric[] = [
  row('online', 'database_online', 'Whether the database is online.'),
  row('readOnly', 'database_read_only', 'Whether the database is read only.'),
  time('since', 'database_state_since', 'Since when it is in its state.'),
  time('createdAt', 'database_created', 'When the database was created.'),
  row('sizeBytes', 'database_size_bytes', 'What its folder takes on disk.'),
  row('damage', 'database_damaged', 'Whether its store is known to be damaged.', { absent: 0 }),
  row('timeline.timeline', 'timeline', 'Number of the timeline that it is on.'),
  row('timeline.atSeq', 'timeline_fork_seq', 'Record at which that timeline began.'),
  row('timelines', 'timelines', 'Timelines in its history.', { fold: 'count' }),
  row('timelines[].timeline', 'timelines_latest', 'Greatest number of a timeline in its history.'),
  row('timelines[].atSeq', 'timelines_fork_seq', 'Record at which the last timeline began.'),
  position('position'),
  position('received'),
  position('durable'),
  position('applied'),
  row('log.segments', 'log_segments', 'Segments of its log.'),
  row('log.bytes', 'log_size_bytes', 'What its log takes on disk.'),
  row('log.firstSeq', 'log_first_seq', 'First record that the log still has.'),
  row('settings.replicationDelayMs', 'setting_replication_delay_seconds', 'Setting.', {
    divisor: ms,
  }),
  row('settings.backupGenerations', 'setting_backup_generations', 'Setting.'),
  row('settings.replicaHoldBytes', 'setting_replica_hold_bytes', 'Setting; 0 = no cap.'),
  row('settings.replicaHoldDays', 'setting_replica_hold_days', 'Setting; 0 = no cap.'),
  row('synchronous.replicas', 'synchronous_replicas', 'Replicas that a commit waits for.'),
  row('synchronous.timeoutMs', 'synchronous_timeout_seconds', 'Setting.', { divisor: ms }),
  time('synchronous.since', 'synchronous_degraded_since', 'Since when commits do not wait.'),
  row('synchronous.waiting', 'commits_waiting', 'Commits that wait for replicas.'),
  count('synchronous.unreplicated', 'commits_unreplicated', 'Commits that were not waited for.'),
  row('lockData.inLog', 'lock_data_in_log', 'Whether the log carries what is locked.'),
  count('lockData.records', 'lock_records', 'Records of locks in the log.'),
  count('lockData.bytes', 'lock_records_bytes', 'Bytes of records of locks in the log.'),
  row('queries.open', 'queries_open', 'Transactions that read on a replica.'),
  count('queries.replayWaits', 'replay_waits', 'How often replay waited for queries.'),
  count('queries.replayWaitedMs', 'replay_waited_seconds', 'How long it did.', { divisor: ms }),
  count('queries.cancelled', 'queries_cancelled', 'Queries that were ended for the replay.'),
  row('queries.maxReplayWaitMs', 'setting_max_replay_wait_seconds', 'Setting.', { divisor: ms }),
  ...lags('received'),
  ...lags('durable'),
  ...lags('applied'),
  time(
    'master.lastReplicatedModificationTime',
    'last_replicated_modification',
    'Commit time of the last record that was applied.',
  ),
  row('master.behindMs', 'behind_seconds', 'What is read on a replica is at most so old.', {
    divisor: ms,
  }),
  time('master.archive.lookedAt', 'source_archive_looked', 'When the archive was looked at last.'),
  time(
    'master.archive.completeUntil',
    'source_archive_complete_until',
    'Nothing came behind its end until then.',
  ),
  row('master.archive.pollMs', 'setting_source_archive_poll_seconds', 'Setting.', { divisor: ms }),
  row('master.archive.afterMs', 'setting_source_archive_after_seconds', 'Setting.', {
    divisor: ms,
  }),
  row('applying.delayMs', 'setting_apply_delay_seconds', 'Setting.', { divisor: ms }),
  row('applying.paused', 'apply_paused', 'Whether nothing is applied.'),
  time('applying.since', 'apply_set', 'When that was set.'),
  row('applying.waiting', 'apply_waiting_records', 'Records that are durable and not applied.'),
  time('applying.nextAt', 'apply_next', 'When the next one is applied.'),
  time('audit.at', 'audit', 'When the store was compared with its master last.'),
  row('backups.count', 'backups', 'Full backups.'),
  time('backups.newest.createdAt', 'backup_newest', 'When the newest full backup was taken.'),
  row('backups.newest.entries', 'backup_newest_entries', 'Entries in it.'),
  row('backups.newest.bytes', 'backup_newest_bytes', 'What it takes on disk.'),
  row('backups.newest.rawBytes', 'backup_newest_raw_bytes', 'What it holds, not compressed.'),
  time('backups.newest.retired.since', 'backup_newest_retired', 'Since when it is retired.'),
  time('backups.newest.retired.goesAt', 'backup_newest_goes', 'When it is removed.'),
  row('holds[].bytes', 'hold_bytes', 'Log that is kept for a replica.', replica),
  time('holds[].since', 'hold_since', 'Since when log is kept for a replica.', replica),
  time('archives[].archivedTime', 'archived', 'Commit time of what was archived last.', archive),
  row('archives[].missing.fromSeq', 'archive_missing_from_seq', 'Gap in the archive.', archive),
  row('archives[].missing.toSeq', 'archive_missing_to_seq', 'Gap in the archive.', archive),
  row('archives[].behindBytes', 'archive_behind_bytes', 'Log that is not archived.', archive),
  row('archives[].backups', 'archive_backups', 'Backups in the archive.', archive),
  row('archives[].retired', 'archive_retired_backups', 'Of them retired ones.', archive),
  time('archives[].retired[].since', 'archive_retired', 'When the last one was retired.', archive),
  time('archives[].retired[].goesAt', 'archive_goes', 'When the last one is removed.', archive),
  time('fence.since', 'fence_since', 'Since when it takes no writes for another one.'),
  time('takeover.since', 'takeover_since', 'When it took the place of another one.'),
  row('takeover.atSeq', 'takeover_seq', 'With which record it did.'),
  row('replaced', 'replaced_copies', 'Copies that it was put in the place of.', { fold: 'count' }),
  row('replaced[].sizeBytes', 'replaced_copies_bytes', 'What they take.', { fold: 'sum' }),
];
