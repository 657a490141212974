// Random numbers from a seed, so that a run, and with it a finding, can be had again.

/** Where the halves of integers meet and what their readers have to look at. */
const interesting = [
  0,
  1,
  2,
  7,
  8,
  15,
  16,
  31,
  32,
  33,
  47,
  48,
  63,
  64,
  127,
  128,
  129,
  255,
  256,
  4095,
  4096,
  65_535,
  65_536,
  0x00ff_ffff,
  0x7fff_ffff,
  0x8000_0000,
  0xffff_ffff,
  0x1_0000_0000,
  2 ** 53 - 1,
  2 ** 53,
] as const;

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 32 bits (mulberry32). */
  bits(): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** From 0 to `end` - 1; 0 for an `end` of 0. */
  below(end: number): number {
    return end <= 0 ? 0 : Math.floor((this.bits() / 2 ** 32) * end);
  }

  /** One time in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list.at(this.below(list.length)) as T;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.bits());
  }

  /** Small numbers, edges and their neighbours more often than any. */
  number(): number {
    switch (this.below(4)) {
      case 0:
        return this.below(40);
      case 1:
        return this.bits();
      case 2:
        return this.pick(interesting) + this.below(3) - 1;
      default:
        return this.pick(interesting);
    }
  }
}
