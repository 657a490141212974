// The transactions by the time at which something may be due for them, earliest first: a heap that knows
// where each of them stands in it, so that one that ends leaves nothing behind.

export interface Timed {
  /** When to look at it; in the past of what is due or at it, never behind. */
  lookAt: number;
  /** Its place in the heap; -1: it has none. */
  heapIndex: number;
}

export class Deadlines<T extends Timed> {
  readonly #heap: T[] = [];

  get first(): T | undefined {
    return this.#heap[0];
  }

  /** Puts it in, or moves it. */
  set(item: T, lookAt: number): void {
    item.lookAt = lookAt;
    if (item.heapIndex < 0) {
      item.heapIndex = this.#heap.length;
      this.#heap.push(item);
    }
    this.#sink(this.#rise(item.heapIndex));
  }

  delete(item: T): void {
    const at = item.heapIndex;
    if (at < 0) return;
    const last = this.#heap.pop()!;
    item.heapIndex = -1;
    if (last === item) return;
    this.#place(last, at);
    this.#sink(this.#rise(at));
  }

  #rise(index: number): number {
    let at = index;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (this.#heap[above]!.lookAt <= this.#heap[at]!.lookAt) break;
      this.#swap(at, above);
      at = above;
    }
    return at;
  }

  #sink(index: number): void {
    let at = index;
    for (;;) {
      let least = at;
      for (const below of [2 * at + 1, 2 * at + 2]) {
        const item = this.#heap[below];
        if (item !== undefined && item.lookAt < this.#heap[least]!.lookAt) least = below;
      }
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #swap(one: number, other: number): void {
    const item = this.#heap[one]!;
    this.#place(this.#heap[other]!, one);
    this.#place(item, other);
  }

  #place(item: T, at: number): void {
    this.#heap[at] = item;
    item.heapIndex = at;
  }
}
