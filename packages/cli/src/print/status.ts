// A database's status, for a replica with both sides: how far it is and what it knows of its master.
import type { DatabaseState, DatabaseStatus, MasterStatus } from '@pamina/wire';
import { archivesText } from './archives.js';
import { sourceArchiveFields, sourceText } from './source-archive.js';
import { heldText, holdsText } from './holds.js';
import { fields, table } from './table.js';
import { countOf, formatBytes, formatDuration, formatLag, formatTime, printable } from './units.js';

const inTouch: ReadonlySet<DatabaseState> = new Set([
  'catching-up',
  'delayed',
  'paused',
  'streaming',
  'waiting',
]);

/** `cities: normal, open, position 1/48213`, for the verbs that change something. */
export function statusLine(status: DatabaseStatus): string {
  const position = status.position === null ? '' : `, position ${status.position}`;
  return `${printable(status.name)}: ${status.type}, ${status.state}${position}`;
}

export function statusTable(statuses: readonly DatabaseStatus[]): string {
  return table(
    [
      { title: 'name' },
      { title: 'type' },
      { title: 'state' },
      { title: 'position' },
      { title: 'lag (applied)' },
      { title: 'size', align: 'right' },
      { title: 'reason' },
    ],
    statuses.map((status) => [
      printable(status.name),
      status.type,
      status.state,
      status.position ?? '-',
      status.master === null ? '-' : formatLag(status.master.lag.applied),
      formatBytes(status.sizeBytes),
      reasonText(status),
    ]),
  );
}

function reasonText({ damage, reason }: DatabaseStatus): string {
  const parts = damage === null || damage === undefined ? [] : ['its store is DAMAGED'];
  if (reason !== null) parts.push(printable(reason));
  return parts.join('; ');
}

/** `now` (ms since 1970) is what durations are counted to. */
export function statusText(status: DatabaseStatus, now: number): string {
  const parts = [
    fields([
      ['name', printable(status.name)],
      ['type', status.type],
      ['state', status.state],
      ['since', since(status.since, now)],
      ['why', status.reason === null ? null : printable(status.reason)],
      ['what to do', status.message === null ? null : printable(status.message)],
      ['online', status.online ? 'yes' : 'no'],
      ['fence', fenceText(status, now)],
      ['took over', takeoverText(status, now)],
      ['position', status.position ?? 'unknown'],
      ['timeline', timelineText(status)],
      ['size', formatBytes(status.sizeBytes)],
      ['kept copies', replacedText(status)],
      ['log', logText(status)],
      ['lock data', lockDataText(status)],
      ['log held', heldText(status)],
      ['backups', backupsText(status)],
      ['read only', status.readOnly ? 'yes' : null],
      ['replication delay', status.settings === null ? null : delayText(status)],
      [
        'generations kept',
        status.settings === null ? null : String(status.settings.backupGenerations),
      ],
      ['synchronous commit', synchronousText(status, now)],
      ['audit', auditText(status)],
      ['store', damageText(status)],
      [
        'mend it',
        status.damage === null || status.damage === undefined
          ? null
          : printable(status.damage.hint),
      ],
      ['identification pattern', status.pattern ?? 'none yet'],
      ['instance', status.instance],
      ['created', formatTime(status.createdAt)],
    ]),
  ];
  if (status.master !== null) parts.push(replicaText(status, status.master, now));
  const holds = holdsText(status, now);
  if (holds !== '') parts.push(holds);
  const archives = archivesText(status.archives ?? [], now);
  if (archives !== '') parts.push(archives);
  return parts.join('\n\n');
}

/** What commits wait for, and in capitals when they do not. */
function synchronousText({ synchronous }: DatabaseStatus, now: number): string | null {
  if (synchronous === null || synchronous === undefined) return null;
  const { names, policy, replicas, timeoutMs, unreplicated, waiting } = synchronous;
  const waitingText = countOf(waiting, 'commit waits', 'commits wait');
  if (synchronous.state === 'off') return waiting === 0 ? null : waitingText;
  const of = names.length === 0 ? '' : ` of ${names.map(printable).join(', ')}`;
  const wanted = `${countOf(replicas, 'replica')}${of}`;
  if (synchronous.state === 'degraded') {
    const sinceText = since(synchronous.since, now) ?? 'an unknown time';
    return `DEGRADED since ${sinceText}: ${countOf(unreplicated, 'commit')} without ${wanted}`;
  }
  const otherwise = policy === 'wait' ? '' : `, degrades after ${formatDuration(timeoutMs)}`;
  return `${wanted}${otherwise}, ${waitingText}`;
}

/** Why it takes no writes, whoever asks. */
function fenceText({ fence }: DatabaseStatus, now: number): string | null {
  if (fence === null || fence === undefined) return null;
  const { since: from, successor, takenOver } = fence;
  const who = takenOver
    ? `${printable(successor)} has its place`
    : `${printable(successor)} is to take over`;
  return `takes no writes since ${since(from, now)}: ${who}`;
}

/** What it was put in the place of takes up space until a person removes it. */
function replacedText({ replaced = [] }: DatabaseStatus): string | null {
  if (replaced.length === 0) return null;
  const copies = replaced.map(
    ({ path, sizeBytes }) => `${printable(path)} (${formatBytes(sizeBytes)})`,
  );
  return `${copies.join(', ')}; remove a folder when nothing in it is needed`;
}

