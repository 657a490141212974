// What is durable and on its way into the store. Nobody waits for the store by itself, so several groups
// go into it together: LevelDB takes one large batch with much less work than several small ones.
import type { Clock } from '@pamina/env';
import type { PaminaError } from '@pamina/format';
import { splitBatch, type RecordBatch } from '@pamina/log';

export interface ApplyTask {
  readonly batch: RecordBatch;
  /** Called once, when the batch is applied or cannot be. */
  readonly settle: (error: PaminaError | null) => void;
}

/** Tasks that follow each other and go into the store as one batch. */
export type ApplyRun = readonly [ApplyTask, ...ApplyTask[]];

/** So much is worth a batch of LevelDB by itself, bytes. */
const runBytesGoal = 64 * 1024;
/** Tasks are not joined beyond this, bytes. */
const runBytesMax = 256 * 1024;
/** So long a run may be gathered, ms: a replica that is read shows what it has received this much later. */
const gatherMsMax = 10;
/** A run is gathered so many times as long as the one before it took: most of the time nothing is applied. */
const gatherPerApply = 4;

export class ApplyQueue {
  readonly #clock: Clock;
  readonly #tasks: ApplyTask[] = [];
  #bytes = 0;
  /** Ends the gathering that goes on. */
  #go: (() => void) | null = null;
  #gatheredAt = Number.NEGATIVE_INFINITY;
  readonly #isRead: boolean;
  #gatherMs: number;

  /** `isRead`: what waits here is seen by nobody until it is in the store, as on a replica. */
  constructor(clock: Clock, isRead: boolean) {
    this.#clock = clock;
    this.#isRead = isRead;
    this.#gatherMs = isRead ? 0 : gatherMsMax;
  }

  get isEmpty(): boolean {
    return this.#tasks.length === 0;
  }

  /** Whether what waits is worth a batch by itself. */
  get isWorthARun(): boolean {
    return this.#bytes >= runBytesGoal;
  }

  push(task: ApplyTask): void {
    this.#tasks.push(task);
    this.#bytes += bytesOf(task);
    if (this.isWorthARun) this.hurry();
  }

  /** Ends the wait for more: somebody needs what is here. */
  hurry(): void {
    this.#go?.();
  }

  /** A run took so long, ms. */
  applied(tookMs: number): void {
    if (this.#isRead) this.#gatherMs = Math.min(gatherMsMax, Math.ceil(gatherPerApply * tookMs));
  }

  /** Resolves when a run is worth its batch, or was waited for long enough; at once after a pause. */
  async gather(): Promise<void> {
    const left = this.#gatheredAt + this.#gatherMs - this.#clock.monotonic();
    if (left > 0 && !this.isWorthARun) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(left, () => this.hurry());
        this.#go = () => {
          this.#go = null;
          cancel();
          resolve();
        };
      });
    }
    this.#gatheredAt = this.#clock.monotonic();
  }

  /** The next tasks, up to the first record that `stopIn` finds in one of them. Not of an empty queue. */
  take(stopIn: (batch: RecordBatch) => number | null): ApplyRun {
    const run: ApplyTask[] = [];
    let bytes = 0;
    for (let task = this.#tasks[0]; task !== undefined; task = this.#tasks[0]) {
      const more = bytesOf(task);
      if (run.length > 0 && bytes + more > runBytesMax) break;
      const stop = stopIn(task.batch);
      if (stop !== null && stop < task.batch.point.seq) {
        const [part, rest] = splitBatch(task.batch, stop);
        run.push({ batch: part, settle: () => undefined });
        this.#tasks[0] = { batch: rest, settle: task.settle };
        break;
      }
      this.#tasks.shift();
      run.push(task);
      bytes += more;
      if (stop !== null) break;
    }
    this.#bytes -= bytesOfRun(run);
    return run as [ApplyTask, ...ApplyTask[]];
  }

  /** A run that was taken and is not applied yet after all. */
  putBack(run: ApplyRun): void {
    this.#tasks.unshift(...run);
    this.#bytes += bytesOfRun(run);
  }

  /** Everything that waits, for good. */
  drain(): ApplyTask[] {
    this.#bytes = 0;
    return this.#tasks.splice(0);
  }
}

export function bytesOfRun(run: readonly ApplyTask[]): number {
  return run.reduce((sum, task) => sum + bytesOf(task), 0);
}

function bytesOf({ batch }: ApplyTask): number {
  return batch.end - batch.start;
}
