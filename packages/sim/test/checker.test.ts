// Each invariant of the checker on a history that keeps it and on one that breaks it: a checker that
// cannot fail proves nothing.
import { describe, expect, test } from 'vitest';
import { check, invariants } from '../src/checker.js';
import type { HistoryEvent } from '../src/history.js';
import { Context, invariantNames, type InvariantName } from '../src/invariant/context.js';
import {
  acknowledged,
  historyOf,
  invoked,
  logRead,
  opened,
  point,
  record,
  state,
  stateAt,
  timeline,
  twoCommits,
  twoCommitsLog,
} from './history-builder.js';
import {
  archiveCases,
  incrementCase,
  keptLogCase,
  sourceCases,
  targetCases,
  type Case,
} from './recovery-cases.js';
import { fenceCases, rejoinCases, timelineCases, winnerCases } from './succession-cases.js';

const lied: HistoryEvent = { type: 'lied', database: 'master' };
const damagedLog: HistoryEvent = {
  type: 'corrupted',
  database: 'master',
  path: 'log/1.seg',
  part: 'log',
};
const healed: HistoryEvent = { type: 'healed' };
const anewReplica: HistoryEvent = { type: 'created', database: 'replica', timelines: [] };
const followsReplica = { ...opened('second', 2, true), follows: 'replica' } as HistoryEvent;
const secondLogGone: HistoryEvent = {
  type: 'follower',
  database: 'second',
  state: 'log-gone',
  code: 'LOG_GONE',
};
const promotedAt = (seq: number): HistoryEvent => ({
  type: 'promoted',
  database: 'replica',
  seq,
  among: ['replica'],
  timelines: [timeline],
});
const promoted = promotedAt(0);
const confirmed = (seq: number): HistoryEvent =>
  ({ ...acknowledged('c2', seq), replicas: 1 }) as HistoryEvent;

function answered(
  read: string,
  found: string,
  isWhole: boolean,
  absent: string[] = [],
): HistoryEvent {
  const answer = new Map<string, string | null>(state(found));
  for (const key of absent) answer.set(key, null);
  return { type: 'read-answered', database: 'master', read, found: answer, isWhole };
}
const asked = (read: string): HistoryEvent => ({ type: 'read-invoked', database: 'master', read });
const progress = (database: string, durable: number, applied: number): HistoryEvent => ({
  type: 'progress',
  database,
  durable,
  applied,
});
const openFailed = (code: string): HistoryEvent => ({
  type: 'open-failed',
  database: 'master',
  code,
  message: 'no',
});
const follower = (name: string, code: string | null): HistoryEvent => ({
  type: 'follower',
  database: 'replica',
  state: name,
  code,
});
const other = { ...timeline, timeline: 2, id: 'b'.repeat(16), forkedFrom: timeline.id, atSeq: 0 };
const promotedToOther = { ...promoted, timelines: [timeline, other] } as HistoryEvent;
/** Diverged, with so many records of the first timeline, or of another. */
const followerAt = (seq: number, timelineId = timeline.id): HistoryEvent =>
  ({ ...follower('diverged', 'DIVERGED'), point: point(seq, timelineId) }) as HistoryEvent;
const lostAt = (bytes: number): HistoryEvent => ({
  type: 'replica-lost',
  database: 'replica',
  by: 'master',
  bytes,
  bytesMax: 500,
});
const closedFile = (database: string, checksum: number): HistoryEvent =>
  logRead(database, [], { files: [{ name: '1.seg', isClosed: true, checksum, lastSeq: 5 }] });
const settled = (isConverged: boolean): HistoryEvent => ({
  type: 'settled',
  database: 'replica',
  master: 'master',
  isConverged,
  reason: 'it waits',
});
const backupTaken: HistoryEvent = {
  type: 'backup-taken',
  database: 'master',
  backup: 'b1',
  point: point(2),
  stateHash: 'h',
};
const restored = (seq: number, text: string): HistoryEvent => ({
  type: 'restored',
  backup: 'b1',
  database: 'copy',
  point: point(seq),
  state: state(text),
});
const recovered = (stateHash: string): HistoryEvent => ({
  type: 'recovered',
  database: 'master',
  point: point(2),
  stateHash,
});
const impossible = (isDue: boolean): HistoryEvent => ({
  type: 'backup-failed',
  database: 'master',
  code: 'INCREMENTAL_IMPOSSIBLE',
  isDue,
});
const rejected: HistoryEvent = { type: 'commit-rejected', commit: 'c3', code: 'DISK_FULL' };
const reported = (code: string): HistoryEvent => ({
  type: 'reported',
  database: 'master',
  by: 'error',
  code,
  message: 'no',
});

