// Virtual time: everything that happens later stands in one queue, and one event runs at a time,
// with all microtasks and ticks that follow from it, before the next one is looked at.

export interface Event {
  readonly timeMs: number;
  /** Decides among events of one time: the smaller first, then the older. */
  readonly tie: number;
  readonly order: number;
  /** Null once it ran or was cancelled. */
  task: (() => void) | null;
}

/** Why a run ended: its condition holds, its time is over, or nothing is left that could happen. */
export type RunEnd = 'done' | 'time' | 'still';

export class EventLoop {
  #heap: Event[] = [];
  #order = 0;
  #nowMs = 0;
  #isRunning = false;

  /** Milliseconds since the world began, with fractions. */
  get nowMs(): number {
    return this.#nowMs;
  }

  schedule(timeMs: number, tie: number, task: () => void): Event {
    this.#order += 1;
    const event = { timeMs: Math.max(timeMs, this.#nowMs), tie, order: this.#order, task };
    this.#push(event);
    return event;
  }

  /**
   * Runs events until `isDone` holds (asked before each) or no event is left before `endMs`; then
   * it is `endMs`, if that is finite. What a task throws ends the run with that error.
   */
  async run(isDone: () => boolean, endMs: number): Promise<RunEnd> {
    if (this.#isRunning) throw new Error('the world is running already');
    this.#isRunning = true;
    try {
      // What the caller has just started comes first.
      await turn();
      while (!isDone()) {
        const event = this.#next(endMs);
        if (event === null) {
          if (endMs === Infinity) return 'still';
          this.#nowMs = endMs;
          return 'time';
        }
        this.#nowMs = event.timeMs;
        const { task } = event;
        event.task = null;
        task?.();
        await turn();
      }
      return 'done';
    } finally {
      this.#isRunning = false;
    }
  }

  /** The first event that counts and is not after `endMs`, taken out. */
  #next(endMs: number): Event | null {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return null;
      if (first.task !== null && first.timeMs > endMs) return null;
      this.#pop();
      if (first.task !== null) return first;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const other = heap[parent] as Event;
      if (!isBefore(event, other)) break;
      heap[at] = other;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) {
        child += 1;
      }
      if (!isBefore(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  if (a.timeMs !== b.timeMs) return a.timeMs < b.timeMs;
  if (a.tie !== b.tie) return a.tie < b.tie;
  return a.order < b.order;
}

/** Node's own loop comes round only when every tick and every microtask was run. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
