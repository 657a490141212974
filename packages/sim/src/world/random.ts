// The seam to randomness, from the seed: no less unpredictable to the program that asks.

import type { Random } from '@pamina/env';
import type { Prng } from './prng.js';

export function simulatedRandom(prng: Prng): Random {
  return {
    bytes: (count) => prng.bytes(count),
    fraction: () => prng.fraction(),
  };
}
