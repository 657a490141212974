// How long single operations took. The longest one is kept exactly, the rest to three digits.
import { build } from 'hdr-histogram-js';

const microsecondsMax = 3_600_000_000;

export class Latency {
  #histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: microsecondsMax,
    numberOfSignificantValueDigits: 3,
  });
  #longestMs = 0;

  record(milliseconds) {
    if (milliseconds > this.#longestMs) this.#longestMs = milliseconds;
    this.#histogram.recordValue(Math.round(milliseconds * 1000));
  }

  /** Null when nothing was timed one by one. */
  summary() {
    if (this.#histogram.totalCount === 0) return null;
    return {
      p50Ms: this.#histogram.getValueAtPercentile(50) / 1000,
      p99Ms: this.#histogram.getValueAtPercentile(99) / 1000,
      maxMs: this.#longestMs,
    };
  }
}
