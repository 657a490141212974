// The locks of a transaction on documents that it reads: kept to its end, or only while a cursor stands on
// the document. What a cursor locked becomes the transaction's own when that reads or writes it for longer.
import type { LockManager, LockMode, LockOwner } from '@pamina/lock';
import { documentName, documentPath } from './lock-path.js';

interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export class DocumentLocks {
  readonly #locks: LockManager;
  readonly #owner: LockOwner;
  readonly #timeoutMs: number;
  /** Locked by cursors alone, and by how many. */
  readonly #byCursors = new Map<string, number>();

  constructor(locks: LockManager, owner: LockOwner, timeoutMs: number) {
    this.#locks = locks;
    this.#owner = owner;
    this.#timeoutMs = timeoutMs;
  }

  /** Until the end of the transaction. Keys are those of the store, as latin1 text. */
  async keep(key: string, mode: LockMode, signal?: AbortSignal): Promise<void> {
    const wait = this.#locks.lock(this.#owner, documentPath(key), mode, this.#options(signal));
    if (wait !== null) await wait;
    this.#byCursors.delete(key);
  }

  /** For a cursor, which lets go of it again. */
  async enter(key: string, mode: LockMode, signal?: AbortSignal): Promise<void> {
    const wasHeld = this.#locks.holds(this.#owner, documentName(key));
    const cursors = this.#byCursors.get(key) ?? 0;
    const wait = this.#locks.lock(this.#owner, documentPath(key), mode, this.#options(signal));
    if (wait !== null) await wait;
    if (!wasHeld || cursors > 0) this.#byCursors.set(key, cursors + 1);
  }

  leave(key: string): void {
    const cursors = this.#byCursors.get(key);
    if (cursors === undefined) return;
    if (cursors > 1) {
      this.#byCursors.set(key, cursors - 1);
      return;
    }
    this.#byCursors.delete(key);
    this.#locks.release(this.#owner, documentName(key));
  }

  #options(signal: AbortSignal | undefined): WaitOptions {
    return { timeoutMs: this.#timeoutMs, signal };
  }
}
