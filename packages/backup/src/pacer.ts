// Keeps a backup from taking the time of those who commit meanwhile. Its work on the thread that serves
// them is cut into short slices, and while somebody commits it rests after each of them.
import type { Clock } from '@pamina/env';

export interface Pacer {
  /** Called between slices of work; resolves when the next one may begin. */
  rest(): Promise<void>;
}

/** A slice of the copying, hashing and reading of so many bytes takes well below a millisecond. */
export const sliceBytes = 128 * 1024;

/** Shorter ones are one slice together: a timer is no finer than a millisecond. */
const workMsMin = 0.5;
/**
 * For each millisecond of work so many are left to the others, up to this many at once. With 3 and 8 the
 * 99th percentile of 16 writers that saturate two cores was three times what it is without a backup, with
 * these it is one and a half times; a backup goes at a quarter to a third of its rate meanwhile.
 */
const restsPerWork = 10;
const restMsMax = 25;

/**
 * `progress` is a number that rises with the commits of others: where it stands still nobody is in
 * anybody's way, and the backup goes as fast as it can.
 */
export function pacerOf(clock: Clock, progress: () => number): Pacer {
  let before = progress();
  let since = clock.monotonic();
  return {
    async rest() {
      const worked = clock.monotonic() - since;
      if (worked < workMsMin) return;
      const now = progress();
      const isBusy = now !== before;
      before = now;
      if (isBusy) await clock.sleep(Math.min(restMsMax, worked * restsPerWork));
      since = clock.monotonic();
    },
  };
}