const whole = logRead('master', twoCommitsLog);
const [first, second, third] = twoCommitsLog as [
  ReturnType<typeof record>,
  ReturnType<typeof record>,
  ReturnType<typeof record>,
];

const cases: Readonly<Record<InvariantName, readonly Case[]>> = {
  agreement: [
    {
      what: 'two databases at one position are equal',
      good: [stateAt('master', 2, 'a=1'), stateAt('replica', 2, 'a=1')],
      bad: [stateAt('master', 2, 'a=1'), stateAt('replica', 2, 'a=1 z=9')],
    },
    {
      what: 'system data are equal too, by the state hash',
      good: [
        { ...stateAt('master', 2, 'a=1'), stateHash: 'h' } as HistoryEvent,
        { ...stateAt('replica', 2, 'a=1'), stateHash: 'h' } as HistoryEvent,
      ],
      bad: [
        { ...stateAt('master', 2, 'a=1'), stateHash: 'h' } as HistoryEvent,
        { ...stateAt('replica', 2, 'a=1'), stateHash: 'i' } as HistoryEvent,
      ],
    },
    {
      what: 'backup and log lead to the state that is there',
      good: [{ ...stateAt('master', 2, 'a=1'), stateHash: 'h' } as HistoryEvent, recovered('h')],
      bad: [{ ...stateAt('master', 2, 'a=1'), stateHash: 'h' } as HistoryEvent, recovered('i')],
    },
  ],
  chain: [
    {
      what: 'one place has one record',
      good: [whole, logRead('replica', twoCommitsLog)],
      bad: [whole, logRead('replica', [first, second, { ...third, chain: 7 }])],
      excuse: lied,
    },
    {
      what: 'a point says the chain that the log has',
      good: [whole, opened('replica', 3, true)],
      bad: [
        whole,
        { ...opened('replica', 3, true), point: { ...point(3), chain: 7 } } as HistoryEvent,
      ],
    },
  ],
  bytes: [
    {
      what: 'a closed segment is the same file everywhere',
      good: [closedFile('master', 5), closedFile('replica', 5)],
      bad: [closedFile('master', 5), closedFile('replica', 6)],
      excuse: damagedLog,
    },
  ],
  gap: [
    { what: 'numbers have no gap', good: [whole], bad: [logRead('master', [first, third])] },
    {
      what: 'each record continues the chain',
      good: [whole],
      bad: [logRead('master', [first, { ...second, chainBefore: 7 }])],
    },
    {
      what: 'commit time never goes back',
      good: [whole],
      bad: [logRead('master', [first, { ...second, time: 1 }])],
    },
    {
      what: 'the files can be read whole',
      good: [whole],
      bad: [logRead('master', [first], { problem: 'it breaks off' })],
      excuse: damagedLog,
    },
  ],
  durability: [
    {
      what: 'an acknowledged commit is there after the next opening',
      good: [opened('master', 3)],
      bad: [opened('master', 2)],
      excuse: lied,
    },
    {
      what: 'an acknowledged commit stands at its own place',
      good: [whole],
      bad: [logRead('master', [first, second, { ...third, commit: 'c9' }])],
      excuse: lied,
    },
    {
      what: 'a replica keeps what it reported as durable',
      good: [progress('replica', 3, 2), opened('replica', 3, true)],
      bad: [progress('replica', 3, 2), opened('replica', 2, true)],
    },
  ],
  shipping: [
    {
      what: 'a replica never holds what its master lost',
      good: [progress('replica', 4, 4), opened('master', 4)],
      bad: [progress('replica', 5, 4), opened('master', 4)],
      excuse: lied,
    },
    {
      what: 'who follows a replica never holds what that one lost',
      good: [followsReplica, progress('second', 4, 4), opened('replica', 4, true)],
      bad: [followsReplica, progress('second', 5, 4), opened('replica', 4, true)],
      excuse: { type: 'lied', database: 'replica' },
    },
    {
      what: 'who is made anew from a backup is behind those that follow it, until it is level',
      good: [followsReplica, progress('second', 4, 4), anewReplica, opened('replica', 2, true)],
      bad: [
        ...[followsReplica, anewReplica, opened('replica', 4, true)],
        ...[progress('second', 4, 4), opened('replica', 3, true)],
      ],
    },
  ],
  replicated: [
    {
      what: 'what a replica confirmed is there when the most advanced one is promoted',
      good: [confirmed(3), opened('replica', 3, true), promotedAt(3)],
      bad: [confirmed(3), opened('replica', 2, true), promotedAt(2)],
      excuse: lied,
    },
    {
      what: 'what nobody confirmed may be lost',
      good: [acknowledged('c2', 3), opened('replica', 2, true), promotedAt(2)],
      bad: [confirmed(3), opened('replica', 2, true), promotedAt(2)],
    },
  ],
  fence: fenceCases,
  winner: winnerCases,
  timelines: timelineCases,
  rejoin: rejoinCases,
  rejection: [
    {
      what: 'a rejected commit is in no log',
      good: [invoked('c3', 'a=3'), rejected, whole],
      bad: [
        invoked('c3', 'a=3'),
        rejected,
        logRead('master', [...twoCommitsLog, record(4, 'c3', 'a=3')]),
      ],
    },
    {
      what: 'a rejected commit is in no answer',
      good: [invoked('c3', 'a=3'), rejected, asked('r'), answered('r', 'b=2', false)],
      bad: [invoked('c3', 'a=3'), rejected, asked('r'), answered('r', 'a=3', false)],
    },
  ],
  atomicity: [
    {
      what: 'a commit stands in the log whole',
      good: [whole],
      bad: [logRead('master', [first, second, { ...third, writes: third.writes.slice(1) }])],
    },
    {
      what: 'a commit stands in the log once',
      good: [whole],
      bad: [logRead('master', [...twoCommitsLog, record(4, 'c2', 'b=2 -a')])],
    },
    {
      what: 'nothing is written that nobody asked for',
      good: [whole],
      bad: [logRead('master', [first, { ...second, commit: null }])],
    },
  ],
  order: [
    {
      what: 'commits of one writer keep their order',
      good: [whole],
      bad: [logRead('master', [first, record(2, 'c2', 'b=2 -a'), record(3, 'c1', 'a=1')])],
    },
  ],
  apply: [
    {
      what: 'nothing is applied that is not durable',
      good: [progress('replica', 3, 3)],
      bad: [progress('replica', 2, 3)],
    },
    {
      what: 'positions never go back while a database is open',
      good: [progress('replica', 2, 2), progress('replica', 3, 2)],
      bad: [progress('replica', 3, 3), progress('replica', 3, 2)],
    },
  ],
  state: [
    {
      what: 'a state is what the commits up to its position make',
      good: [whole, stateAt('replica', 3, 'b=2')],
      bad: [whole, stateAt('replica', 3, 'a=1 b=2')],
    },
    {
      what: 'a state before the last commit is that of its own position',
      good: [whole, stateAt('replica', 2, 'a=1')],
      bad: [whole, stateAt('replica', 2, 'b=2')],
    },
  ],
  read: [
    {
      what: 'a read sees what was acknowledged before it was asked',
      good: [asked('r'), answered('r', 'b=2', false, ['a']), whole],
      bad: [asked('r'), answered('r', 'a=1', false), whole],
    },
    {
      what: 'a whole read is of one moment',
      good: [asked('r'), answered('r', 'b=2', true), whole],
      bad: [asked('r'), answered('r', '', true), whole],
    },
    {
      what: 'a read gives nothing that is not there in the end',
      good: [invoked('c3', 'b=3'), asked('r'), answered('r', 'b=2', false), whole],
      bad: [invoked('c3', 'b=3'), asked('r'), answered('r', 'b=3', false), whole],
    },
  ],
  backup: [
    {
      what: 'what is restored is the state at the label',
      good: [whole, backupTaken, restored(2, 'a=1')],
      bad: [whole, backupTaken, restored(2, 'b=2')],
    },
    {
      what: 'what is restored says the position of the label',
      good: [whole, backupTaken, restored(2, 'a=1')],
      bad: [whole, backupTaken, restored(3, 'a=1')],
    },
    {
      what: 'a good backup can be restored once faults have ended',
      good: [{ type: 'restore-failed', backup: 'b1', code: 'DISK_FULL' }, healed],
      bad: [healed, { type: 'restore-failed', backup: 'b1', code: 'BACKUP_INVALID' }],
      excuse: { ...damagedLog, part: 'backup' },
    },
    {
      what: 'a full backup that is there can be continued',
      good: [impossible(false)],
      bad: [impossible(true)],
      excuse: lied,
    },
    incrementCase,
  ],
  target: targetCases,
  archive: archiveCases,
  sources: sourceCases,
  recovery: [
    {
      what: 'no crash leaves damage',
      good: [openFailed('DISK_ERROR')],
      bad: [openFailed('LOG_DAMAGED')],
      excuse: damagedLog,
    },
    {
      what: 'every database opens once faults have ended',
      good: [openFailed('DISK_ERROR'), healed],
      bad: [healed, openFailed('DISK_ERROR')],
    },
    {
      what: 'no error is left to nobody',
      good: [],
      bad: [{ type: 'uncaught', message: 'TypeError' }],
    },
  ],
  resume: [
    {
      what: 'a replica of an honest master never diverges',
      good: [follower('disconnected', 'CONNECT_FAILED'), promotedToOther, followerAt(1)],
      bad: [follower('diverged', 'DIVERGED')],
      excuse: lied,
    },
    {
      what: 'a replica that has no more than who took the place of its master follows that one',
      good: [promotedToOther, followerAt(1)],
      bad: [promotedToOther, followerAt(1, other.id)],
      excuse: lied,
    },
    {
      what: 'a timeline begins behind the last record of who starts it',
      good: [promotedAt(0)],
      bad: [promotedAt(1)],
    },
  ],
  retention: [
    {
      what: 'a replica that was made anew has held no log for who follows it',
      good: [followsReplica, anewReplica, secondLogGone],
      bad: [followsReplica, secondLogGone],
    },
    {
      what: 'the log that a replica needs is kept',
      good: [follower('disconnected', 'CONNECT_FAILED')],
      bad: [follower('log-gone', 'LOG_GONE')],
      excuse: lied,
    },
    {
      what: 'a replica whose log passed the cap was given up aloud before it is told so',
      good: [lostAt(600), follower('log-gone', 'REPLICA_LOST')],
      bad: [follower('log-gone', 'REPLICA_LOST')],
    },
    {
      what: 'a replica that was given up is told why its log is gone',
      good: [lostAt(600), follower('log-gone', 'REPLICA_LOST')],
      bad: [lostAt(600), follower('log-gone', 'LOG_GONE')],
    },
    {
      what: 'no replica is given up within the cap',
      good: [lostAt(600)],
      bad: [lostAt(500)],
    },
    keptLogCase,
  ],
  convergence: [
    {
      what: 'a replica reaches its master when faults end',
      good: [healed, settled(true)],
      bad: [healed, settled(false)],
      excuse: lied,
    },
  ],
  liveness: [
    {
      what: 'every commit has an end',
      good: [],
      bad: [{ type: 'stuck', what: 'commit c1' }],
    },
  ],
  honesty: [
    {
      what: 'damage that shows was reported',
      good: [whole, damagedLog, reported('LOG_DAMAGED'), stateAt('master', 2, '')],
      bad: [whole, damagedLog, stateAt('master', 2, '')],
    },
    {
      what: 'no damage is reported that nobody made',
      good: [damagedLog, reported('LOG_DAMAGED')],
      bad: [reported('LOG_DAMAGED')],
    },
    {
      what: 'what was called good is good',
      good: [damagedLog, { type: 'verified', database: 'master', what: 'log' }, whole],
      bad: [
        damagedLog,
        { type: 'verified', database: 'master', what: 'log' },
        logRead('master', [first], { problem: 'it breaks off' }),
      ],
    },
  ],
};

