// Recovers a database as planned: the backup laid out beside, log replayed over it, read back, and
// only then published. A crash at any point leaves nothing that looks like a database (P8).
import { PaminaError } from '@pamina/format';
import type { Env } from '@pamina/env';
import { StateStore, type Control } from '@pamina/engine';
import { pointOf } from '../load-store.js';
import { restore, type AdvancedState, type RestoreProgress } from '../restore.js';
import { hashState } from '../state-hash.js';
import type { RecoveryPlan } from './plan.js';
import { replay } from './replay.js';

export interface RecoverProgress {
  readonly step: RestoreProgress['step'] | 'replay' | 'read back';
  /** Bytes: of the state, or of log. */
  readonly done: number;
  readonly total: number | null;
  /** Of log, while it is replayed. */
  readonly records?: number | undefined;
}

export interface RecoverOptions {
  readonly env: Env;
  readonly plan: RecoveryPlan;
  readonly onProgress?: ((progress: RecoverProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RecoverTo extends RecoverOptions {
  /** The new database's folder; must not exist, or be empty. */
  readonly folder: string;
  readonly name: string;
}

export interface Recovered {
  readonly control: Control;
  readonly stateHash: string | null;
  /** The hash was recorded at this position, and is the same. */
  readonly isProven: boolean;
}

/** The new database is of type `unassigned`. What restore and replay throw. */
export async function recoverTo(options: RecoverTo): Promise<Recovered> {
  const { env, folder, name, plan, signal, onProgress } = options;
  let proved: Pick<Recovered, 'stateHash' | 'isProven'> = { stateHash: null, isProven: false };
  const control = await restore({
    env,
    source: plan.backup.source,
    folder,
    name,
    signal,
    onProgress,
    advance: async (storeFolder) => {
      const advanced = await advanceStore(storeFolder, options);
      proved = advanced;
      return advanced;
    },
  });
  return { control, stateHash: proved.stateHash, isProven: proved.isProven };
}

/** Replays over a store that holds the backup, and proves what a database that opens it will read (P3, P9). */
export async function advanceStore(
  storeFolder: string,
  { env, plan, signal, onProgress }: RecoverOptions,
): Promise<AdvancedState & { readonly stateHash: string | null; readonly isProven: boolean }> {
  const { manifest } = plan.backup;
  const start = pointOf(manifest);
  const state = {
    point: plan.point,
    position: plan.position,
    timelines: plan.timelines,
    pattern: plan.spans[0]?.segment.header.pattern ?? manifest.pattern,
  };
  const hashed = { signal, onProgress, total: manifest.rawBytes };
  const recorded = plan.recordedHashes.get(plan.point.seq) ?? null;
  if (plan.spans.length === 0) {
    const { session, stateHash } = manifest;
    if (stateHash !== null || recorded === null) {
      return { ...state, session, stateHash, isProven: stateHash !== null };
    }
    // The files are those that the manifest names; what an audit recorded of them later proves what they hold.
    requireHash(plan, recorded, await readBack(env, storeFolder, hashed));
    return { ...state, session, stateHash: recorded, isProven: true };
  }
  const store = await StateStore.open(env, storeFolder, { create: false });
  let written: string;
  let session: number;
  try {
    const end = await replay(store, start, plan.spans, {
      signal,
      onProgress: ({ bytes, records }) =>
        onProgress?.({ step: 'replay', done: bytes, total: plan.logBytes, records }),
    });
    if (end.seq !== plan.point.seq || end.chain !== plan.point.chain) {
      throw new PaminaError('LOG_DAMAGED', `the log changed while it was replayed`, {
        context: { expected: plan.point, found: end },
      });
    }
    await store.syncLogs();
    session = Math.max(manifest.session, store.lastSession);
    await store.initialize(plan.point, session);
    // Where nothing is recorded, what it gives back now is what it must give back later.
    written = recorded ?? (await hashStore(store, hashed));
  } finally {
    await store.close();
  }
  const stateHash = await readBack(env, storeFolder, hashed);
  requireHash(plan, written, stateHash);
  return { ...state, session, stateHash, isProven: recorded !== null };
}

function requireHash({ backup }: RecoveryPlan, expected: string, found: string): void {
  if (found === expected) return;
  const message = `the store recovered from ${backup.source.describe()} and the log does not hold what they say`;
  throw new PaminaError('STATE_HASH_MISMATCH', message, { context: { expected, found } });
}

type HashContext = Pick<RecoverOptions, 'signal' | 'onProgress'> & {
  readonly total: number | null;
};

/** As a database would open it: what opening wrote is on disk too before the store is published. */
async function readBack(env: Env, folder: string, context: HashContext): Promise<string> {
  const store = await StateStore.open(env, folder, { create: false });
  try {
    const hash = await hashStore(store, context);
    await store.syncLogs();
    return hash;
  } finally {
    await store.close();
  }
}

async function hashStore(
  store: StateStore,
  { signal, onProgress, total }: HashContext,
): Promise<string> {
  const snapshot = store.snapshot();
  try {
    const { stateHash } = await hashState(snapshot, {
      signal,
      onProgress: ({ rawBytes }) =>
        onProgress?.({ step: 'read back', done: rawBytes, total: Math.max(total ?? 0, rawBytes) }),
    });
    return stateHash;
  } finally {
    await snapshot.close();
  }
}
