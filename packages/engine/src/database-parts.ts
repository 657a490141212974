// Opens what a database is made of: store, log, and the replay that brings the one up to the other.
// Nothing is readable before the replay ends.
import { join } from 'node:path';
import {
  PaminaError,
  backlogBytesMax,
  currentTimeline,
  isPaminaError,
  type PaminaError as Failure,
} from '@pamina/format';
import type { Disk, Env } from '@pamina/env';
import { Log, listSegments, loadHeader, splitBatch, type ChainPoint } from '@pamina/log';
import { Applier } from './applier.js';
import { applyAtOnce, isAtOnce } from './apply-rule.js';
import { publishCheckpoint, readCheckpoint } from './checkpoint.js';
import type { ControlFile } from './control-file.js';
import { logFolder, storeFolder } from './create-database.js';
import type { JobLog } from './job-log.js';
import { Overlay } from './overlay.js';
import { StateReader } from './state-reader.js';
import { StateStore } from './state-store.js';
import { finishStoreSwap } from './store-swap.js';
import { StoreReopener } from './store-reopener.js';

export interface DatabaseParts {
  readonly store: StateStore;
  readonly log: Log;
  readonly applier: Applier;
  /** What is acknowledged and not yet in the store. */
  readonly overlay: Overlay;
  readonly reader: StateReader;
}

export interface PartsOptions {
  readonly env: Env;
  readonly folder: string;
  readonly control: ControlFile;
  readonly segmentBytes: number;
  readonly jobLog: JobLog;
  readonly onLocked: () => Promise<void>;
  readonly onFailed: (error: Failure) => void;
}

/** STORE_AHEAD, STORE_DIVERGED, STORE_DAMAGED, LOG_DAMAGED, LOG_GONE, DATABASE_IN_USE. */
export async function openParts(options: PartsOptions): Promise<DatabaseParts> {
  const { env, folder } = options;
  await refuseLaterLog(env.disk, join(folder, logFolder));
  await finishStoreSwap(env.disk, folder);
  const store = await StateStore.open(env, join(folder, storeFolder), { create: false });
  let log: Log | null = null;
  try {
    await options.onLocked();
    const control = options.control.current;
    const applied = await store.applied();
    if (applied === null) {
      throw new PaminaError('STORE_DAMAGED', `the store of ${folder} does not say what it holds`);
    }
    const checkpoint = await readCheckpoint(env.disk, folder, control.base);
    log = await Log.open({
      disk: env.disk,
      clock: env.clock,
      folder: join(folder, logFolder),
      segmentBytes: options.segmentBytes,
      backlogBytesMax,
      base: control.base,
      from: checkpoint,
      ownTimelineId: control.type === 'normal' ? currentTimeline(control.timelines).id : null,
      watch: [applied.seq],
      onEvent: ({ event, message, fields }) =>
        options.jobLog.write('warning', event, message, fields),
    });
    checkAgainstLog(folder, applied, checkpoint, log);
    // A replica that waits with what it received shows what it showed before.
    const end = isAtOnce(control.apply ?? applyAtOnce) ? log.durable : applied;
    await replay(options, store, log, { applied, checkpoint, end });
    const { jobLog, onFailed } = options;
    const reopener = new StoreReopener(store, { disk: env.disk, clock: env.clock, jobLog });
    const { clock } = env;
    const isReplica = control.type === 'replica';
    const applier = new Applier({ clock, store, reopener, applied: end, isReplica, onFailed });
    const overlay = new Overlay();
    const reader = new StateReader({ store, applier, overlay });
    return { store, log, applier, overlay, reader };
  } catch (error) {
    await closeParts({ store, log });
    throw error;
  }
}

/** LevelDB rewrites its files when it is opened: a log of a later version is refused before that (P15). */
async function refuseLaterLog(disk: Disk, folder: string): Promise<void> {
  const last = (await listSegments(disk, folder)).at(-1);
  if (last === undefined) return;
  try {
    await loadHeader(disk, last);
  } catch (error) {
    // Anything else is judged by the log itself, once nobody else can change it.
    if (isPaminaError(error, 'FORMAT_UNKNOWN')) throw error;
  }
}

export async function closeParts(parts: { store: StateStore; log: Log | null }): Promise<void> {
  try {
    await parts.log?.close();
  } finally {
    await parts.store.close();
  }
}

function checkAgainstLog(
  folder: string,
  applied: ChainPoint,
  checkpoint: ChainPoint,
  log: Log,
): void {
  const { durable } = log;
  if (applied.seq > durable.seq) {
    const message = `the store of ${folder} holds record ${applied.seq}, its log ends with ${durable.seq}`;
    throw new PaminaError('STORE_AHEAD', message, {
      context: { applied: applied.seq, durable: durable.seq },
    });
  }
  const chain = applied.seq === durable.seq ? durable.chain : log.chains.get(applied.seq);
  if (chain !== undefined && chain !== applied.chain) {
    const message = `the store of ${folder} and its log differ at record ${applied.seq}`;
    throw new PaminaError('STORE_DIVERGED', message, { context: { seq: applied.seq } });
  }
  if (applied.seq < checkpoint.seq) {
    const message = `the store of ${folder} holds record ${applied.seq}, but ${checkpoint.seq} was on disk`;
    throw new PaminaError('STORE_DAMAGED', message, {
      context: { applied: applied.seq, checkpoint: checkpoint.seq },
    });
  }
}

interface ReplayPoints {
  readonly applied: ChainPoint;
  readonly checkpoint: ChainPoint;
  /** The last record that is replayed. */
  readonly end: ChainPoint;
}

/** From the checkpoint, not from the applied position: LevelDB may have lost what lies between (FACTS, hazard 3a). */
async function replay(
  options: PartsOptions,
  store: StateStore,
  log: Log,
  { applied, checkpoint, end }: ReplayPoints,
): Promise<void> {
  const { env, folder, jobLog } = options;
  if (checkpoint.seq >= end.seq) return;
  const started = env.clock.monotonic();
  let writing: Promise<void> = Promise.resolve();
  for await (const whole of log.batches(checkpoint.seq + 1)) {
    if (whole.firstSeq > end.seq) break;
    const batch = whole.point.seq > end.seq ? splitBatch(whole, end.seq)[0] : whole;
    // Read, verified and encoded while LevelDB writes the batch before it.
    const prepared = store.prepare(batch);
    await writing;
    writing = prepared.write();
    writing.catch(() => {
      // The next step or the end waits for it and throws.
    });
  }
  await writing;
  await publishCheckpoint(env.disk, folder, store, end);
  const records = end.seq - checkpoint.seq;
  const missing = end.seq - applied.seq;
  const ms = Math.round(env.clock.monotonic() - started);
  jobLog.write(
    'info',
    'replayed',
    `Replayed ${records} records from the checkpoint at ${checkpoint.seq}; ${missing} of them were not in the store.`,
    { records, missing, ms },
  );
}
