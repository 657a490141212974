// Between two chunks of a stream: at once where the replica has on its disk what it was sent, else after a
// pause at the latest. What becomes durable meanwhile is sent together.

import type { Clock } from '@pamina/env';
import { feedPauseMs } from './replication-limits.js';

export class FeedPause {
  readonly #clock: Clock;
  readonly #onEnd: () => void;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  /** While something waits for the end of the pause. */
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, onEnd: () => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  get isWaiting(): boolean {
    return this.#cancel !== null;
  }

  /** A chunk was sent. */
  sent(): void {
    this.#sentAtMs = this.#clock.monotonic();
  }

  /** Whether the next chunk may go now; if not, `onEnd` is called when it may. */
  mayGo(isThere: boolean): boolean {
    const left = isThere ? 0 : this.#sentAtMs + feedPauseMs - this.#clock.monotonic();
    if (left <= 0) {
      this.cancel();
      return true;
    }
    this.#cancel ??= this.#clock.after(Math.ceil(left), () => this.end());
    return false;
  }

  /** Of a pause that something waits for. */
  end(): void {
    if (this.#cancel === null) return;
    this.cancel();
    this.#onEnd();
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}
