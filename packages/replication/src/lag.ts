// How far a replica is behind its master, for each of its three positions (received, durable,
// applied). Clocks of two machines are never compared: the master's own times are used, and the
// time that has passed here since they were heard.

import type { Lag } from '@pamina/wire';
import type { MasterNews } from './follower-event.js';
import { ledgerEntriesMax } from './replication-limits.js';

export type Place = 'received' | 'durable' | 'applied';
/** `time`: commit time of the record, by the master's clock. */
export type Places = Readonly<Record<Place, { readonly seq: number; readonly time: number }>>;

const places = ['received', 'durable', 'applied'] as const;

export const unknownLag: Lag = { records: null, bytes: null, seconds: null };

export class LagMeter {
  /** The master's time up to which each place is known to have everything. */
  readonly #evenAt: Record<Place, number> = { received: 0, durable: 0, applied: 0 };
  #news: MasterNews | null = null;
  /** Log bytes received since the last news that told the backlog. */
  #receivedBytes = 0;
  /** Bytes that became durable with each chunk, oldest first, for what is not applied yet. */
  #ledger: { seq: number; bytes: number }[] = [];
  #heldBytes = 0;

  /** The master said where it stands. */
  hear(news: MasterNews, now: Places): void {
    // First by the news before: what it announced may have been reached since.
    this.update(now);
    this.#news = news;
    this.#receivedBytes = 0;
    this.update(now);
  }

  received(bytes: number): void {
    this.#receivedBytes += bytes;
    this.#heldBytes += bytes;
  }

  stored(bytes: number, seq: number): void {
    this.#heldBytes = Math.max(0, this.#heldBytes - bytes);
    const last = this.#ledger.at(-1);
    if (last !== undefined && this.#ledger.length >= ledgerEntriesMax) {
      last.seq = seq;
      last.bytes += bytes;
    } else {
      this.#ledger.push({ seq, bytes });
    }
  }

  /** What was received and not stored is gone; it will be sent again. */
  dropped(): void {
    this.#heldBytes = 0;
  }

  update(now: Places): void {
    const news = this.#news;
    const applied = now.applied.seq;
    const rest = this.#ledger.findIndex((entry) => entry.seq > applied);
    this.#ledger = rest < 0 ? [] : this.#ledger.slice(rest);
    if (news === null) return;
    for (const place of places) {
      const isEven = now[place].seq >= news.point.seq;
      if (isEven) this.#evenAt[place] = Math.max(this.#evenAt[place], news.time);
    }
  }

  /** All parts null before the master was ever heard, records and bytes also while out of touch. Bytes of applied are exact to a chunk. */
  lag(place: Place, now: Places, isConnected: boolean, monotonicMs: number): Lag {
    const news = this.#news;
    if (news === null) return unknownLag;
    this.update(now);
    const { seq, time } = now[place];
    const records = Math.max(0, news.point.seq - seq);
    const bytes = records === 0 ? 0 : this.#bytes(place, news);
    if (records === 0 && isConnected) return { records, bytes, seconds: 0 };
    const masterNow = news.time + Math.max(0, monotonicMs - news.heardMs);
    const even = Math.max(time, this.#evenAt[place]);
    const seconds = Math.max(0, masterNow - even) / 1000;
    // Out of touch nobody here knows what the master has written since (P9).
    return isConnected ? { records, bytes, seconds } : { ...unknownLag, seconds };
  }

  #bytes(place: Place, news: MasterNews): number | null {
    if (news.backlogBytes === null) return null;
    const toReceive = Math.max(0, news.backlogBytes - this.#receivedBytes);
    if (place === 'received') return toReceive;
    const toStore = toReceive + this.#heldBytes;
    if (place === 'durable') return toStore;
    return this.#ledger.reduce((sum, entry) => sum + entry.bytes, toStore);
  }
}
