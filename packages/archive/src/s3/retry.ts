// Tries again what may succeed later: exponential, capped, with jitter, and no sooner than the storage
// asks for.
import { isPaminaError } from '@pamina/format';
import type { Clock, Random } from '@pamina/env';

export interface RetryPolicy {
  readonly attemptsMax: number;
  readonly delayMsMin: number;
  readonly delayMsMax: number;
}

export const retryPolicyDefault: RetryPolicy = {
  attemptsMax: 6,
  delayMsMin: 200,
  delayMsMax: 10_000,
};

export interface Retrying {
  readonly clock: Clock;
  readonly random: Random;
  readonly policy: RetryPolicy;
}

/** The last error is thrown as it is. One that is not `retryable` ends it at once. */
export async function withRetry<T>(
  retrying: Retrying,
  signal: AbortSignal | undefined,
  task: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await task();
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      const mayRetry = isPaminaError(error) && error.retryable;
      if (!mayRetry || attempt >= retrying.policy.attemptsMax) throw error;
      await retrying.clock.sleep(delayMs(retrying, attempt, error.context['retryAfterMs']), signal);
    }
  }
}

function delayMs({ policy, random }: Retrying, attempt: number, asked: unknown): number {
  const step = Math.min(policy.delayMsMax, policy.delayMsMin * 2 ** (attempt - 1));
  const least = typeof asked === 'number' ? Math.min(asked, policy.delayMsMax) : 0;
  return Math.max(least, Math.round(step * (0.5 + 0.5 * random.fraction())));
}
