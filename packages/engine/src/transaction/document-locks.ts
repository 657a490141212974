// The locks of a transaction on documents that it reads: kept to its end, or only while a cursor stands on
// the document. What a cursor locked becomes the transaction's own when that reads or writes it for longer.
import type { LockManager, LockMode, LockName, LockOwner, LockPath } from '@pamina/lock';
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

  readonly #onExclusive: ((name: LockName) => void) | undefined;

  /** `onExclusive` is told what the transaction has come to hold exclusively, until its end. */
  constructor(
    locks: LockManager,
    owner: LockOwner,
    timeoutMs: number,
    onExclusive?: (name: LockName) => void,
  ) {
    this.#locks = locks;
    this.#owner = owner;
    this.#timeoutMs = timeoutMs;
    this.#onExclusive = onExclusive;
  }

  /** A range, or whatever else is above documents; until the end of the transaction. */
  async keepPath(path: LockPath, mode: LockMode, signal?: AbortSignal): Promise<void> {
    const name = path.at(-1)!;
    const before = this.#locks.modeOf(this.#owner, name);
    const wait = this.#locks.lock(this.#owner, path, mode, this.#options(signal));
    if (wait !== null) await wait;
    if (this.#onExclusive === undefined || before === 'exclusive') return;
    if (this.#locks.modeOf(this.#owner, name) === 'exclusive') this.#onExclusive(name);
  }

  /** Until the end of the transaction. Keys are those of the store, as latin1 text. */
  async keep(key: string, mode: LockMode, signal?: AbortSignal): Promise<void> {
    await this.keepPath(documentPath(key), mode, signal);
    this.#byCursors.delete(key);
  }

  /** For a cursor, which lets go of it again. */
  async enter(key: string, mode: LockMode, signal?: AbortSignal): Promise<void> {
    const wasHeld = this.#locks.modeOf(this.#owner, documentName(key)) !== undefined;
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
