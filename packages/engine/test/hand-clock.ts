// A clock that only the test moves.
import type { Clock } from '@pamina/env';

export class HandClock implements Pick<Clock, 'monotonic' | 'after'> {
  #now = 0;
  #timers: { readonly at: number; readonly task: () => void }[] = [];

  /** What the code under test takes. */
  get clock(): Clock {
    return this as unknown as Clock;
  }

  get waiting(): number {
    return this.#timers.length;
  }

  monotonic(): number {
    return this.#now;
  }

  after(ms: number, task: () => void): () => void {
    const timer = { at: this.#now + ms, task };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  pass(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
    for (const { task } of due) task();
  }
}
