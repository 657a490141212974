// What the answers of all connections of calls hold together, and who gives way. Each connection is bounded by itself
// (calls-answers.ts); a thousand that take nothing would still hold a thousand times that (P13).

import { answersHeldBytesMax } from '@pamina/format';

/** Of this much a channel tells that it was taken. */
export const drainedBytes = 1024 * 1024;

export interface AnswersHolder {
  /** At this moment. */
  readonly unsentBytes: number;
  /** It holds the most of all, and there is no room left at all. */
  letGo(): void;
}

export class AnswersBudget {
  readonly #bytesMax: number;
  readonly #counted = new Map<AnswersHolder, number>();
  #heldBytes = 0;

  constructor(bytesMax: number = answersHeldBytesMax) {
    this.#bytesMax = bytesMax;
  }

  /** How much a holder has is counted when it changes, not when the system takes it: what is there at most. */
  note(holder: AnswersHolder): void {
    const bytes = holder.unsentBytes;
    if (bytes === 0 && !this.#counted.has(holder)) return;
    this.#heldBytes += bytes - (this.#counted.get(holder) ?? 0);
    if (bytes === 0) this.#counted.delete(holder);
    else this.#counted.set(holder, bytes);
    if (this.#heldBytes > this.#bytesMax) this.#makeRoom();
  }

  forget(holder: AnswersHolder): void {
    this.#heldBytes -= this.#counted.get(holder) ?? 0;
    this.#counted.delete(holder);
  }

  /** Half is for all alike; of the rest only who has taken almost all that is his gets any, one answer at a time. */
  hasRoomFor(holder: AnswersHolder, underWay: number): boolean {
    const half = this.#bytesMax / 2;
    if (this.#heldBytes < half || (underWay === 0 && holder.unsentBytes < drainedBytes))
      return true;
    this.#count();
    return this.#heldBytes < half;
  }

  /** Who holds the most takes the least. */
  #makeRoom(): void {
    this.#count();
    while (this.#heldBytes > this.#bytesMax) {
      let largest: AnswersHolder | null = null;
      let bytesMost = 0;
      for (const [holder, bytes] of this.#counted) {
        if (bytes <= bytesMost) continue;
        largest = holder;
        bytesMost = bytes;
      }
      if (largest === null) return;
      this.forget(largest);
      largest.letGo();
    }
  }

  /** As it is now: much of what was counted was taken since. */
  #count(): void {
    this.#heldBytes = 0;
    for (const holder of this.#counted.keys()) {
      const bytes = holder.unsentBytes;
      this.#heldBytes += bytes;
      if (bytes === 0) this.#counted.delete(holder);
      else this.#counted.set(holder, bytes);
    }
  }
}