function takeoverText({ takeover }: DatabaseStatus, now: number): string | null {
  if (takeover === null || takeover === undefined) return null;
  const { atSeq, finished, formerName, of, since: from } = takeover;
  const rest = finished ? '' : `; not finished: run \`pamina failover ${printable(of)}\` again`;
  return `${printable(of)}, as ${printable(formerName)}, after record ${atSeq}, ${since(from, now)}${rest}`;
}

/** Whether this replica was found to hold what its master holds. */
function auditText({ audit }: DatabaseStatus): string | null {
  if (audit === null || audit === undefined) return null;
  const { at, backup, position, reason, result } = audit;
  const what = `at ${position}, backup ${printable(backup)}, ${formatTime(at)}`;
  if (result === 'equal') return `equal to the master ${what}`;
  if (result === 'different') return `DIFFERENT from the master ${what}`;
  return `skipped ${what}: ${printable(reason ?? 'no reason is known')}`;
}

/** Nothing is said of a store against which nothing is known: that is no proof. */
function damageText({ damage }: DatabaseStatus): string | null {
  if (damage === null || damage === undefined) return null;
  const when = damage.at === null ? '' : `, known since ${formatTime(damage.at)}`;
  return `DAMAGED: ${printable(damage.message)}${when}`;
}

function replicaText(status: DatabaseStatus, master: MasterStatus, now: number): string {
  const positions = table(
    [{ title: 'replication' }, { title: 'position' }, { title: 'lag' }],
    [
      ['received', status.received ?? '-', formatLag(master.lag.received)],
      ['durable', status.durable ?? '-', formatLag(master.lag.durable)],
      ['applied', status.applied ?? '-', formatLag(master.lag.applied)],
      ['master', master.durable ?? '-', master.durable === null ? '' : heardText(status)],
    ],
  );
  const address = master.address === null ? 'address not known' : printable(master.address);
  const about = fields([
    ['master', `${printable(master.name)} (${address})`],
    [
      'last replicated modification',
      since(master.lastReplicatedModificationTime, now) ?? 'none yet',
    ],
    ['source', sourceText(master)],
    ...sourceArchiveFields(master, now),
    ['at most behind', behindText(master)],
    ['apply delay', applyText(status)],
    ['simultaneous query', status.simultaneousQuery ? 'permitted' : 'not permitted'],
    ['queries', queriesText(status)],
  ]);
  return `${positions}\n\n${about}`;
}

/** What there is to say of queries beside replay. */
function queriesText({ queries, simultaneousQuery }: DatabaseStatus): string | null {
  if (queries === null || queries === undefined || !simultaneousQuery) return null;
  const { cancelled, lockData, open, replayWaitedMs, replayWaits } = queries;
  const parts = [`${countOf(open, 'transaction')} open`];
  if (lockData === false) parts.push('no lock data in the log: snapshots only');
  if (replayWaits > 0) {
    const times = replayWaits === 1 ? 'once' : `${replayWaits} times`;
    parts.push(`replay waited ${times}, ${formatDuration(replayWaitedMs)} in all`);
  }
  if (cancelled > 0) parts.push(`${cancelled} cancelled`);
  return parts.join('; ');
}

function lockDataText({ lockData }: DatabaseStatus): string | null {
  if (lockData === null || lockData === undefined || !lockData.inLog) return null;
  const { bytes, records } = lockData;
  return `in the log for simultaneous query: ${countOf(records, 'record')}, ${formatBytes(bytes)}`;
}

function behindText({ behindMs }: MasterStatus): string | null {
  if (behindMs === undefined) return null;
  return behindMs === null ? 'not known' : formatDuration(behindMs);
}

function applyText({ applying }: DatabaseStatus): string | null {
  if (applying === null || applying === undefined) return null;
  const { delayMs, nextAt, paused } = applying;
  if (paused) return 'paused';
  if (delayMs === 0) return null;
  const next = nextAt === null ? '' : `, next record at ${formatTime(nextAt)}`;
  return `${formatDuration(delayMs)}${next}`;
}

/** Lags are counted to what the master said last: out of touch with it they are no upper bound. */
function heardText({ state }: DatabaseStatus): string {
  return inTouch.has(state) ? '' : 'when last heard; the lags are to there';
}

function since(time: number | null, now: number): string | null {
  if (time === null) return null;
  const agoMs = now - time;
  // Clocks of two machines may differ: a time ahead of ours is shown without a duration.
  return agoMs < 0 ? formatTime(time) : `${formatTime(time)} (${formatDuration(agoMs)} ago)`;
}

function timelineText(status: DatabaseStatus): string {
  if (status.timeline === null) return 'none yet';
  const { timeline, id, why } = status.timeline;
  return `${timeline} (${id}, ${printable(why)})`;
}

function logText(status: DatabaseStatus): string {
  // Who could not be opened was not counted.
  if (status.position === null) return 'unknown';
  const { segments, bytes, firstSeq } = status.log;
  const from = firstSeq === null ? '' : `, from record ${firstSeq}`;
  return `${countOf(segments, 'segment')}, ${formatBytes(bytes)}${from}`;
}

function backupsText(status: DatabaseStatus): string {
  const { count, newest } = status.backups;
  if (newest === null) return String(count);
  const tag = newest.tag === null ? '' : `, tag ${printable(newest.tag)}`;
  return `${count}, newest ${printable(newest.id)} of ${formatTime(newest.createdAt)}${tag}`;
}

function delayText(status: DatabaseStatus): string | null {
  if (status.settings === null) return null;
  const { replicationDelayMs } = status.settings;
  return replicationDelayMs === 0 ? '0 (streaming)' : formatDuration(replicationDelayMs);
}