function broken(name: InvariantName, events: readonly HistoryEvent[]): string[] {
  const context = new Context(historyOf(twoCommits, events));
  return invariants[name](context).map((violation) => violation.invariant);
}

describe.each(invariantNames)('%s', (name) => {
  test.each(cases[name].map((one) => [one.what, one] as const))('%s', (_what, one) => {
    expect(broken(name, one.good)).toEqual([]);
    expect(broken(name, one.bad)).toContain(name);
    if (one.excuse !== undefined) expect(broken(name, [one.excuse, ...one.bad])).toEqual([]);
  });
});

test('a history that keeps everything breaks nothing', () => {
  const events = historyOf(
    twoCommits,
    asked('r'),
    answered('r', 'b=2', true),
    whole,
    opened('replica', 2, true),
    progress('replica', 3, 3),
    stateAt('replica', 3, 'b=2'),
    logRead('replica', twoCommitsLog),
    backupTaken,
    restored(2, 'a=1'),
    healed,
    settled(true),
  );
  expect(check(events)).toEqual([]);
});

test('a history that forks is judged on each branch by itself', () => {
  const other = { ...timeline, timeline: 2, id: 'b'.repeat(16), forkedFrom: timeline.id, atSeq: 2 };
  const forked = [timeline, other];
  const events = historyOf(
    twoCommits,
    whole,
    { type: 'promoted', database: 'replica', seq: 2, among: [], timelines: forked },
    invoked('d1', 'a=5', 'w2'),
    { ...acknowledged('d1', 3), database: 'replica', timelineId: other.id } as HistoryEvent,
    logRead('replica', [first, second, record(3, 'd1', 'a=5', { timelineId: other.id, chain: 7 })]),
    {
      ...stateAt('replica', 3, 'a=5'),
      point: { timelineId: other.id, seq: 3, chain: 7 },
    } as HistoryEvent,
    stateAt('master', 3, 'b=2'),
  );
  expect(check(events)).toEqual([]);
});
