// What the answers of all connections of calls hold together, and who gives way. Each connection is bounded by itself
// (calls-answers.ts); a thousand that take nothing would still hold a thousand times that (P13).

import type { Clock } from '@pamina/env';
import { answersHeldBytesMax, answersRestMs } from '@pamina/format';

/** Of this much a channel tells that it was taken. */
export const drainedBytes = 1024 * 1024;
const lookEveryMs = answersRestMs / 4;

export interface AnswersHolder {
  /** At this moment. */
  readonly unsentBytes: number;
  /** Since it is there. */
  readonly takenBytes: number;
  /** There is no room left at all, and it is the one to give way: nothing of what it holds may stay. */
  letGo(): void;
}

interface Held {
  bytes: number;
  takenBytes: number;
  /** When it was last seen to have taken something. */
  tookAtMs: number;
}

export class AnswersBudget {
  readonly #bytesMax: number;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #held = new Map<AnswersHolder, Held>();
  #heldBytes = 0;
  #lookedAtMs = -Infinity;

  constructor(clock: Pick<Clock, 'monotonic'>, bytesMax: number = answersHeldBytesMax) {
    this.#clock = clock;
    this.#bytesMax = bytesMax;
  }

  /** As it is at this moment. */
  get heldBytes(): number {
    this.#look();
    return this.#heldBytes;
  }

  /** How much a holder has is counted when it changes, not when the system takes it: what is there at most. */
  note(holder: AnswersHolder): void {
    const bytes = holder.unsentBytes;
    const held = this.#held.get(holder);
    if (held !== undefined) {
      this.#heldBytes += bytes - held.bytes;
      held.bytes = bytes;
    } else if (bytes > 0) {
      this.#heldBytes += bytes;
      const { takenBytes } = holder;
      this.#held.set(holder, { bytes, takenBytes, tookAtMs: this.#clock.monotonic() });
    }
    if (this.#heldBytes > this.#bytesMax) this.#makeRoom();
    else if (this.#heldBytes >= this.#bytesMax / 2) this.#lookNowAndThen();
  }

  forget(holder: AnswersHolder): void {
    this.#heldBytes -= this.#held.get(holder)?.bytes ?? 0;
    this.#held.delete(holder);
  }

  /**
   * Half is for all alike. Of the rest who has taken almost all that is his gets as much as he is likely to take as
   * quickly; if it is more, one answer at a time.
   */
  hasRoomFor(holder: AnswersHolder, expectedBytes: number): boolean {
    const half = this.#bytesMax / 2;
    if (this.#heldBytes < half || holder.unsentBytes + expectedBytes < drainedBytes) return true;
    this.#look();
    return this.#heldBytes < half;
  }

  #makeRoom(): void {
    this.#look();
    while (this.#heldBytes > this.#bytesMax) {
      const giving = this.#whoGivesWay();
      if (giving === null) return;
      this.forget(giving);
      giving.letGo();
    }
  }

  /** Of those who take nothing who holds the most; where all take what is theirs, of all. */
  #whoGivesWay(): AnswersHolder | null {
    const restsSinceMs = this.#clock.monotonic() - answersRestMs;
    let giving: AnswersHolder | null = null;
    let bytesMost = 0;
    let isResting = false;
    for (const [holder, { bytes, tookAtMs }] of this.#held) {
      const rests = tookAtMs <= restsSinceMs;
      if (bytes === 0 || (isResting && !rests)) continue;
      if (rests === isResting && bytes <= bytesMost) continue;
      giving = holder;
      bytesMost = bytes;
      isResting = rests;
    }
    return giving;
  }

  /** Often enough to know who takes what is his. */
  #lookNowAndThen(): void {
    if (this.#clock.monotonic() - this.#lookedAtMs >= lookEveryMs) this.#look();
  }

  /** As it is now: much of what was counted was taken since. */
  #look(): void {
    const nowMs = this.#clock.monotonic();
    this.#lookedAtMs = nowMs;
    this.#heldBytes = 0;
    for (const [holder, held] of this.#held) {
      const bytes = holder.unsentBytes;
      const { takenBytes } = holder;
      if (bytes === 0) {
        this.#held.delete(holder);
        continue;
      }
      if (takenBytes > held.takenBytes) held.tookAtMs = nowMs;
      held.takenBytes = takenBytes;
      held.bytes = bytes;
      this.#heldBytes += bytes;
    }
  }
}
