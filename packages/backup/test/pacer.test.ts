import type { Clock } from '@pamina/env';
import { expect, test } from 'vitest';
import { pacerOf } from '../src/pacer.js';

/** A clock that is moved by hand, and notes how long somebody slept. */
function handClock() {
  const slept: number[] = [];
  let nowMs = 0;
  const clock = {
    monotonic: () => nowMs,
    sleep: (ms: number) => {
      slept.push(ms);
      return Promise.resolve();
    },
  } as unknown as Clock;
  return { clock, slept, work: (ms: number) => (nowMs += ms) };
}

test('P13 while others commit a backup rests longer than it works, in bounds', async () => {
  const { clock, slept, work } = handClock();
  let commits = 0;
  const pacer = pacerOf(clock, () => commits);
  for (const ms of [1, 2, 50]) {
    commits += 1;
    work(ms);
    await pacer.rest();
  }
  expect(slept).toEqual([10, 20, 25]);
});

test('short slices count together', async () => {
  const { clock, slept, work } = handClock();
  let commits = 0;
  const pacer = pacerOf(clock, () => (commits += 1));
  for (let slice = 0; slice < 4; slice += 1) {
    work(0.25);
    await pacer.rest();
  }
  expect(slept).toEqual([5, 5]);
});

test('while nobody commits it never rests', async () => {
  const { clock, slept, work } = handClock();
  const pacer = pacerOf(clock, () => 7);
  for (let slice = 0; slice < 10; slice += 1) {
    work(2);
    await pacer.rest();
  }
  expect(slept).toEqual([]);
});
