// The simulated randomness passes the contract, and replays.

import { expect, test } from 'vitest';
import { randomContract } from '../../../env/test/random-contract.js';
import { Prng } from '../../src/world/prng.js';
import { createWorld } from '../../src/world/world.js';

const { env } = createWorld({ seed: 'random' }).host('a');
randomContract('simulated', () => env.random);

test('a seed gives its numbers again, another seed others', () => {
  const draw = (seed: string): number[] => {
    const random = new Prng(seed);
    return Array.from({ length: 20 }, () => random.next());
  };
  expect(draw('1')).toEqual(draw('1'));
  expect(draw('1')).not.toEqual(draw('2'));
});

test('a fork depends on its name and not on what was drawn before', () => {
  const early = new Prng('seed');
  const late = new Prng('seed');
  late.bytes(100);
  expect(late.fork('a').bytes(16)).toEqual(early.fork('a').bytes(16));
  expect(early.fork('b').bytes(16)).not.toEqual(early.fork('a').bytes(16));
});

test('fractions are even and bytes take every value', () => {
  const random = new Prng('even');
  const sum = Array.from({ length: 10_000 }, () => random.fraction()).reduce((a, b) => a + b);
  expect(sum / 10_000).toBeCloseTo(0.5, 1);
  expect(new Set(random.bytes(10_000)).size).toBe(256);
});
