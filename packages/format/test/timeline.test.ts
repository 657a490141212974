import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { timelinesMax } from '../src/limits.js';
import { PaminaError } from '../src/pamina-error.js';
import {
  currentTimeline,
  forkPoint,
  takeoverIn,
  takeoverOf,
  takeoverReason,
  timelineAt,
  validateTimelines,
  type Timeline,
} from '../src/timeline.js';
import { history } from './arbitrary.js';

const first: Timeline = {
  timeline: 1,
  id: '00000000000000aa',
  forkedFrom: null,
  atSeq: 0,
  why: 'created',
};

function fork(from: Timeline, id: string, atSeq: number): Timeline {
  return { timeline: from.timeline + 1, id, forkedFrom: from.id, atSeq, why: 'reset' };
}

const second = fork(first, '00000000000000bb', 100);
const other = fork(first, '00000000000000cc', 70);
const third = fork(second, '00000000000000dd', 150);

describe('validateTimelines', () => {
  it('accepts every history that could be and ignores fields it does not know', () => {
    fc.assert(
      fc.property(history, (timelines) => {
        expect(validateTimelines(timelines)).toEqual(timelines);
        expect(validateTimelines(timelines.map((item) => ({ ...item, later: 1 })))).toEqual(
          timelines,
        );
      }),
    );
  });

  it('P5 refuses a history that does not hang together', () => {
    const broken: unknown[] = [
      null,
      {},
      [],
      'text',
      [null],
      [{ ...first, timeline: 0 }],
      [{ ...first, timeline: 1.5 }],
      [{ ...first, id: 'AA00000000000000' }],
      [{ ...first, id: 'aa' }],
      [{ ...first, atSeq: 1 }],
      [{ ...first, atSeq: -1 }],
      [{ ...first, forkedFrom: second.id }],
      [{ ...first, why: 7 }],
      [{ ...first, why: 'x'.repeat(1000) }],
      [{ ...first, why: '\u001b[2J' }],
      [second],
      [first, third],
      [first, { ...second, timeline: 1 }],
      [first, { ...second, id: first.id }],
      [first, second, { ...third, atSeq: 99 }],
      [first, second, { ...third, id: first.id }],
      Array.from({ length: timelinesMax + 1 }, () => first),
    ];
    for (const value of broken) {
      expect(() => validateTimelines(value), JSON.stringify(value)?.slice(0, 90)).toThrow(
        expect.objectContaining({ code: 'TIMELINES_INVALID' }),
      );
    }
  });

  it('P14 answers anything from outside with its own error only', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        try {
          validateTimelines(value);
        } catch (error) {
          expect(error).toBeInstanceOf(PaminaError);
        }
      }),
    );
  });
});

describe('forkPoint', () => {
  it('P5 names the last seq that both histories share', () => {
    expect(forkPoint([first, second], [first, other])).toEqual({ common: 1, seqMax: 70 });
    expect(forkPoint([first, second, third], [first, other])).toEqual({ common: 1, seqMax: 70 });
    expect(forkPoint([first], [first, second, third])).toEqual({ common: 1, seqMax: 100 });
    expect(forkPoint([first, second], [first, second, third])).toEqual({ common: 2, seqMax: 150 });
    expect(forkPoint([first, second], [first, second])).toEqual({
      common: 2,
      seqMax: Number.POSITIVE_INFINITY,
    });
  });

  it('P5 takes nothing for common that differs in id or place, whatever its number', () => {
    const stranger = { ...first, id: '00000000000000ee' };
    expect(forkPoint([first], [stranger])).toEqual({ common: 0, seqMax: 0 });
    expect(forkPoint([first, second], [first, { ...second, atSeq: 90 }])).toEqual({
      common: 1,
      seqMax: 90,
    });
  });

  it('is the same from both sides', () => {
    const cuts = fc.tuple(history, fc.nat(), fc.nat());
    fc.assert(
      fc.property(cuts, ([timelines, one, two]) => {
        const mine = timelines.slice(0, 1 + (one % timelines.length));
        const theirs = timelines.slice(0, 1 + (two % timelines.length));
        const point = forkPoint(mine, theirs);
        expect(forkPoint(theirs, mine)).toEqual(point);
        expect(point.common).toBe(Math.min(mine.length, theirs.length));
      }),
    );
  });
});

describe('P11 takeoverOf', () => {
  const taken = { ...fork(first, '00000000000000ee', 100), why: takeoverReason('cities') };

  it('finds the timeline that took over, also behind others', () => {
    expect(takeoverOf('cities', [first], [first, taken])).toEqual(taken);
    const later = { ...fork(second, '00000000000000ff', 150), why: takeoverReason('cities') };
    expect(takeoverOf('cities', [first], [first, second, later])).toEqual(later);
  });

  it('finds none for another name, in one history, and where the own history went on', () => {
    expect(takeoverOf('towns', [first], [first, taken])).toBeNull();
    expect(takeoverOf('cities', [first, taken], [first, taken])).toBeNull();
    expect(takeoverOf('cities', [first, second], [first, taken])).toBeNull();
    expect(takeoverOf('cities', [third], [first, taken])).toBeNull();
  });
});

describe('P11 takeoverIn', () => {
  it('says whose place was taken, and by whom where that is known', () => {
    const why = takeoverReason('cities', 'cities-2');
    expect(takeoverIn({ why })).toEqual({ of: 'cities', by: 'cities-2' });
    expect(takeoverIn({ why: takeoverReason('cities') })).toEqual({ of: 'cities', by: null });
    const taken = { ...fork(first, '00000000000000ee', 100), why };
    expect(takeoverOf('cities', [first], [first, taken])).toEqual(taken);
  });

  it('is none for what begins or goes on in another way', () => {
    for (const words of [
      'created',
      'reset of a replica of cities',
      'takeover of',
      'a takeover of b',
    ]) {
      expect(takeoverIn({ why: words })).toBeNull();
    }
    expect(takeoverIn({ why: 'takeover of a b' })).toBeNull();
  });
});

describe('timelineAt', () => {
  const all = [first, second, third];

  it('gives a record to the timeline on which it was written', () => {
    const expected: [number, Timeline][] = [
      [0, first],
      [1, first],
      [100, first],
      [101, second],
      [150, second],
      [151, third],
      [Number.MAX_SAFE_INTEGER, third],
    ];
    for (const [seq, timeline] of expected) expect(timelineAt(all, seq)).toBe(timeline);
  });

  it('passes over a timeline that was left before its first record', () => {
    const empty = fork(second, '00000000000000ff', 100);
    expect(timelineAt([first, second, empty], 101)).toBe(empty);
    expect(timelineAt([first, second, empty], 100)).toBe(first);
  });

  it('knows the current one and refuses an empty history', () => {
    expect(currentTimeline(all)).toBe(third);
    expect(() => currentTimeline([])).toThrow(PaminaError);
    expect(() => timelineAt([], 1)).toThrow(PaminaError);
  });
});
