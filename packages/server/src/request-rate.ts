// How many requests one principal may make: a bucket of tokens for each, filled all the time. Bounded; whoever was
// not heard of for longest is forgotten, which is as good as full.

import type { Clock } from '@pamina/env';
import { PaminaError } from '@pamina/format';

export const requestsPerSecondDefault = 10_000;
const bucketsMax = 10_000;
/** What may come at once, in seconds of the rate. */
const burstSeconds = 2;

interface Bucket {
  left: number;
  at: number;
}

export class RequestRate {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  /** 0 = no limit. */
  constructor(clock: Pick<Clock, 'monotonic'>, perSecond = requestsPerSecondDefault) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** TOO_MANY_REQUESTS */
  take(principal: string): void {
    if (this.#perSecond === 0) return;
    const now = this.#clock.monotonic();
    const most = Math.max(1, this.#perSecond * burstSeconds);
    const bucket = this.#buckets.get(principal) ?? this.#add(principal, { left: most, at: now });
    bucket.left = Math.min(most, bucket.left + ((now - bucket.at) / 1000) * this.#perSecond);
    bucket.at = now;
    if (bucket.left >= 1) {
      bucket.left -= 1;
      return;
    }
    const retryAfterMs = Math.ceil(((1 - bucket.left) / this.#perSecond) * 1000);
    const message = `more than ${this.#perSecond} requests a second came from ${principal}`;
    throw new PaminaError('TOO_MANY_REQUESTS', message, { context: { retryAfterMs } });
  }

  #add(principal: string, bucket: Bucket): Bucket {
    if (this.#buckets.size >= bucketsMax) {
      this.#buckets.delete(this.#buckets.keys().next().value!);
    }
    this.#buckets.set(principal, bucket);
    return bucket;
  }
}
