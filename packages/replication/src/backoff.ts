// How long to wait before the next attempt: exponential, capped, with jitter so that many replicas
// of one master do not all come back in the same moment.

import { retryMsMax, retryMsMin } from './replication-limits.js';

/** `attempts` before this wait (0 = the first failure), `chance` in [0, 1): half to whole of the step. */
export function retryDelayMs(attempts: number, chance: number): number {
  const step = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(attempts, 30));
  return Math.round(step * (0.5 + 0.5 * chance));
}
