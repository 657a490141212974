// Waits for what a server has to reach before it is measured.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage, Started } from '../stage.js';

const deadlineMs = 60_000;
const everyMsDefault = 100;

export async function waitUntil(
  stage: Stage,
  what: string,
  holds: () => Promise<boolean>,
  everyMs = everyMsDefault,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await sleep(everyMs, undefined, { signal: stage.signal });
  }
}

/** Resolves as soon as it has written this to stdout. */
export async function untilSays(stage: Stage, started: Started, text: string): Promise<void> {
  const { stdout } = started.child;
  if (stdout === null) throw new Error('it has no stdout');
  const ended = started.ended.then((status) => {
    throw new Error(`it ended with ${status} before it said ${text}: ${started.output()}`);
  });
  while (!started.output().includes(text)) {
    await Promise.race([once(stdout, 'data', { signal: stage.signal }), ended]);
  }
  // It ends some time later, when nobody waits for it here.
  ended.catch(() => undefined);
}
