// How tasks are joined on their way into the store, with a clock that only the test moves.
import { expect, test } from 'vitest';
import type { RecordBatch } from '@pamina/log';
import { HandClock } from './hand-clock.js';
import { ApplyQueue, type ApplyRun, type ApplyTask } from '../src/apply-queue.js';

const kib = 1024;

function queueOn(clock: HandClock): ApplyQueue {
  return new ApplyQueue(clock.clock, true);
}

function task(seq: number, bytes: number): ApplyTask {
  const batch = { start: 0, end: bytes, firstSeq: seq, point: { seq, chain: 0, time: 0 } };
  return { batch: batch as RecordBatch, settle: () => undefined };
}

function seqs(run: ApplyRun): number[] {
  return run.map(({ batch }) => batch.point.seq);
}

async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  // All that can happen without the clock has happened after a few turns of the microtasks.
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  return done;
}

test('after a pause the first task is not kept waiting', async () => {
  const queue = queueOn(new HandClock());
  queue.push(task(1, kib));
  expect(await isDone(queue.gather())).toBe(true);
});

test('runs that take no time follow each other at once', async () => {
  const queue = queueOn(new HandClock());
  queue.push(task(1, kib));
  await queue.gather();
  queue.take(() => null);
  queue.applied(0);
  queue.push(task(2, kib));
  expect(await isDone(queue.gather())).toBe(true);
});

test('tasks are gathered for longer than the run before them took', async () => {
  const clock = new HandClock();
  const queue = queueOn(clock);
  await queue.gather();
  queue.applied(1.5);
  clock.pass(1.5);
  queue.push(task(2, kib));
  const gathered = queue.gather();
  clock.pass(4);
  expect(await isDone(gathered)).toBe(false);
  clock.pass(1);
  expect(await isDone(gathered)).toBe(true);
});

test('after runs that take long small tasks are gathered for a bounded time', async () => {
  const clock = new HandClock();
  const queue = queueOn(clock);
  queue.push(task(1, kib));
  await queue.gather();
  queue.take(() => null);
  queue.applied(1000);
  queue.push(task(2, kib));
  const gathered = queue.gather();
  queue.push(task(3, kib));
  expect(await isDone(gathered)).toBe(false);
  clock.pass(10);
  expect(await isDone(gathered)).toBe(true);
  expect(seqs(queue.take(() => null))).toEqual([2, 3]);
  expect(queue.isEmpty).toBe(true);
});

test.each([
  ['enough is there', (queue: ApplyQueue) => queue.push(task(3, 64 * kib))],
  ['somebody needs what is there', (queue: ApplyQueue) => queue.hurry()],
])('gathering ends when %s, and leaves no timer behind', async (_why, end) => {
  const clock = new HandClock();
  const queue = queueOn(clock);
  await queue.gather();
  queue.applied(5);
  queue.push(task(2, kib));
  const gathered = queue.gather();
  expect(await isDone(gathered)).toBe(false);
  end(queue);
  expect(await isDone(gathered)).toBe(true);
  expect(clock.waiting).toBe(0);
});

test('P13 tasks are joined up to a size, and a larger one goes by itself', () => {
  const queue = queueOn(new HandClock());
  for (const [seq, size] of [100, 100, 100, 900, 1].entries())
    queue.push(task(seq + 1, size * kib));
  const runs: number[][] = [];
  while (!queue.isEmpty) runs.push(seqs(queue.take(() => null)));
  expect(runs).toEqual([[1, 2], [3], [4], [5]]);
});

test('P4 a run ends with the record that somebody waits for, and one put back comes first again', () => {
  const queue = queueOn(new HandClock());
  for (const seq of [1, 2, 3]) queue.push(task(seq, kib));
  const stopAtTwo = (batch: RecordBatch): number | null => (batch.point.seq === 2 ? 2 : null);
  const run = queue.take(stopAtTwo);
  expect(seqs(run)).toEqual([1, 2]);
  queue.putBack(run);
  expect(seqs(queue.take(() => null))).toEqual([1, 2, 3]);
});

test('where the store is not what readers see, tasks are gathered whatever a run takes', async () => {
  const clock = new HandClock();
  const queue = new ApplyQueue(clock.clock, false);
  await queue.gather();
  queue.applied(0);
  queue.push(task(2, kib));
  const gathered = queue.gather();
  clock.pass(9);
  expect(await isDone(gathered)).toBe(false);
  clock.pass(1);
  expect(await isDone(gathered)).toBe(true);
});
