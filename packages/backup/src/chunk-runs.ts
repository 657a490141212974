// Cuts a state into runs of entries of about chunkBytesTarget bytes: what becomes one chunk of a
// backup, and what the state hash is fed with.
import { PaminaError, chunkBytesTarget, viewOf } from '@pamina/format';
import { compareBytes, entryHeaderBytes } from './chunk-format.js';
import type { StateEntry, StateSnapshot } from './contract.js';
import type { Pacer } from './pacer.js';

export interface ChunkRun {
  /** Position in the order of the chunks, from 0. */
  readonly index: number;
  /** For each entry: u32 key length, u32 value length, key, value. */
  readonly raw: Uint8Array;
  readonly entries: number;
}

/** Few enough that those who commit meanwhile do not wait for the reading of one batch. */
const pacedPerRead = 100;

/**
 * The whole state, in key order. Each run is new memory. A store that gives its keys out of order is
 * damaged: STORE_DAMAGED, for a backup of it could never be restored to the same state.
 */
export async function* chunkRuns(
  snapshot: StateSnapshot,
  signal?: AbortSignal,
  pacer?: Pacer,
): AsyncGenerator<ChunkRun, void, undefined> {
  let index = 0;
  let run: StateEntry[] = [];
  let runBytes = 0;
  let keyBefore: Uint8Array | null = null;
  for await (const batch of snapshot.entries(pacer === undefined ? undefined : pacedPerRead)) {
    signal?.throwIfAborted();
    // Reading the batch was a slice of work of its own.
    await pacer?.rest();
    for (const entry of batch) {
      const [key, value] = entry;
      if (keyBefore !== null && compareBytes(keyBefore, key) >= 0) throw outOfOrder();
      keyBefore = key;
      run.push(entry);
      runBytes += entryHeaderBytes + key.length + value.length;
      if (runBytes < chunkBytesTarget) continue;
      yield { index, raw: encodeRun(run, runBytes), entries: run.length };
      index++;
      run = [];
      runBytes = 0;
    }
  }
  if (run.length > 0) yield { index, raw: encodeRun(run, runBytes), entries: run.length };
}

function encodeRun(run: readonly StateEntry[], runBytes: number): Uint8Array {
  const raw = new Uint8Array(runBytes);
  const view = viewOf(raw);
  let at = 0;
  for (const [key, value] of run) {
    view.setUint32(at, key.length, true);
    view.setUint32(at + 4, value.length, true);
    raw.set(key, at + entryHeaderBytes);
    raw.set(value, at + entryHeaderBytes + key.length);
    at += entryHeaderBytes + key.length + value.length;
  }
  return raw;
}

function outOfOrder(): PaminaError {
  return new PaminaError('STORE_DAMAGED', 'the store gives its keys out of order');
}
