// The archiver's state machine alone: what it asks for next, and that no order of events confuses it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type {
  ArchiverEvent,
  ArchiverState,
  ArchiverStep,
  LogWork,
} from '../../src/archiver/archiver-event.js';
import { startArchiver, stepArchiver } from '../../src/archiver/archiver.js';

const nothing: LogWork = { isClosed: false, bytes: 0 };
const some: LogWork = { isClosed: false, bytes: 10 };
const closed: LogWork = { isClosed: true, bytes: 10 };
const problem = { code: 'ARCHIVE_UNAVAILABLE', message: 'away' };

function play(events: readonly ArchiverEvent[], from = startArchiver(5000)): ArchiverStep {
  let step: ArchiverStep = { state: from, effects: [] };
  for (const event of events) step = stepArchiver(step.state, event);
  return step;
}

const asked = ({ effects }: ArchiverStep): string[] =>
  effects.map(({ type }) => type).filter((type) => type !== 'cancel-timer');
const at = (nowMs: number, work: LogWork) => ({ nowMs, work });
const start: ArchiverEvent = { type: 'start' };
const caughtUp: ArchiverEvent[] = [
  start,
  { type: 'started', ...at(0, nothing) },
  { type: 'backups-archived', ...at(0, nothing) },
  { type: 'heartbeat-written', ...at(0, nothing) },
];

