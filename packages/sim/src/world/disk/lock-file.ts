// Locks between processes of one host: free when released, or when their process is dead.

import { PaminaError } from '@pamina/format';
import type { Incarnation } from '../incarnation.js';
import type { Prng } from '../prng.js';
import { attempt } from './system-error.js';

interface LockSteps {
  /** False where another living process, or another caller in this one, has it. */
  take(path: string): Promise<boolean>;
  free(path: string): Promise<void>;
}

const pollMsMax = 50;

export async function lockFile(
  life: Incarnation,
  random: Prng,
  shownPath: string,
  path: string,
  options: { readonly waitMs: number; readonly signal?: AbortSignal | undefined },
  steps: LockSteps,
): Promise<() => Promise<void>> {
  const { waitMs, signal } = options;
  const deadlineMs = life.loop.nowMs + waitMs;
  for (;;) {
    signal?.throwIfAborted();
    if (await attempt('lock', shownPath, () => steps.take(path))) break;
    const leftMs = deadlineMs - life.loop.nowMs;
    if (leftMs <= 0) {
      const context = { operation: 'lock', path: shownPath, waitMs };
      throw new PaminaError('TIMEOUT', `${shownPath} is locked`, { context });
    }
    await pause(life, Math.min(leftMs, random.between(1, pollMsMax)), signal);
  }
  let released: Promise<void> | null = null;
  return () => {
    released ??= attempt('unlock', shownPath, () => steps.free(path));
    return released;
  };
}

function pause(life: Incarnation, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = life.later(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
