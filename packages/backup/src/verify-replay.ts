// The deepest proof: a backup restored to a scratch place and the log replayed over it, with the state
// hash compared wherever somebody recorded one, and at the end with a state that is doubted.
import { join } from 'node:path';
import { PaminaError, type BackupManifest, type Timeline } from '@pamina/format';
import type { Env } from '@pamina/env';
import { StateStore, type StoreSnapshot } from '@pamina/engine';
import type { ChainPoint } from '@pamina/log';
import { loadStore, pointOf } from './load-store.js';
import type { LogSource } from './log-source.js';
import { openBackup, type OpenedBackup } from './open-backup.js';
import type { BackupSource } from './source.js';
import { hashState, type HashedState } from './state-hash.js';
import { cutBatch, walkLog } from './walk-log.js';

export interface ReplayProgress {
  readonly step: 'load' | 'replay' | 'hash';
  /** `replay`: records, else bytes of the state. */
  readonly done: number;
  readonly total: number | null;
}

/** A state hash that somebody recorded: a later backup, or an audit in the log. */
export interface RecordedHash {
  readonly seq: number;
  readonly stateHash: string;
  /** Id of the backup. */
  readonly backup: string;
}

export interface ReplayOptions {
  readonly env: Env;
  /** A new folder for the store; the caller removes it after an error. */
  readonly folder: string;
  readonly backup: BackupSource;
  /** null: the backup alone, at its own position. */
  readonly log: LogSource | null;
  readonly pattern: string | null;
  readonly timelines: readonly Timeline[];
  readonly toSeq: number;
  readonly recorded: readonly RecordedHash[];
  /** Whether the state of the backup is hashed, though nobody recorded anything of it. */
  readonly hashesStart?: boolean | undefined;
  readonly onProgress?: ((progress: ReplayProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RecordedComparison extends RecordedHash {
  readonly found: string;
  readonly equal: boolean;
}

export interface Replayed {
  readonly manifest: BackupManifest;
  readonly end: ChainPoint;
  readonly session: number;
  readonly compared: readonly RecordedComparison[];
  /** Of the backup; null where that was not asked for. */
  readonly start: HashedState | null;
}

/**
 * Leaves a store at exactly record `toSeq` in the folder, and hands it to `use` while it is open.
 * What openBackup and loadStore throw; POSITION_UNREACHABLE, DIVERGED, LOG_DAMAGED.
 */
export async function replayInto<T>(
  options: ReplayOptions,
  use: (store: StateStore, replayed: Replayed) => Promise<T>,
): Promise<T> {
  const { env, folder, signal, onProgress } = options;
  const release = options.backup.hold?.();
  try {
    const backup = await openBackup(options.backup);
    await env.disk.makeFolder(folder);
    const storeFolder = join(folder, 'store');
    await loadStore(backup, {
      env,
      folder: storeFolder,
      signal,
      onProgress: ({ done, total }) => onProgress?.({ step: 'load', done, total }),
    });
    // Opened anew: what LevelDB gives back is what counts, not what it was given.
    const store = await StateStore.open(env, storeFolder, { create: false });
    try {
      return await use(store, await replay(options, backup, store));
    } finally {
      await store.close();
    }
  } finally {
    release?.();
  }
}

async function replay(
  options: ReplayOptions,
  backup: OpenedBackup,
  store: StateStore,
): Promise<Replayed> {
  const { onProgress, signal, toSeq } = options;
  const { manifest } = backup;
  const start = pointOf(manifest);
  const recorded = await recordedOn(options, manifest);
  const compared: RecordedComparison[] = [];
  const compareAt = async (seq: number): Promise<void> => {
    const here = recorded.filter((one) => one.seq === seq);
    if (here.length === 0) return;
    const { stateHash: found } = await hashOf(store, options);
    for (const one of here) compared.push({ ...one, found, equal: one.stateHash === found });
  };
  await compareAt(start.seq);
  const startHash = options.hashesStart === true ? await hashOf(store, options) : null;
  let end = start;
  for await (const batch of batchesAfter(options, start, recorded)) {
    signal?.throwIfAborted();
    await store.apply(batch);
    end = batch.point;
    onProgress?.({ step: 'replay', done: end.seq - start.seq, total: toSeq - start.seq });
    await compareAt(end.seq);
  }
  if (end.seq !== toSeq) throw unreachable(options, toSeq, end.seq);
  const session = Math.max(manifest.session, store.lastSession);
  return { manifest, end, session, compared, start: startHash };
}

/** Each once: the manifest, the note beside it and the log may say the same. */
async function recordedOn(
  { backup, recorded, toSeq }: ReplayOptions,
  manifest: BackupManifest,
): Promise<RecordedHash[]> {
  const { id, stateHash } = manifest;
  const { seq } = manifest.position;
  const all = recorded.filter((one) => one.seq >= seq && one.seq <= toSeq);
  const audited = (await backup.audited?.(manifest)) ?? null;
  if (audited !== null) all.push(audited);
  if (stateHash !== null) all.push({ seq, stateHash, backup: id });
  return [
    ...new Map(all.map((one) => [`${one.seq} ${one.stateHash} ${one.backup}`, one])).values(),
  ];
}

async function* batchesAfter(
  options: ReplayOptions,
  start: ChainPoint,
  recorded: readonly RecordedHash[],
) {
  const { log, pattern, signal, timelines, toSeq } = options;
  const fromSeq = start.seq + 1;
  if (log === null || toSeq < fromSeq) return;
  const stops = [...new Set([start.seq, ...recorded.map(({ seq }) => seq)])].sort((a, b) => a - b);
  let isContinued = false;
  const onSegment = ({ seq, chain }: ChainPoint): void => {
    if (seq > start.seq && !isContinued) throw unreachable(options, fromSeq, start.seq);
    if (seq === start.seq) {
      checkContinues(options, start, chain);
      isContinued = true;
    }
  };
  for await (const batch of walkLog({
    source: log,
    pattern,
    timelines,
    fromSeq,
    toSeq,
    signal,
    onSegment,
  })) {
    // The record before the first one wanted proves that the log continues the backup (P5).
    for (const cut of cutBatch(batch, { fromSeq: 0, toSeq, stops })) {
      if (cut.point.seq === start.seq) {
        checkContinues(options, start, cut.point.chain);
        isContinued = true;
      }
      if (cut.firstSeq >= fromSeq) yield cut;
    }
  }
}

function checkContinues({ log, backup }: ReplayOptions, start: ChainPoint, chain: number): void {
  if (chain === start.chain) return;
  const message = `${log?.describe()} is not the continuation of ${backup.describe()} at record ${start.seq}`;
  throw new PaminaError('DIVERGED', message, { context: { seq: start.seq } });
}

function unreachable({ log }: ReplayOptions, wanted: number, last: number): PaminaError {
  const where = log?.describe() ?? 'no log';
  const message = `record ${wanted} cannot be reached: ${where} leads no further than record ${last}`;
  return new PaminaError('POSITION_UNREACHABLE', message, { context: { wanted, last } });
}

/** The state hash of a store that nobody writes to. */
export async function hashOf(
  store: StateStore,
  { onProgress, signal }: Pick<ReplayOptions, 'onProgress' | 'signal'>,
): Promise<HashedState> {
  const snapshot: StoreSnapshot = store.snapshot();
  try {
    const onHashed = ({ rawBytes }: { rawBytes: number }): void =>
      onProgress?.({ step: 'hash', done: rawBytes, total: null });
    return await hashState(snapshot, { signal, onProgress: onHashed });
  } finally {
    await snapshot.close();
  }
}
