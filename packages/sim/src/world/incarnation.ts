// One life of a process on a host. When it ends nothing of it is ever called again: what it waits for
// stays unsettled for ever, as in a process that is gone.

import type { EventLoop } from './event-loop.js';
import type { Prng } from './prng.js';
import type { Trace } from './trace.js';

/** How a process ends: alone, or with the whole machine and its page cache. */
export type Death = 'kill' | 'power cut';

export class Incarnation {
  readonly name: string;
  /** What the system tells about this process and its boot: text by path in /proc. */
  readonly system: ReadonlyMap<string, string>;
  readonly loop: EventLoop;
  readonly trace: Trace;
  readonly #random: Prng;
  #isAlive = true;
  readonly #onDeath = new Set<(death: Death) => void>();

  constructor(
    name: string,
    system: ReadonlyMap<string, string>,
    loop: EventLoop,
    trace: Trace,
    random: Prng,
  ) {
    this.name = name;
    this.system = system;
    this.loop = loop;
    this.trace = trace;
    this.#random = random;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Runs `task` in this process, `ms` from now; equal times in random order. Returns the cancel function. */
  later(ms: number, task: () => void): () => void {
    return this.#schedule(ms, this.#random.next(), task);
  }

  /** As `later`, equal times in the order of the calls: what timers do. */
  timer(ms: number, task: () => void): () => void {
    return this.#schedule(ms, 0, task);
  }

  #schedule(ms: number, tie: number, task: () => void): () => void {
    const event = this.loop.schedule(this.loop.nowMs + Math.max(0, ms), tie, () => {
      if (this.#isAlive) task();
    });
    return () => {
      event.task = null;
    };
  }

  note(what: string, detail: string | number): void {
    this.trace.note(this.loop.nowMs, this.name, what, detail);
  }

  /** Called at the end of this process, in the order of the calls; returns how to take it back. */
  onDeath(task: (death: Death) => void): () => void {
    this.#onDeath.add(task);
    return () => {
      this.#onDeath.delete(task);
    };
  }

  die(death: Death): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    for (const task of this.#onDeath) task(death);
    this.#onDeath.clear();
  }
}

/** What a dead process hears: nothing. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}
