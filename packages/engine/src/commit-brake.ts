// Slows commits down before LevelDB has to stop them. LevelDB takes writes faster than it can sort them
// into its levels, and takes none at all for as long as one large compaction lasts once twelve tables
// wait at its first level. Its own brake is a millisecond a batch, which batches of many commits hardly feel.
import type { Clock } from '@pamina/env';

/** Up to this pressure nothing is slowed. */
const freePressure = 0.5;
/** Bytes a second just above it, halved for each further twelfth: a table of LevelDB's twelve. */
const bytesPerSecondMax = 48 * 1024 * 1024;
const halvings = 12;
/** Pressure is asked for after so many bytes, as long as nothing is slowed. */
const sampleBytes = 1024 * 1024;
/** No group waits longer, ms: a large one is not punished for its size. */
const waitMaxMs = 250;

export interface CommitBrakeOptions {
  readonly clock: Clock;
  /** See Stores.pressure. */
  readonly pressure: () => number;
  /** Called when a group that was not let through may be tried again. */
  readonly onFree: () => void;
}

export class CommitBrake {
  readonly #options: CommitBrakeOptions;
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  #unsampled = 0;
  /** What was let through is paid for by then, on the monotonic clock. */
  #freeAt = 0;
  #cancel: (() => void) | null = null;
  #isReleased = false;

  constructor(options: CommitBrakeOptions) {
    this.#options = options;
  }

  /** Whether a group of so many bytes goes through now; if not, `onFree` says when to ask again. */
  letThrough(bytes: number): boolean {
    if (this.#isReleased) return true;
    if (this.#cancel !== null) return false;
    const { clock } = this.#options;
    const now = clock.monotonic();
    const waitMs = this.#freeAt - now;
    if (waitMs > 0) {
      // What rounding leaves may be too little for the clock to move by: it would be waited for without end.
      this.#cancel = clock.after(Math.max(1, waitMs), () => {
        this.#cancel = null;
        this.#options.onFree();
      });
      return false;
    }
    this.#sample(bytes);
    const costMs = (bytes * 1000) / this.#bytesPerSecond;
    // What the timer was late is made up for, so that the rate is kept.
    const from = Math.max(this.#freeAt, now - waitMaxMs / 10);
    this.#freeAt = Math.min(from + costMs, now + waitMaxMs);
    return true;
  }

  /** For good: nobody is slowed any more. */
  release(): void {
    this.#isReleased = true;
    this.#cancel?.();
    this.#cancel = null;
    this.#options.onFree();
  }

  #sample(bytes: number): void {
    this.#unsampled += bytes;
    const isFree = this.#bytesPerSecond === Number.POSITIVE_INFINITY;
    if (isFree && this.#unsampled < sampleBytes) return;
    this.#unsampled = 0;
    this.#bytesPerSecond = bytesPerSecondAt(this.#options.pressure());
  }
}

export function bytesPerSecondAt(pressure: number): number {
  if (pressure < freePressure) return Number.POSITIVE_INFINITY;
  return bytesPerSecondMax * 2 ** ((freePressure - pressure) * halvings);
}
