// Walks two states side by side in key order: hashes both and names the first keys that differ.
import { createHash, type Hash } from 'node:crypto';
import { PaminaError, isPaminaError, userPrefix, viewOf } from '@pamina/format';
import { compareBytes, entryHeaderBytes } from './chunk-format.js';
import type { StateEntry, StateSnapshot } from './contract.js';

export interface StateDifference {
  readonly space: 'user' | 'system';
  /** UTF-8 text; what is not UTF-8 is shown as `0x…`. Without the byte that names the space. */
  readonly key: string;
  /** Of the first state, seen from the second one. */
  readonly what: 'missing' | 'extra' | 'other value';
}

export interface ComparedStates {
  readonly stateHash: string;
  readonly expected: string;
  readonly entries: number;
  readonly rawBytes: number;
  readonly differences: readonly StateDifference[];
  readonly differenceCount: number;
}

export interface CompareOptions {
  readonly differencesMax?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((rawBytes: number) => void) | undefined;
}

const differencesMaxDefault = 10;

/** `state` is what is doubted, `proof` what it should be. Neither is closed. */
export async function compareStates(
  state: StateSnapshot,
  proof: StateSnapshot,
  options: CompareOptions = {},
): Promise<ComparedStates> {
  const { differencesMax = differencesMaxDefault, onProgress, signal } = options;
  const differences: StateDifference[] = [];
  let differenceCount = 0;
  const differs = (key: Uint8Array, what: StateDifference['what']): void => {
    differenceCount++;
    if (differences.length < differencesMax) differences.push({ ...named(key), what });
  };
  const [one, other] = [new Walker(state), new Walker(proof)];
  try {
    let [a, b] = [await one.next(), await other.next()];
    for (let steps = 0; a !== null || b !== null; steps++) {
      if (steps % 1000 === 0) {
        signal?.throwIfAborted();
        onProgress?.(one.rawBytes);
      }
      const order = a === null ? 1 : b === null ? -1 : compareBytes(a[0], b[0]);
      if (order < 0) differs((a as StateEntry)[0], 'extra');
      if (order > 0) differs((b as StateEntry)[0], 'missing');
      if (order === 0 && compareBytes((a as StateEntry)[1], (b as StateEntry)[1]) !== 0) {
        differs((a as StateEntry)[0], 'other value');
      }
      if (order <= 0) a = one.buffered() ?? (await one.next());
      if (order >= 0) b = other.buffered() ?? (await other.next());
    }
  } finally {
    await Promise.all([one.close(), other.close()]);
  }
  const { entries, rawBytes } = one;
  return {
    stateHash: one.digest(),
    expected: other.digest(),
    entries,
    rawBytes,
    differences,
    differenceCount,
  };
}

/** One entry after the other, hashed as the state hash is. */
class Walker {
  entries = 0;
  rawBytes = 0;
  readonly #batches: AsyncIterator<readonly StateEntry[]>;
  readonly #hash: Hash = createHash('sha256');
  #batch: readonly StateEntry[] = [];
  #at = 0;

  constructor(snapshot: StateSnapshot) {
    this.#batches = snapshot.entries()[Symbol.asyncIterator]();
  }

  /** What needs no waiting; null at the end of a batch. */
  buffered(): StateEntry | null {
    const entry = this.#batch[this.#at++];
    return entry ?? null;
  }

  async next(): Promise<StateEntry | null> {
    for (;;) {
      const step = await this.#read();
      if (step.done === true) return null;
      this.#take(step.value);
      const entry = this.buffered();
      if (entry !== null) return entry;
    }
  }

  digest(): string {
    return this.#hash.digest('hex');
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }

  /** LevelDB names corruption where it meets it; mostly it does not. */
  async #read(): Promise<IteratorResult<readonly StateEntry[], unknown>> {
    try {
      return await this.#batches.next();
    } catch (cause) {
      if (isPaminaError(cause)) throw cause;
      const message = `LevelDB cannot read its store: ${String(cause)}`;
      throw new PaminaError('STORE_DAMAGED', message, { cause });
    }
  }

  #take(batch: readonly StateEntry[]): void {
    this.#batch = batch;
    this.#at = 0;
    this.entries += batch.length;
    for (const [key, value] of batch) {
      const header = new Uint8Array(entryHeaderBytes);
      const view = viewOf(header);
      view.setUint32(0, key.length, true);
      view.setUint32(4, value.length, true);
      this.#hash.update(header).update(key).update(value);
      this.rawBytes += entryHeaderBytes + key.length + value.length;
    }
  }
}

function named(key: Uint8Array): Pick<StateDifference, 'space' | 'key'> {
  const space = key[0] === userPrefix ? 'user' : 'system';
  const bytes = key.subarray(1);
  try {
    return { space, key: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { space, key: `0x${Buffer.from(bytes).toString('hex')}` };
  }
}
