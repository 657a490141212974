// One read for all who ask at the same time: a program may have a thousand connections that ask the directory at each
// change. Who asks while a read is under way gets the next one, which surely sees what was there when he asked.

export class SharedRead<T> {
  readonly #read: () => Promise<T>;
  #current: Promise<T> | null = null;
  #next: Promise<T> | null = null;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  get isIdle(): boolean {
    return this.#current === null;
  }

  run(): Promise<T> {
    if (this.#current === null) {
      this.#current = this.#read().finally(() => {
        this.#current = null;
      });
      return this.#current;
    }
    const begin = (): Promise<T> => {
      this.#next = null;
      return this.run();
    };
    this.#next ??= this.#current.then(begin, begin);
    return this.#next;
  }
}
