// The seam to time. Nothing above asks the machine for the time or sets a timer by itself, so that
// a simulation can hold, skip and reorder time.

export interface Clock {
  /** Wall clock, whole milliseconds since 1970. May jump in either direction: never measure with it. */
  now(): number;
  /** Milliseconds since an arbitrary start, with fractions. Never goes back, jumps with no wall clock. */
  monotonic(): number;
  /**
   * Runs `task` once, `ms` milliseconds from now (never more than one earlier), and returns its cancel function
   * (harmless after the task ran, and when called twice). Delays beyond 2^31 − 1 ms are kept
   * exactly. A waiting task keeps the process alive: whoever sets a timer cancels it at close.
   */
  after(ms: number, task: () => void): () => void;
  /** Runs `task` after the code and the microtasks that wait now, before any I/O and any timer. */
  soon(task: () => void): void;
  /** Resolves after `ms` milliseconds; rejects with `signal.reason` as soon as the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
