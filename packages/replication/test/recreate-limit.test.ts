// When a replica may be made anew by itself, and how often.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { judgeRecreate, recreatesMax, recreateWindowMs } from '../src/recreate-limit.js';

const now = 10 * recreateWindowMs;

it.each(['diverged', 'log-gone'] as const)(
  '%s is mended by a new copy, if that is wanted',
  (state) => {
    expect(judgeRecreate(state, true, [], now)).toEqual({ type: 'recreate', times: [now] });
    expect(judgeRecreate(state, false, [], now)).toEqual({ type: 'none' });
  },
);

it.each([
  'pattern-mismatch',
  'not-permitted',
  'version-mismatch',
  'clone',
  'failed',
  'disconnected',
  'streaming',
  'offline',
] as const)('P5 %s is not: nothing is made anew', (state) => {
  expect(judgeRecreate(state, true, [], now)).toEqual({ type: 'none' });
});

it('P13 however the clock goes, no window holds more attempts than the limit', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3 * recreateWindowMs })), (steps) => {
      let times: readonly number[] = [];
      const made: number[] = [];
      let time = 1;
      for (const step of steps) {
        time += step % (recreateWindowMs / 2);
        const verdict = judgeRecreate('log-gone', true, times, time);
        if (verdict.type === 'none') throw new Error('it is wanted');
        if (verdict.type === 'recreate') made.push(time);
        times = verdict.times;
        const recent = made.filter((at) => at > time - recreateWindowMs);
        expect(recent.length).toBeLessThanOrEqual(recreatesMax);
      }
    }),
  );
});
