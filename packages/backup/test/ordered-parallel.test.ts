// Order, bounds, and that nothing goes on behind the back of whoever gave up.
import { expect, test } from 'vitest';
import { orderedParallel } from '../src/ordered-parallel.js';
import { gate } from './support.js';

const one = { countMax: 3, weightMax: 100, weigh: () => 1 };

test('results come in the order of the items, whichever ends first', async () => {
  const gates = [gate(), gate(), gate()];
  const results: number[] = [];
  const running = (async () => {
    const work = async (index: number) => {
      await gates[index]?.opened;
      return index;
    };
    for await (const result of orderedParallel([0, 1, 2], one, work)) results.push(result);
  })();
  gates[2]?.open();
  gates[1]?.open();
  await Promise.resolve();
  expect(results).toEqual([]);
  gates[0]?.open();
  await running;
  expect(results).toEqual([0, 1, 2]);
});

test('P13 neither more items nor more weight than allowed are under way', async () => {
  let count = 0;
  let weight = 0;
  let countMost = 0;
  const weights = [10, 60, 60, 10, 10, 10, 10, 500, 10, 10];
  const options = { countMax: 3, weightMax: 100, weigh: (item: number) => item };
  const work = async (item: number) => {
    count++;
    weight += item;
    countMost = Math.max(countMost, count);
    expect(weight <= 100 || count === 1).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    count--;
    weight -= item;
    return item;
  };
  const results: number[] = [];
  for await (const result of orderedParallel(weights, options, work)) results.push(result);
  expect(results).toEqual(weights);
  expect(countMost).toBe(3);
});

test('after an error no work is started, and none is under way when it is told', async () => {
  const started: number[] = [];
  const slow = gate();
  let isSlowDone = false;
  const work = async (item: number) => {
    started.push(item);
    if (item === 0) throw new Error('broken');
    await slow.opened;
    isSlowDone = true;
    return item;
  };
  const running = (async () => {
    for await (const result of orderedParallel([0, 1, 2, 3, 4], one, work)) expect(result).toBe(-1);
  })();
  setImmediate(slow.open);
  await expect(running).rejects.toThrow('broken');
  expect(isSlowDone).toBe(true);
  expect(started).toEqual([0, 1, 2]);
});

test('a consumer that stops waits for what is under way', async () => {
  let done = 0;
  const work = async (item: number) => {
    await new Promise((resolve) => setImmediate(resolve));
    done++;
    return item;
  };
  for await (const result of orderedParallel([0, 1, 2, 3, 4, 5], one, work)) {
    expect(result).toBe(0);
    break;
  }
  expect(done).toBe(3);
});
