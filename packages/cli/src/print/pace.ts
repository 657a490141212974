// How fast a step of a long task goes, and how long it will take at that pace.
import type { ProgressStep } from '@pamina/wire';

export interface Pace {
  /** In the unit of the step; null until there is something to tell from. */
  readonly perSecond: number | null;
  /** Null where the end is not known, or nothing moves. */
  readonly leftMs: number | null;
}

interface Sample {
  readonly atMs: number;
  readonly done: number;
}

/** The pace is that of about the last ten seconds: what was an hour ago says nothing of what is left. */
const windowMs = 10_000;

export class PaceMeter {
  #step: string | null = null;
  #samples: Sample[] = [];

  /** `atMs` never goes back. A step with another name begins anew. */
  note({ done, step }: ProgressStep, atMs: number): void {
    if (step !== this.#step) this.#samples = [];
    this.#step = step;
    const last = this.#samples.at(-1);
    // A few a second are enough, however often a task reports.
    if (last !== undefined && this.#samples.length > 1 && atMs - last.atMs < windowMs / 50) {
      this.#samples.pop();
    }
    this.#samples.push({ atMs, done });
    while (this.#samples.length > 2 && (this.#samples[1] as Sample).atMs <= atMs - windowMs) {
      this.#samples.shift();
    }
  }

  at(step: ProgressStep | null, nowMs: number): Pace {
    const [first] = this.#samples;
    if (step === null || first === undefined || nowMs <= first.atMs) {
      return { perSecond: null, leftMs: null };
    }
    const moved = step.done - first.done;
    if (moved <= 0) return { perSecond: null, leftMs: null };
    const perSecond = (moved / (nowMs - first.atMs)) * 1000;
    const left = step.total === null ? null : Math.max(0, step.total - step.done);
    return { perSecond, leftMs: left === null ? null : (left / perSecond) * 1000 };
  }
}
