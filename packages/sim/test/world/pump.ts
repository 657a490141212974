// Moves a simulated world while a contract suite waits in real time: the suites know nothing of worlds.

import { afterAll, beforeAll } from 'vitest';
import type { World } from '../../src/world/world.js';

/** Simulated milliseconds in one real one. */
const speed = 10;

/** Keeps the world going through all tests of the file. */
export function pump(world: World): void {
  let isStopped = false;
  let pumping: Promise<void> = Promise.resolve();
  beforeAll(() => {
    pumping = keepGoing(world, () => isStopped);
  });
  afterAll(async () => {
    isStopped = true;
    await pumping;
  });
}

async function keepGoing(world: World, isStopped: () => boolean): Promise<void> {
  const start = performance.now() - world.nowMs / speed;
  while (!isStopped()) {
    await world.settle(Math.max(0, (performance.now() - start) * speed - world.nowMs));
    await new Promise((resolve) => setImmediate(resolve));
  }
}