describe('the archiver', () => {
  test('looks at the archive first, then sends log, then backups, then the heartbeat, then rests', () => {
    expect(asked(play([start]))).toEqual(['reconcile']);
    const begun = play([start, { type: 'started', ...at(0, closed) }]);
    expect(asked(begun)).toEqual(['archive-segment']);
    const open = play([{ type: 'log-archived', ...at(1, nothing) }], begun.state);
    expect(asked(open)).toEqual(['archive-backups']);
    const copied = play([{ type: 'backups-archived', ...at(2, nothing) }], open.state);
    expect(asked(copied)).toEqual(['set-timer']);
    const beat = play([{ type: 'timer', ...at(5001, nothing) }], copied.state);
    expect(asked(beat)).toEqual(['write-heartbeat']);
    const rest = play([{ type: 'heartbeat-written', ...at(5002, nothing) }], beat.state);
    expect(rest.state.name).toBe('idle');
    expect(asked(rest)).toEqual([]);
  });

  test('says now and then that nothing came, if it is to', () => {
    const rested = play(caughtUp, startArchiver(5000, 3_600_000));
    expect(rested.effects).toEqual([{ type: 'set-timer', ms: 3_600_000 }]);
    const beat = play([{ type: 'timer', ...at(3_600_000, nothing) }], rested.state);
    expect(asked(beat)).toEqual(['write-heartbeat']);
    const again = play([{ type: 'heartbeat-written', ...at(3_600_001, nothing) }], beat.state);
    expect(again.state.name).toBe('idle');
    expect(again.effects).toEqual([{ type: 'set-timer', ms: 3_600_000 }]);
    const never = play([{ type: 'heartbeat-interval', ms: 0 }], again.state);
    expect(never.effects).toEqual([{ type: 'cancel-timer' }]);
  });

  test('sends the open segment at once after a rest, and then every interval', () => {
    const rested = play(caughtUp);
    const first = play([{ type: 'log-changed', ...at(100, some) }], rested.state);
    expect(asked(first)).toEqual(['archive-piece']);
    const second = play([{ type: 'log-archived', ...at(200, some) }], first.state);
    expect(second.effects).toContainEqual({ type: 'set-timer', ms: 5000 });
    expect(asked(play([{ type: 'log-changed', ...at(300, some) }], second.state))).toEqual([]);
    expect(asked(play([{ type: 'timer', ...at(5200, some) }], second.state))).toEqual([
      'archive-piece',
    ]);
  });

  test('sends a closed segment without waiting', () => {
    const waiting = play([
      ...caughtUp,
      { type: 'log-changed', ...at(100, some) },
      { type: 'log-archived', ...at(200, some) },
      { type: 'log-changed', ...at(300, closed) },
    ]);
    expect(asked(waiting)).toEqual(['archive-segment']);
  });

  test('a backup that comes while others are copied is copied too', () => {
    const step = play([
      start,
      { type: 'started', ...at(0, nothing) },
      { type: 'backups-changed', ...at(0, nothing) },
      { type: 'backups-archived', ...at(0, nothing) },
    ]);
    expect(asked(step)).toEqual(['archive-backups']);
  });

  test('P16 waits longer after each failure, at most a minute, and says it once', () => {
    let { state } = play([start]);
    const waits: number[] = [];
    let said = 0;
    for (let attempt = 0; attempt < 12; attempt++) {
      const failed = play([{ type: 'failed', problem, isFinal: false, chance: 1 }], state);
      said += failed.effects.filter(({ type }) => type === 'log').length;
      const timer = failed.effects.find((effect) => effect.type === 'set-timer');
      waits.push(timer?.type === 'set-timer' ? timer.ms : 0);
      ({ state } = play([{ type: 'timer', ...at(0, nothing) }], failed.state));
      expect(state.name).toBe('starting');
    }
    expect(waits.slice(0, 4)).toEqual([1000, 2000, 4000, 8000]);
    expect(Math.max(...waits)).toBe(60_000);
    expect(said).toBe(1);
  });

  test('P9 what no retry helps against stops it until it is told to go on, or a backup comes', () => {
    const blocked = play([start, { type: 'failed', problem, isFinal: true, chance: 0 }]);
    expect(blocked.state).toMatchObject({ name: 'blocked', problem });
    for (const type of ['log-changed', 'timer'] as const) {
      expect(asked(play([{ type, ...at(9, closed) }], blocked.state))).toEqual([]);
    }
    for (const type of ['hurry', 'backups-changed'] as const) {
      expect(asked(play([{ type, ...at(9, closed) }], blocked.state))).toEqual(['reconcile']);
    }
  });

  test('no order of events asks for two things at once, or leaves something undone without a timer', () => {
    const work = fc.constantFrom(nothing, some, closed);
    const types = [
      'log-changed',
      'backups-changed',
      'hurry',
      'calm',
      'timer',
      'answer',
      'failed',
      'stop',
      'start',
      'heartbeat-interval',
    ] as const;
    const steps = fc.array(fc.tuple(fc.constantFrom(...types), work, fc.nat(9000)), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, (happenings) => {
        let state: ArchiverState = startArchiver(5000);
        let isUnderWay: string | null = null;
        let hasTimer = false;
        let nowMs = 0;
        for (const [type, left, ms] of happenings) {
          nowMs += ms;
          const event = eventOf(type, isUnderWay, at(nowMs, left));
          if (event === null || (type === 'timer' && !hasTimer)) continue;
          if (type === 'answer' || type === 'failed' || type === 'stop') isUnderWay = null;
          if (type === 'timer') hasTimer = false;
          const step = stepArchiver(state, event);
          ({ state } = step);
          for (const effect of step.effects) {
            if (effect.type === 'set-timer') hasTimer = true;
            else if (effect.type === 'cancel-timer') hasTimer = false;
            else if (effect.type !== 'log') {
              expect(isUnderWay).toBeNull();
              isUnderWay = effect.type;
            }
          }
          const isBusy = state.name === 'starting' || state.name === 'working';
          const mayWait = state.name === 'waiting' || state.name === 'retrying';
          expect(isUnderWay !== null).toBe(isBusy);
          const isResting = state.name === 'idle' && state.heartbeatMs > 0;
          expect(hasTimer).toBe(mayWait || isResting);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

const answers: Readonly<Record<string, ArchiverEvent['type']>> = {
  reconcile: 'started',
  'archive-segment': 'log-archived',
  'archive-piece': 'log-archived',
  'archive-backups': 'backups-archived',
  'write-heartbeat': 'heartbeat-written',
};

function eventOf(
  type: string,
  isUnderWay: string | null,
  moment: { nowMs: number; work: LogWork },
): ArchiverEvent | null {
  if (type === 'answer') {
    return isUnderWay === null
      ? null
      : ({ type: answers[isUnderWay], ...moment } as unknown as ArchiverEvent);
  }
  if (type === 'failed') {
    return isUnderWay === null
      ? null
      : { type, problem, isFinal: moment.nowMs % 2 === 0, chance: 0.5 };
  }
  if (type === 'heartbeat-interval') return { type, ms: moment.nowMs % 3 };
  return { type, ...moment } as unknown as ArchiverEvent;
}
