// The state hash: what proves that two databases at one position hold equal content (P3). sha256 over
// all entries that travel, in key order, each as u32 key length, u32 value length, key, value.
import { createHash, type Hash } from 'node:crypto';
import { chunkRuns } from './chunk-runs.js';
import type { StateSnapshot } from './contract.js';
import { sliceBytes, type Pacer } from './pacer.js';

export interface HashedState {
  /** 64 lowercase hex digits. */
  readonly stateHash: string;
  readonly entries: number;
  /** Bytes that were hashed. */
  readonly rawBytes: number;
}

export interface HashOptions {
  readonly signal?: AbortSignal | undefined;
  /** Of one that goes on while others commit. */
  readonly pacer?: Pacer | undefined;
  readonly onProgress?: ((done: { entries: number; rawBytes: number }) => void) | undefined;
}

/** Reads the whole snapshot; does not close it. STORE_DAMAGED, `signal.reason`. */
export async function hashState(
  snapshot: StateSnapshot,
  options: HashOptions = {},
): Promise<HashedState> {
  const hash = createHash('sha256');
  let entries = 0;
  let rawBytes = 0;
  const { pacer, signal } = options;
  for await (const run of chunkRuns(snapshot, signal, pacer)) {
    if (pacer === undefined) hash.update(run.raw);
    else await updateInSlices(hash, run.raw, pacer);
    entries += run.entries;
    rawBytes += run.raw.length;
    options.onProgress?.({ entries, rawBytes });
  }
  return { stateHash: hash.digest('hex'), entries, rawBytes };
}

export async function updateInSlices(hash: Hash, bytes: Uint8Array, pacer: Pacer): Promise<void> {
  for (let at = 0; at < bytes.length; at += sliceBytes) {
    hash.update(bytes.subarray(at, at + sliceBytes));
    await pacer.rest();
  }
}
