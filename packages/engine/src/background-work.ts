// What works on a database in the background ends before the database closes: nothing reads a store that
// is gone, and nothing is left behind that a process would wait for.

export class BackgroundWork {
  readonly #ends = new Set<() => Promise<void>>();
  #isEnded = false;

  /** `end` ends the work and resolves when it has; it does not reject. Returns what says that it ended by itself. */
  add(end: () => Promise<void>): () => void {
    this.#ends.add(end);
    // The database was closed meanwhile: nobody would end it.
    if (this.#isEnded) void end();
    return () => this.#ends.delete(end);
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    await Promise.all([...this.#ends].map((end) => end()));
  }
}
