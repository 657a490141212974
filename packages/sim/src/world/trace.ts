// What happened, as one running hash: two runs from one seed must agree in it. The last events are
// kept as text for whoever looks into a failure.

import { crc32 } from 'node:zlib';
import { hashText } from './prng.js';

const keptMax = 400;

export interface TraceEntry {
  readonly timeMs: number;
  readonly where: string;
  readonly what: string;
  readonly detail: string | number;
}

export class Trace {
  readonly #texts = new Map<string, number>();
  readonly #onEntry: ((entry: TraceEntry) => void) | null;
  readonly #time = new Float64Array(1);
  readonly #timeWords = new Int32Array(this.#time.buffer);
  #low = 0x12345678;
  #high = 0x2468ace0 | 0;
  #count = 0;
  #kept: TraceEntry[] = [];

  constructor(onEntry: ((entry: TraceEntry) => void) | null) {
    this.#onEntry = onEntry;
  }

  /** Hash over all events so far, 16 hexadecimal digits. */
  get hash(): string {
    const digits = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return digits(this.#high) + digits(this.#low);
  }

  /** How many events there were. */
  get count(): number {
    return this.#count;
  }

  /** The last events, oldest first, at most 400. */
  tail(count = keptMax): TraceEntry[] {
    return this.#kept.slice(-count);
  }

  note(timeMs: number, where: string, what: string, detail: string | number): void {
    this.#time[0] = timeMs;
    this.#mix(this.#timeWords[0] as number);
    this.#mix(this.#timeWords[1] as number);
    this.#mix(this.#numberOf(where));
    this.#mix(this.#numberOf(what));
    this.#mix(typeof detail === 'number' ? detail | 0 : this.#numberOf(detail));
    this.#count += 1;
    const entry = { timeMs, where, what, detail };
    this.#kept.push(entry);
    if (this.#kept.length >= keptMax * 2) this.#kept = this.#kept.slice(-keptMax);
    this.#onEntry?.(entry);
  }

  /** Content that was moved: counts in the hash only. */
  noteBytes(bytes: Uint8Array): void {
    this.#mix(crc32(bytes) | 0);
  }

  #numberOf(text: string): number {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const number = hashText(text);
    this.#texts.set(text, number);
    return number;
  }

  #mix(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x85ebca6b) | 0;
    this.#low ^= this.#low >>> 15;
    this.#high = (Math.imul(this.#high, 0x01000193) + this.#low) | 0;
  }
}
