// The machine's clocks and Node's timers.

import type { Clock } from '../clock.js';

// Node runs a timer with a longer delay at once.
const timerDelayMsMax = 2 ** 31 - 1;

function after(ms: number, task: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (leftMs: number): void => {
    const stepMs = Math.min(leftMs, timerDelayMsMax);
    timer = setTimeout(() => {
      if (leftMs > stepMs) arm(leftMs - stepMs);
      else task();
    }, stepMs);
  };
  arm(Math.max(0, ms));
  return () => clearTimeout(timer);
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
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
}

export const nodeClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after,
  soon(task) {
    // nextTick alone would run before the microtasks that an I/O callback has queued.
    queueMicrotask(() => process.nextTick(task));
  },
  sleep,
};
