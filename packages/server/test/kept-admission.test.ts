import { PaminaError, type ErrorCode } from '@pamina/format';
import { expect, it } from 'vitest';
import { keepAdmitted } from '../src/kept-admission.js';

/** Calls back when it is told to. */
function handClock() {
  let due: (() => void) | null = null;
  return {
    after: (_ms: number, then: () => void) => {
      due = then;
      return () => {
        due = null;
      };
    },
    isAsking: () => due !== null,
    async tick() {
      const then = due;
      due = null;
      then?.();
      for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    },
  };
}

it('P14 a channel ends when it would not be opened any more, and only then', async () => {
  for (const [code, closes] of [
    [null, false],
    ['TOO_MANY_REQUESTS', false],
    ['UNAUTHORIZED', true],
    ['FORBIDDEN', true],
    ['STORE_DAMAGED', true],
  ] as const) {
    const clock = handClock();
    const closed: unknown[] = [];
    const channel = { close: (...words: unknown[]) => closed.push(words) };
    const admit = () =>
      code === null ? Promise.resolve() : Promise.reject(new PaminaError(code as ErrorCode, 'x'));
    const end = keepAdmitted(clock, channel, admit);
    for (let n = 0; n < 3; n += 1) await clock.tick();
    expect(closed, String(code)).toEqual(closes ? [[4401, code]] : []);
    expect(clock.isAsking()).toBe(!closes);
    end();
    expect(clock.isAsking()).toBe(false);
  }
});

it('P14 nobody is asked about a channel that is over', async () => {
  const clock = handClock();
  let asked = 0;
  const end = keepAdmitted(clock, { close: () => undefined }, () => {
    asked += 1;
    return Promise.resolve();
  });
  await clock.tick();
  end();
  await clock.tick();
  expect(asked).toBe(1);
});
