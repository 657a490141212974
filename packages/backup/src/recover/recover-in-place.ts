// Recovers a database in its place, through the end of its own log: a new store is built from backup
// and log beside the old one, proved, and swapped in. The log stays, and with it timeline and replicas.
import { join } from 'node:path';
import { formatPosition, isPaminaError } from '@pamina/format';
import { JobLog, partialStoreFolder, rebuiltStoreFolder, swapStore } from '@pamina/engine';
import { requireFree } from '../free-space.js';
import { loadStore } from '../load-store.js';
import { openBackup } from '../open-backup.js';
import { advanceStore, type RecoverOptions } from './recover.js';

export interface InPlaceOptions extends RecoverOptions {
  /** Of the database, which nobody has open. */
  readonly folder: string;
  /** Called when the new store is ready: throws if somebody has opened the database meanwhile. */
  readonly confirm: () => Promise<void>;
}

export interface InPlaceRecovered {
  readonly stateHash: string | null;
  readonly isProven: boolean;
  /** Where the store before is kept; null if there was none. */
  readonly kept: string | null;
}

/** A crash at any point leaves the old store or the new one. What replay and openBackup throw. */
export async function recoverInPlace(options: InPlaceOptions): Promise<InPlaceRecovered> {
  const { env, folder, plan, signal, onProgress, confirm } = options;
  const { disk } = env;
  // Nobody has the database open, and its store is in place: a crash left what stands beside it.
  const beside = join(folder, partialStoreFolder);
  for (const left of [beside, join(folder, rebuiltStoreFolder)]) await disk.removeTree(left);
  await requireFree(env, folder, plan.backup.bytes, `the recovery of ${folder}`);
  const release = plan.backup.source.hold?.();
  try {
    await loadStore(await openBackup(plan.backup.source), {
      env,
      folder: beside,
      signal,
      onProgress: ({ done, total }) => onProgress?.({ step: 'load', done, total }),
    });
    const { stateHash, isProven } = await advanceStore(beside, options);
    signal?.throwIfAborted();
    await confirm();
    const kept = await swapStore(env, folder, beside);
    await noteRecovered(options, kept);
    return { stateHash, isProven, kept };
  } catch (error) {
    await discard(options, beside);
    throw error;
  } finally {
    release?.();
  }
}

async function noteRecovered(
  { env, folder, plan }: InPlaceOptions,
  kept: string | null,
): Promise<void> {
  const position = formatPosition(plan.position);
  const jobLog = new JobLog(env.disk, env.clock, folder);
  const before =
    kept === null
      ? ''
      : ` The store before is kept in ${kept}; remove it when nothing in it is needed.`;
  jobLog.write(
    'warning',
    'recovered',
    `The database was recovered from backup ${plan.backup.id} and its log up to ${position}.${before}`,
    { backup: plan.backup.id, position, kept },
  );
  await jobLog.settle();
}

async function discard({ env }: InPlaceOptions, beside: string): Promise<void> {
  try {
    await env.disk.removeTree(beside);
  } catch (error) {
    // Why the recovery failed is the better error; the next one removes the rest.
    if (!isPaminaError(error)) throw error;
  }
}
