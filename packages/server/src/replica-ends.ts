// How the feeds of a database's replicas ended, since it came online. Only names that are permitted come
// here, so there are as many entries as those (P13).

import type { FeedEnd } from '@pamina/replication';

export interface ReplicaEnd {
  readonly code: string | null;
  readonly message: string;
  /** When it was told so, ms since 1970. */
  readonly at: number;
  /** When the replica was heard of last while it followed, ms since 1970; null of one that has not. */
  readonly followedUntil: number | null;
}

export class ReplicaEnds {
  readonly #ends = new Map<string, ReplicaEnd>();

  /** `now` in ms since 1970. Who is refused again and again has not followed since the time before. */
  note({ code, hasFollowed, heardAt, message, replica }: FeedEnd, now: number): void {
    const followedUntil = hasFollowed ? heardAt : (this.of(replica)?.followedUntil ?? null);
    this.#ends.set(replica, { code, message, at: now, followedUntil });
  }

  of(replica: string): ReplicaEnd | null {
    return this.#ends.get(replica) ?? null;
  }

  forget(replica: string): void {
    this.#ends.delete(replica);
  }
}
