// Keeps a backup from taking the time of those who commit meanwhile. Its work on the thread that serves
// them is cut into short slices, and while somebody commits it rests after each of them.
import type { Clock } from '@pamina/env';

export interface Pacer {
  /** Called between slices of work; resolves when the next one may begin. */
  rest(): Promise<void>;
}

/** A slice of the copying, hashing and reading of so many bytes takes well below a millisecond. */
export const sliceBytes = 128 * 1024;

/** Of the time that a slice took, as long again for the others, and never longer than this. */
const restMsMax = 8;
const restsPerWork = 3;

/**
 * `progress` is a number that rises with the commits of others: where it stands still nobody is in
 * anybody's way, and the backup goes as fast as it can.
 */
export function pacerOf(clock: Clock, progress: () => number): Pacer {
  let before = progress();
  let since = clock.monotonic();
  return {
    async rest() {
      const now = progress();
      const isBusy = now !== before;
      before = now;
      if (isBusy) {
        const worked = clock.monotonic() - since;
        await clock.sleep(Math.min(restMsMax, Math.max(1, worked * restsPerWork)));
      }
      since = clock.monotonic();
    },
  };
}
