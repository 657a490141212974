// Chance that repeats: every number comes from a seed. No secret, no statistics; mulberry32.

export class Dice {
  #state: number;

  /** One seed is made of all parts, in their order. */
  constructor(...parts: readonly number[]) {
    this.#state = 0x9e3779b9;
    for (const part of parts) {
      this.#state = Math.imul(this.#state ^ (part >>> 0), 0x85ebca6b) >>> 0;
      this.#state ^= this.#state >>> 15;
      this.#next();
    }
  }

  /** In [0, 1). */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.fraction() * below);
  }

  /** A whole number in [from, to]. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)] ?? list[0];
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
}
