// How chunks follow each other, with a clock that only the test moves.
import { expect, test } from 'vitest';
import type { Clock } from '@pamina/env';
import { FeedPause } from '../src/feed-pause.js';
import { feedPauseMs } from '../src/replication-limits.js';

/** One timer at most: a pause has no more. */
class OneTimer {
  #now = 0;
  timer: { readonly at: number; readonly task: () => void } | null = null;

  readonly clock = {
    monotonic: () => this.#now,
    after: (ms: number, task: () => void) => {
      expect(this.timer).toBeNull();
      this.timer = { at: this.#now + ms, task };
      return () => (this.timer = null);
    },
  } as unknown as Clock;

  pass(ms: number): void {
    this.#now += ms;
    if (this.timer === null || this.timer.at > this.#now) return;
    const { task } = this.timer;
    this.timer = null;
    task();
  }
}

function started(): { time: OneTimer; pause: FeedPause; ends: () => number } {
  const time = new OneTimer();
  let ends = 0;
  const pause = new FeedPause(time.clock, () => (ends += 1));
  return { time, pause, ends: () => ends };
}

test('the first chunk, and one after a long silence, go at once', () => {
  const { pause, time } = started();
  expect(pause.mayGo(false)).toBe(true);
  pause.sent();
  time.pass(feedPauseMs);
  expect(pause.mayGo(false)).toBe(true);
});

test('a chunk goes at once where the replica has on disk what it was sent before', () => {
  const { pause } = started();
  pause.sent();
  expect(pause.mayGo(true)).toBe(true);
});

test('what becomes durable while a chunk is on its way is sent when the replica has it, once', () => {
  const { ends, pause, time } = started();
  pause.sent();
  expect([pause.mayGo(false), pause.mayGo(false)]).toEqual([false, false]);
  expect(pause.isWaiting).toBe(true);
  pause.end();
  pause.end();
  time.pass(feedPauseMs);
  expect(ends()).toBe(1);
  expect(time.timer).toBeNull();
});

test('a replica that does not report is sent the next chunk after the pause', () => {
  const { ends, pause, time } = started();
  pause.sent();
  expect(pause.mayGo(false)).toBe(false);
  time.pass(feedPauseMs - 1);
  expect(ends()).toBe(0);
  time.pass(1);
  expect(ends()).toBe(1);
});

test('one that must not wait ends the pause of those before it', () => {
  const { ends, pause, time } = started();
  pause.sent();
  expect(pause.mayGo(false)).toBe(false);
  expect(pause.mayGo(true)).toBe(true);
  expect(time.timer).toBeNull();
  expect(ends()).toBe(0);
});
