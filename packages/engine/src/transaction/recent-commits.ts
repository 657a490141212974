// When keys were last written while snapshot transactions are open, so that the first of two who write one
// key wins. It remembers so many keys and no more: of what it has forgotten it says that it may have changed.
import { recentKeysMax } from '@pamina/format';

export class RecentCommits {
  readonly #keysMax: number;
  /** Key of the store as latin1 text → seq of the last commit of it, least recent first. */
  readonly #seqs = new Map<string, number>();
  readonly #open = new Map<object, number>();
  /** What was written up to here may have been forgotten. */
  #forgottenSeq = 0;

  constructor(keysMax = recentKeysMax) {
    this.#keysMax = keysMax;
  }

  /** A snapshot of the state after record `seq`; `holder` stands for it. */
  open(holder: object, seq: number): void {
    if (this.#open.size === 0) this.#forgottenSeq = 0;
    this.#open.set(holder, seq);
  }

  close(holder: object): void {
    if (!this.#open.delete(holder)) return;
    if (this.#open.size === 0) this.#seqs.clear();
  }

  /** Commits are noted in the order in which they became visible. */
  note(keys: Iterable<string>, seq: number): void {
    if (this.#open.size === 0) return;
    for (const key of keys) {
      this.#seqs.delete(key);
      this.#seqs.set(key, seq);
    }
    for (const [key, oldest] of this.#seqs) {
      if (this.#seqs.size <= this.#keysMax) return;
      this.#seqs.delete(key);
      this.#forgottenSeq = Math.max(this.#forgottenSeq, oldest);
    }
  }

  /** Whether it was, or may have been, written behind record `seq`. */
  isChangedSince(key: string, seq: number): boolean {
    const last = this.#seqs.get(key);
    return last === undefined ? seq < this.#forgottenSeq : last > seq;
  }
}
