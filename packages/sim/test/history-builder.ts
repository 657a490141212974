// Short histories by hand, for the tests of the checker: one timeline, chains that follow from the
// numbers, and the commits that were asked for.
import type { Timeline } from '@pamina/format';
import {
  History,
  type HistoryEvent,
  type LoggedRecord,
  type Point,
  type Recorded,
  type Write,
} from '../src/history.js';

export const timeline: Timeline = {
  timeline: 1,
  id: 'a'.repeat(16),
  forkedFrom: null,
  atSeq: 0,
  why: 'created',
};

export function point(seq: number, timelineId: string = timeline.id): Point {
  return { timelineId, seq, chain: 1000 + seq };
}

/** `a=1 b=2 -c`: two puts and a delete. */
function writes(text: string): Write[] {
  return text.split(' ').map((word) => {
    const [key = '', value] = word.split('=');
    return value === undefined ? { key: key.slice(1), value: null } : { key, value };
  });
}

export function state(text: string): ReadonlyMap<string, string> {
  const entries = text === '' ? [] : writes(text);
  return new Map(entries.map(({ key, value }) => [key, value ?? '']));
}

export function record(
  seq: number,
  commit: string | null,
  text: string | null,
  change: Partial<LoggedRecord> = {},
): LoggedRecord {
  const written = text === null ? [] : writes(text);
  return {
    ...point(seq),
    chainBefore: 1000 + seq - 1,
    time: 100 * seq,
    commit,
    tag: null,
    writes: written,
    ...change,
  };
}

export function logRead(
  database: string,
  records: readonly LoggedRecord[],
  change: Partial<Extract<HistoryEvent, { type: 'log-read' }>> = {},
): HistoryEvent {
  return { type: 'log-read', database, records, files: [], problem: null, ...change };
}

export function opened(database: string, seq: number, isReplica = false): HistoryEvent {
  return { type: 'opened', database, isReplica, point: point(seq), timelines: [timeline] };
}

export function stateAt(database: string, seq: number, text: string): HistoryEvent {
  return { type: 'state', database, point: point(seq), state: state(text), stateHash: null };
}

export function invoked(commit: string, text: string, writer = 'w1'): HistoryEvent {
  return { type: 'commit-invoked', database: 'master', commit, writer, writes: writes(text) };
}

export function acknowledged(commit: string, seq: number): HistoryEvent {
  return {
    type: 'commit-acknowledged',
    database: 'master',
    commit,
    timelineId: timeline.id,
    seq,
  };
}

/** A master with a session record and two commits, `a=1` at 2 and `b=2 -a` at 3. */
export const twoCommits: readonly HistoryEvent[] = [
  { type: 'created', database: 'master', timelines: [timeline] },
  opened('master', 1),
  invoked('c1', 'a=1'),
  acknowledged('c1', 2),
  invoked('c2', 'b=2 -a'),
  acknowledged('c2', 3),
];

export const twoCommitsLog = [
  record(1, null, null),
  record(2, 'c1', 'a=1'),
  record(3, 'c2', 'b=2 -a'),
];

export function historyOf(
  ...events: readonly (HistoryEvent | readonly HistoryEvent[])[]
): readonly Recorded[] {
  let seconds = 0;
  // Ten seconds lie between two events: nothing is under way any more when the next one comes.
  const history = new History(() => (seconds += 10) * 1000);
  for (const group of events) {
    const list: readonly HistoryEvent[] = 'type' in group ? [group] : group;
    for (const event of list) history.add(event);
  }
  return history.events;
}
