// What the network between the hosts does: delays, losses, partitions. Settings hold from the next packet
// on; a blocked link keeps what is on its way, as TCP sends it again when the way is free.

import type { Prng } from '../prng.js';

export interface LinkSettings {
  /** One way, from and to. */
  delayMs: readonly [number, number];
  /** Probability that a packet is lost once more; each time it comes later by a growing time. */
  loss: number;
  /** Probability that packets overtake this one, which TCP makes a wait of. */
  reorder: number;
  /** Probability that a packet arrives twice; the second is dropped by its number. */
  duplicate: number;
}

const retransmitMs = 200;
const lossesMax = 6;

export class Links {
  readonly #random: Prng;
  readonly #byPair = new Map<string, LinkSettings>();
  readonly #blocked = new Set<string>();
  readonly #onHeal = new Set<() => void>();
  /** Of all links that have no settings of their own. */
  readonly defaults: LinkSettings = { delayMs: [0.1, 1], loss: 0, reorder: 0, duplicate: 0 };

  constructor(random: Prng) {
    this.#random = random;
  }

  /** Settings of one direction, its own from now on. */
  link(from: string, to: string): LinkSettings {
    const key = pair(from, to);
    const known = this.#byPair.get(key);
    if (known !== undefined) return known;
    const settings = { ...this.defaults };
    this.#byPair.set(key, settings);
    return settings;
  }

  /** Nothing goes from the one to the other any more; the way back stays. */
  block(from: string, to: string): void {
    this.#blocked.add(pair(from, to));
  }

  partition(a: string, b: string): void {
    this.block(a, b);
    this.block(b, a);
  }

  unblock(from: string, to: string): void {
    this.#blocked.delete(pair(from, to));
    for (const task of this.#onHeal) task();
  }

  /** No partition and no fault any more. */
  heal(): void {
    this.#blocked.clear();
    this.#byPair.clear();
    Object.assign(this.defaults, { delayMs: [0.1, 1], loss: 0, reorder: 0, duplicate: 0 });
    for (const task of this.#onHeal) task();
  }

  onHeal(task: () => void): void {
    this.#onHeal.add(task);
  }

  isBlocked(from: string, to: string): boolean {
    return this.#blocked.size > 0 && from !== to && this.#blocked.has(pair(from, to));
  }

  /** How long a packet takes that starts now, losses and all. */
  delayMs(from: string, to: string): number {
    if (from === to) return this.#random.between(0.01, 0.05);
    const { delayMs, loss, reorder } = this.#settingsOf(from, to);
    let ms = this.#random.between(delayMs[0], delayMs[1]);
    if (this.#random.chance(reorder)) ms += this.#random.between(0, delayMs[1] * 4);
    for (let losses = 0; losses < lossesMax && this.#random.chance(loss); losses += 1) {
      ms += retransmitMs * 2 ** losses;
    }
    return ms;
  }

  isDoubled(from: string, to: string): boolean {
    return from !== to && this.#random.chance(this.#settingsOf(from, to).duplicate);
  }

  #settingsOf(from: string, to: string): LinkSettings {
    return this.#byPair.get(pair(from, to)) ?? this.defaults;
  }
}

function pair(from: string, to: string): string {
  return `${from} > ${to}`;
}
