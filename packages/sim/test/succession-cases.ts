// Histories in which one database takes the place of another, and that keep an invariant or break it, for
// checker.test.ts.
import type { Timeline } from '@pamina/format';
import type { HistoryEvent } from '../src/history.js';
import {
  acknowledged,
  invoked,
  logRead,
  record,
  timeline,
  twoCommitsLog,
} from './history-builder.js';
import type { Case } from './recovery-cases.js';

const lied: HistoryEvent = { type: 'lied', database: 'master' };
const newer: Timeline = {
  timeline: 2,
  id: 'b'.repeat(16),
  forkedFrom: timeline.id,
  atSeq: 2,
  why: 'takeover of master',
};

function fencedAt(seq: number, takenOver = true): HistoryEvent {
  const about = { database: 'master', successor: 'replica', timelineId: timeline.id };
  return { type: 'fenced', ...about, seq, takenOver };
}

function promoted(seq: number, last: Timeline = newer, database = 'replica'): HistoryEvent {
  return { type: 'promoted', database, seq, among: [database], timelines: [timeline, last] };
}

function rejoined(way: 'followed' | 'recreated', lost: readonly string[]): HistoryEvent {
  return { type: 'rejoined', database: 'master', way, forkSeq: 2, lost };
}

const late = acknowledged('c3', 4);
const proof: HistoryEvent = {
  type: 'follower',
  database: 'second',
  state: 'disconnected',
  code: 'FENCED',
};
const anew: HistoryEvent = { type: 'created', database: 'master', timelines: [] };
const written = logRead('master', [...twoCommitsLog, record(4, null, null)]);

export const fenceCases: readonly Case[] = [
  {
    what: 'who is fenced acknowledges nothing, until it is a replica',
    good: [invoked('c3', 'a=3'), late, fencedAt(4), rejoined('recreated', ['c3']), late],
    bad: [invoked('c3', 'a=3'), fencedAt(3), late],
  },
  {
    what: 'who is fenced writes no record, until it is made anew',
    good: [fencedAt(3), anew, written],
    bad: [fencedAt(3), written],
    excuse: lied,
  },
  {
    what: 'to whom it was proved that its name is taken, that one has a fence soon',
    good: [promoted(2), fencedAt(3), proof],
    bad: [promoted(2), proof, fencedAt(3)],
  },
  {
    what: 'who stops before another takes over has shipped its rest',
    good: [fencedAt(2, false), promoted(2)],
    bad: [fencedAt(3, false), promoted(2)],
    excuse: lied,
  },
  {
    what: 'whose fence was taken away writes again',
    good: [invoked('c3', 'a=3'), fencedAt(3), { type: 'unfenced', database: 'master' }, late],
    bad: [invoked('c3', 'a=3'), { type: 'unfenced', database: 'master' }, fencedAt(3), late],
  },
];

export const timelineCases: readonly Case[] = [
  {
    what: 'nobody begins a timeline that is there',
    good: [promoted(2), promoted(2, { ...newer, id: 'c'.repeat(16) }, 'other')],
    bad: [promoted(2), promoted(2, newer, 'other')],
  },
  {
    what: 'a timeline is the same to all',
    good: [promoted(2), { type: 'created', database: 'other', timelines: [timeline, newer] }],
    bad: [
      promoted(2),
      { type: 'created', database: 'other', timelines: [timeline, { ...newer, atSeq: 1 }] },
    ],
  },
  {
    what: 'a timeline has a higher number than those before it',
    good: [promoted(2)],
    bad: [promoted(2, { ...newer, timeline: 1 })],
  },
  {
    what: 'who begins a timeline writes on no other',
    good: [
      promoted(2),
      logRead('replica', [
        ...twoCommitsLog.slice(0, 2),
        record(3, null, null, { timelineId: newer.id }),
      ]),
    ],
    bad: [promoted(2), logRead('replica', twoCommitsLog)],
  },
];

export const rejoinCases: readonly Case[] = [
  {
    what: 'what an old master had alone is counted',
    good: [promoted(2), rejoined('recreated', ['c2'])],
    bad: [promoted(2), rejoined('recreated', [])],
    excuse: lied,
  },
  {
    what: 'an old master that has more than who took its place does not go on with it',
    good: [promoted(2), rejoined('recreated', ['c2'])],
    bad: [promoted(2), rejoined('followed', ['c2'])],
    excuse: lied,
  },
];

const begun: HistoryEvent = { type: 'failovers-begun', of: 'master' };
function ended(
  writers: readonly string[],
  outcomes: readonly string[] = ['done by replica'],
  wasInterrupted = false,
): HistoryEvent {
  return { type: 'failovers-ended', of: 'master', writers, outcomes, wasInterrupted };
}
const byReplica = { ...late, database: 'replica', timelineId: newer.id } as HistoryEvent;

export const winnerCases: readonly Case[] = [
  {
    what: 'who has lost its place acknowledges nothing',
    good: [begun, late, promoted(4), byReplica, ended(['replica'])],
    bad: [begun, promoted(2), late, ended(['replica'])],
    excuse: lied,
  },
  {
    what: 'one database writes in the end, and not two or none',
    good: [begun, promoted(2), ended(['replica'])],
    bad: [begun, promoted(2), ended(['master', 'replica'])],
    excuse: lied,
  },
  {
    what: 'it is the one that was promoted last',
    good: [
      begun,
      promoted(2),
      promoted(2, { ...newer, id: 'c'.repeat(16) }, 'other'),
      ended(['other']),
    ],
    bad: [
      begun,
      promoted(2),
      promoted(2, { ...newer, id: 'c'.repeat(16) }, 'other'),
      ended(['replica']),
    ],
  },
  {
    what: 'of failovers that nothing interrupts one comes to its end',
    good: [begun, ended(['master'], ['NAME_TAKEN: no'], true)],
    bad: [begun, ended(['master'], ['NAME_TAKEN: no'])],
  },
];
