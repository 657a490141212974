// A host's clock: the wall clock may be wrong, drift and jump; the monotonic one only goes on.

import type { Clock } from '@pamina/env';
import type { EventLoop } from './event-loop.js';
import type { Incarnation } from './incarnation.js';

const epochMs = Date.UTC(2030, 0, 1);

/** The hardware: keeps its error over restarts of the host. */
export class HostClock {
  readonly #loop: EventLoop;
  #offsetMs = 0;
  #rate = 1;
  #sinceMs = 0;

  constructor(loop: EventLoop) {
    this.#loop = loop;
  }

  /** What the wall clock shows, with fractions. */
  wallMs(): number {
    return epochMs + this.#offsetMs + (this.#loop.nowMs - this.#sinceMs) * this.#rate;
  }

  /** Puts the wall clock forward, or back with a negative number; no timer notices. */
  jump(ms: number): void {
    this.#rebase();
    this.#offsetMs += ms;
  }

  /** From now on the wall clock runs at this rate of true time: 1.0001 gains 0.1 s in 1,000 s. */
  drift(rate: number): void {
    this.#rebase();
    this.#rate = rate;
  }

  #rebase(): void {
    this.#offsetMs = this.wallMs() - epochMs;
    this.#sinceMs = this.#loop.nowMs;
  }
}

export function simulatedClock(life: Incarnation, hardware: HostClock): Clock {
  const startMs = life.loop.nowMs;
  function after(ms: number, task: () => void): () => void {
    if (!life.isAlive) return () => undefined;
    return life.timer(ms, () => {
      life.note('timer', ms);
      task();
    });
  }
  return {
    now: () => Math.floor(hardware.wallMs()),
    // Processes start at different values, so that nobody compares those of two.
    monotonic: () => life.loop.nowMs - startMs + 1_000,
    after,
    soon(task) {
      queueMicrotask(() => {
        nextTick(() => {
          if (life.isAlive) task();
        });
      });
    },
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason as Error);
          return;
        }
        const onAbort = (): void => {
          cancel();
          reject(signal?.reason as Error);
        };
        const cancel = after(ms, () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
  };
}

function nextTick(task: () => void): void {
  process.nextTick(task);
}
