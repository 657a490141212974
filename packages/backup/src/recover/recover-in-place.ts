// Recovers a database in its place, through the end of its own log: a new store is built from backup
// and log beside the old one, proved, and swapped in. The log stays, and with it timeline and replicas.
import { join } from 'node:path';
import { bytesToHex, formatPosition, isPaminaError } from '@pamina/format';
import { JobLog, readyStoreFolder, swapStore } from '@pamina/engine';
import { requireFree } from '../free-space.js';
import { loadStore } from '../load-store.js';
import { openBackup } from '../open-backup.js';
import { advanceStore, type RecoverOptions } from './recover.js';

const besidePrefix = 'store.recovering-';

export interface InPlaceOptions extends RecoverOptions {
  /** Of the database, which nobody has open. */
  readonly folder: string;
  /** Called when the new store is ready: throws if somebody has opened the database meanwhile. */
  readonly confirm: () => Promise<void>;
}

export interface InPlaceRecovered {
  readonly stateHash: string;
  readonly isProven: boolean;
  /** Where the store before is kept. */
  readonly kept: string;
}

/** A crash at any point leaves the old store or the new one. What replay and openBackup throw. */
export async function recoverInPlace(options: InPlaceOptions): Promise<InPlaceRecovered> {
  const { env, folder, plan, signal, onProgress, confirm } = options;
  const { disk, clock } = env;
  for (const { name } of await disk.list(folder)) {
    if (name.startsWith(besidePrefix)) await disk.removeTree(join(folder, name));
  }
  await disk.removeTree(readyStoreFolder(folder));
  await requireFree(env, folder, plan.backup.bytes, `the recovery of ${folder}`);
  const beside = join(folder, besidePrefix + bytesToHex(env.random.bytes(6)));
  const time = new Date(clock.now()).toISOString().replace(/[:.]/g, '-');
  const kept = join(folder, `store.replaced-${time}`);
  const release = plan.backup.source.hold?.();
  try {
    const loaded = await loadStore(await openBackup(plan.backup.source), {
      env,
      folder: beside,
      signal,
      onProgress: ({ done, total }) => onProgress?.({ step: 'load', done, total }),
    });
    const { stateHash, isProven } = await advanceStore(beside, options);
    await disk.rename(beside, readyStoreFolder(folder));
    signal?.throwIfAborted();
    await confirm();
    await swapStore(disk, folder, kept);
    await noteRecovered(options, kept);
    return { stateHash: stateHash === '' ? loaded : stateHash, isProven, kept };
  } catch (error) {
    await discard(options, beside);
    throw error;
  } finally {
    release?.();
  }
}

async function noteRecovered({ env, folder, plan }: InPlaceOptions, kept: string): Promise<void> {
  const position = formatPosition(plan.position);
  const jobLog = new JobLog(env.disk, env.clock, folder);
  jobLog.write(
    'warning',
    'recovered',
    `The database was recovered from backup ${plan.backup.id} and its log up to ${position}. The store before is kept in ${kept}; remove it when nothing in it is needed.`,
    { backup: plan.backup.id, position, kept },
  );
  await jobLog.settle();
}

async function discard({ env, folder }: InPlaceOptions, beside: string): Promise<void> {
  try {
    await env.disk.removeTree(beside);
    const store = await env.disk.stat(join(folder, 'store'));
    if (store !== null) await env.disk.removeTree(readyStoreFolder(folder));
  } catch (error) {
    // Why the recovery failed is the better error; the next one removes the rest.
    if (!isPaminaError(error)) throw error;
  }
}
