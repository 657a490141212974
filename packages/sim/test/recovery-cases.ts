// Histories of recoveries and archives that keep an invariant and that break it, for checker.test.ts.
import type { RecoveryTarget } from '@pamina/backup';
import type { HeldBackup, HistoryEvent, LoggedRecord, PlaceContent } from '../src/history.js';
import { logRead, point, record, state, twoCommitsLog } from './history-builder.js';

export interface Case {
  readonly what: string;
  readonly good: readonly HistoryEvent[];
  readonly bad: readonly HistoryEvent[];
  /** What excuses the bad one, put before it. */
  readonly excuse?: HistoryEvent;
}

const whole = logRead('master', twoCommitsLog);
const lied: HistoryEvent = { type: 'lied', database: 'master' };
const [, second, third] = twoCommitsLog as [LoggedRecord, LoggedRecord, LoggedRecord];

function fullAt(seq: number): HeldBackup {
  return { id: `b${seq}`, kind: 'full', seq, chain: 1000 + seq, time: 100 * seq, tag: null };
}

function holds(...records: readonly LoggedRecord[]): PlaceContent {
  return { backups: [fullAt(1)], records };
}

const place = holds(second, third);

function reached(target: RecoveryTarget, seq: number, text: string): HistoryEvent {
  const from = { database: 'master', source: 'own', content: place } as const;
  const found = { point: point(seq), state: state(text), stateHash: 'h' };
  return { type: 'target-reached', ...from, target, ...found };
}

function refused(
  target: RecoveryTarget,
  contents: readonly PlaceContent[] = [place, place],
  code = 'POSITION_UNREACHABLE',
): HistoryEvent {
  const from = { database: 'master', source: 'own' } as const;
  return { type: 'target-refused', ...from, target, contents, code, message: 'no' };
}

const at = (seq: number): RecoveryTarget => ({ kind: 'position', position: { timeline: 1, seq } });
const until = (time: number): RecoveryTarget => ({ kind: 'time', time });
const tagged = (tag: string): RecoveryTarget => ({ kind: 'tag', tag });
const marked = { ...record(3, null, null), tag: 'monday' };

export const targetCases: readonly Case[] = [
  {
    what: 'what is recovered is the state at the position',
    good: [whole, reached(at(2), 2, 'a=1')],
    bad: [whole, reached(at(2), 2, 'b=2')],
  },
  {
    what: 'a position is reached exactly',
    good: [whole, reached(at(2), 2, 'a=1')],
    bad: [whole, reached(at(2), 3, 'b=2')],
  },
  {
    what: 'a time means the last record by then, not a later one',
    good: [whole, reached(until(299), 2, 'a=1')],
    bad: [whole, reached(until(299), 3, 'b=2')],
  },
  {
    what: 'a time means the last record by then, not an earlier one',
    good: [whole, reached(until(300), 3, 'b=2')],
    bad: [whole, reached(until(300), 2, 'a=1')],
  },
  {
    what: 'a tag means its mark',
    good: [logRead('master', [second, marked]), reached(tagged('monday'), 3, 'a=1')],
    bad: [logRead('master', [second, marked]), reached(tagged('monday'), 2, 'a=1')],
  },
  {
    what: 'all is all that is there',
    good: [whole, reached({ kind: 'all' }, 3, 'b=2')],
    bad: [whole, reached({ kind: 'all' }, 2, 'a=1')],
    excuse: lied,
  },
  {
    what: 'nothing behind a backup means the newest one',
    good: [whole, reached({ kind: 'none' }, 1, '')],
    bad: [whole, { ...reached({ kind: 'none' }, 0, ''), point: point(0) } as HistoryEvent],
    excuse: lied,
  },
  {
    what: 'a position that can be reached is not refused',
    good: [refused(at(4)), refused(at(3), [place, holds(second)])],
    bad: [refused(at(3))],
    excuse: lied,
  },
  {
    what: 'a time that a later record proves is not refused',
    good: [refused(until(300))],
    bad: [refused(until(299))],
    excuse: lied,
  },
  {
    what: 'a tag that stands in the log is not refused',
    good: [refused(tagged('monday'))],
    bad: [refused(tagged('monday'), [holds(second, marked)])],
    excuse: lied,
  },
  {
    what: 'once faults have ended nothing but the target is a reason',
    good: [refused(at(3), [place], 'DISK_ERROR'), { type: 'healed' }],
    bad: [{ type: 'healed' }, refused(at(3), [place], 'DISK_ERROR')],
    excuse: lied,
  },
];

function archiveRead(...records: readonly LoggedRecord[]): HistoryEvent {
  return { type: 'place-read', database: 'master', source: 'archive', content: holds(...records) };
}

const said = (seq: number): HistoryEvent => ({ type: 'archived', database: 'master', seq });
const stopped = (code: string): HistoryEvent => ({
  type: 'reported',
  database: 'master',
  by: 'job-log',
  code,
  message: 'Archiving',
});

export const archiveCases: readonly Case[] = [
  {
    what: 'what was said to be archived is in the archive',
    good: [said(2), archiveRead(second), said(3)],
    bad: [said(3), archiveRead(second)],
    excuse: lied,
  },
  {
    what: 'every backup in it leads to its end',
    good: [archiveRead(second, third)],
    bad: [archiveRead(third)],
    excuse: lied,
  },
  {
    what: 'faults do not end the archiving',
    good: [stopped('archive-failed')],
    bad: [stopped('archive-blocked')],
    excuse: lied,
  },
];

export const keptLogCase: Case = {
  what: 'the log behind the newest backups is kept',
  good: [{ ...archiveRead(second, third), source: 'own' } as HistoryEvent],
  bad: [{ ...archiveRead(third), source: 'own' } as HistoryEvent],
  excuse: lied,
};

const incremental: HeldBackup = { ...fullAt(3), id: 'i3', kind: 'incremental' };

function backupsRead(...records: readonly LoggedRecord[]): HistoryEvent {
  const content = { backups: [fullAt(1), incremental], records };
  return { type: 'place-read', database: 'master', source: 'backups', content };
}

export const incrementCase: Case = {
  what: 'an incremental backup goes on from a full one',
  good: [backupsRead(second, third)],
  bad: [backupsRead(third)],
  excuse: lied,
};

function led(seq: number, wasMadeAnew = false): HistoryEvent {
  const about = { database: 'replica', untilSeq: 3, reason: 'it waits' };
  return { type: 'led-by-archive', ...about, seq, wasMadeAnew };
}

function received(offset: number, bytes: number): HistoryEvent {
  return { type: 'archive-received', database: 'replica', segment: '1.seg', offset, bytes };
}

const anew: HistoryEvent = { type: 'created', database: 'replica', timelines: [] };

export const sourceCases: readonly Case[] = [
  {
    what: 'who has the archive alone comes to its end',
    good: [led(3)],
    bad: [led(2)],
    excuse: lied,
  },
  {
    what: 'who is led by the archive need not be made anew',
    good: [led(3)],
    bad: [led(3, true)],
    excuse: lied,
  },
  {
    what: 'nothing of the archive is taken twice, but by who has lost it',
    good: [received(0, 100), received(100, 20), anew, received(0, 120)],
    bad: [received(0, 100), received(90, 20)],
    excuse: lied,
  },
];
