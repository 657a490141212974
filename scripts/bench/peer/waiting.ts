// Waits for what a server has to reach before it is measured.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage } from '../stage.js';

const deadlineMs = 60_000;
const everyMs = 100;

export async function waitUntil(
  stage: Stage,
  what: string,
  holds: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await sleep(everyMs, undefined, { signal: stage.signal });
  }
}
