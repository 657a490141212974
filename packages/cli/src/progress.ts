// Shows that something goes on in anything that takes over a second: a bar on a terminal, else one
// line a second on stderr, with --json one `{"progress":…}` line a second.
import type { Clock } from '@pamina/env';
import type { Progress, ProgressStep } from '@pamina/wire';
import { SingleBar } from 'cli-progress';
import type { Output } from './output.js';
import { PaceMeter, type Pace } from './print/pace.js';
import { amountText, paceText, progressText } from './print/progress-line.js';
import { formatDuration } from './print/units.js';

const tickMs = 1000;

export class ProgressDisplay {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #title: string;
  readonly #startedAt: number;
  readonly #meter = new PaceMeter();
  #step: ProgressStep | null = null;
  #bar: SingleBar | null = null;
  #cancel: () => void;

  constructor(output: Output, clock: Clock, title: string) {
    this.#output = output;
    this.#clock = clock;
    this.#title = title;
    this.#startedAt = clock.monotonic();
    this.#cancel = clock.after(tickMs, () => this.#tick());
  }

  readonly report: Progress = (step) => {
    this.#step = step;
    this.#meter.note(step, this.#elapsedMs);
    if (this.#bar !== null) this.#draw(this.#bar);
  };

  /** Nothing is drawn afterwards; the bar is wiped off. */
  stop(): void {
    this.#cancel();
    this.#bar?.stop();
    this.#bar = null;
  }

  get #elapsedMs(): number {
    return this.#clock.monotonic() - this.#startedAt;
  }

  #tick(): void {
    this.#cancel = this.#clock.after(tickMs, () => this.#tick());
    if (this.#output.interactive) {
      this.#bar ??= this.#startBar();
      this.#draw(this.#bar);
    } else if (this.#output.json) {
      this.#output.errorLine(JSON.stringify({ progress: this.#jsonStep() }));
    } else {
      this.#output.errorLine(this.#line());
    }
  }

  #line(): string {
    return progressText(this.#title, this.#step, this.#elapsedMs, this.#pace);
  }

  get #pace(): Pace {
    return this.#meter.at(this.#step, this.#elapsedMs);
  }

  #jsonStep(): Record<string, unknown> {
    const { leftMs, perSecond } = this.#pace;
    return {
      title: this.#title,
      ...this.#step,
      elapsedMs: Math.round(this.#elapsedMs),
      perSecond: perSecond === null ? null : Math.round(perSecond),
      leftMs: leftMs === null ? null : Math.round(leftMs),
    };
  }

  #startBar(): SingleBar {
    const bar = new SingleBar({
      format: '{title} {bar} {what}',
      stream: this.#output.stderr,
      clearOnComplete: true,
      // The run handles signals itself; the bar would end the process.
      gracefulExit: false,
      hideCursor: false,
      barsize: 24,
      linewrap: false,
      forceRedraw: true,
    });
    bar.start(1, 0, this.#payload());
    return bar;
  }

  #draw(bar: SingleBar): void {
    const total = this.#step?.total ?? null;
    bar.setTotal(total === null ? 1 : Math.max(1, total));
    bar.update(total === null ? 0 : Math.min(this.#step?.done ?? 0, total), this.#payload());
  }

  #payload(): { title: string; what: string } {
    const elapsed = formatDuration(this.#elapsedMs);
    const step = this.#step;
    return {
      title: this.#title,
      what:
        step === null
          ? elapsed
          : `${step.step}, ${amountText(step)}${paceText(step, this.#pace)}, ${elapsed}`,
    };
  }
}
