// What every Clock must do. A simulated clock passes by moving itself while the tests wait.

import { describe, expect, test } from 'vitest';
import type { Clock } from '../src/clock.js';
import { deferred } from './until.js';

export function clockContract(name: string, makeClock: () => Clock): void {
  describe(`clock contract: ${name}`, () => {
    test('now is whole milliseconds and monotonic never goes back', () => {
      const clock = makeClock();
      expect(Number.isInteger(clock.now())).toBe(true);
      const readings = Array.from({ length: 1_000 }, () => clock.monotonic());
      expect(readings).toEqual([...readings].sort((a, b) => a - b));
    });

    test('after runs its task once, not early, in order of time', async () => {
      const clock = makeClock();
      const start = clock.monotonic();
      const order: string[] = [];
      const { promise, resolve } = deferred<void>();
      clock.after(30, () => {
        order.push('late');
        resolve();
      });
      clock.after(5, () => order.push('early'));
      clock.after(-1, () => order.push('now'));
      expect(order).toEqual([]);
      await promise;
      expect(order).toEqual(['now', 'early', 'late']);
      expect(clock.monotonic() - start).toBeGreaterThanOrEqual(29);
    });

    test('a cancelled task does not run, and cancelling again or afterwards is harmless', async () => {
      const clock = makeClock();
      let ran = 0;
      const cancel = clock.after(1, () => (ran += 1));
      cancel();
      cancel();
      const cancelLate = clock.after(2, () => (ran += 10));
      await clock.sleep(10);
      cancelLate();
      expect(ran).toBe(10);
    });

    test('a delay beyond 2^31 ms does not run at once', async () => {
      const clock = makeClock();
      let ran = false;
      const cancel = clock.after(2 ** 31 + 1_000, () => (ran = true));
      await clock.sleep(5);
      cancel();
      expect(ran).toBe(false);
    });

    test('soon runs after the microtasks that wait and before timers', async () => {
      const clock = makeClock();
      const order: string[] = [];
      const { promise, resolve } = deferred<void>();
      // From a timer's callback: there Node would run its own next ticks before the microtasks.
      clock.after(0, () => {
        clock.after(0, () => {
          order.push('timer');
          resolve();
        });
        clock.soon(() => order.push('soon'));
        void Promise.resolve()
          .then(() => order.push('microtask'))
          .then(() => order.push('its follower'));
      });
      await promise;
      expect(order).toEqual(['microtask', 'its follower', 'soon', 'timer']);
    });

    test('sleep rejects with the reason of its signal, before and during', async () => {
      const clock = makeClock();
      const reason = new Error('enough');
      await expect(clock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
      const controller = new AbortController();
      const sleeping = clock.sleep(60_000, controller.signal);
      controller.abort(reason);
      await expect(sleeping).rejects.toBe(reason);
      await clock.sleep(1, new AbortController().signal);
    });
  });
}
