// Randomness from the operating system.

import { randomBytes } from 'node:crypto';
import type { Random } from '../random.js';

export const nodeRandom: Random = {
  bytes(count) {
    // A copy: the Buffer's slice() would alias where Uint8Array's copies.
    return new Uint8Array(randomBytes(count));
  },
  fraction() {
    return Math.random();
  },
};
