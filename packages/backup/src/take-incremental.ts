// Takes an incremental backup: the closed segments of the log since the last backup, copied as they
// are, each proved by its checksums and by the chain, and only then given its name (P8).
import { join } from 'node:path';
import {
  PaminaError,
  currentTimeline,
  forkPoint,
  isPaminaError,
  type BackupManifest,
  type BackupSegment,
} from '@pamina/format';
import { timelinesUntil, version } from '@pamina/engine';
import { loadHeader, type Segment } from '@pamina/log';
import { listBackups, type ListedBackup } from './backup-list.js';
import { discardPartial, refuseTakenTag, runAlone } from './backup-turn.js';
import { writeManifest } from './backup-writer.js';
import type { BackupDatabase } from './contract.js';
import { requireFree } from './free-space.js';
import { backupIdAt, partialFolder } from './layout.js';
import { pacerOf } from './pacer.js';
import { unlessUnread, unreadIn } from './read-failure.js';
import { copySegment, type CopiedSegment } from './segment-copy.js';
import type { TakeBackupOptions } from './take-backup.js';

export type TakeIncrementalOptions = Omit<TakeBackupOptions, 'compression'>;

/** A requested switch closes the segment at once; only a disk that is full or failed keeps it open. */
const closeWithinMs = 30_000;

interface Base extends ListedBackup {
  readonly manifest: BackupManifest;
}

/**
 * Continues the newest good backup of this database, full or incremental. On a normal database a mark
 * record is its end; elsewhere it ends with the last segment that is closed. INCREMENTAL_IMPOSSIBLE
 * where there is nothing to continue or nothing new; else as `takeBackup`.
 */
export async function takeIncremental(
  database: BackupDatabase,
  options: TakeIncrementalOptions = {},
): Promise<BackupManifest> {
  return runAlone(database, options, (folder, signal) =>
    takeLocked(database, folder, { ...options, signal }),
  );
}

async function takeLocked(
  database: BackupDatabase,
  folder: string,
  options: TakeIncrementalOptions,
): Promise<BackupManifest> {
  const { clock } = database.env;
  const startedAt = clock.now();
  const backups = await listBackups(database.env, folder);
  refuseTakenTag(backups, options.tag);
  const base = baseOf(backups, database);
  const taken = new Set(backups.map((backup) => backup.id));
  const unpin = database.log.pin(base.manifest.position.seq + 1);
  try {
    const markedSeq = await switchLog(database, taken, options);
    const segments = segmentsAfter(database, base, markedSeq);
    const last = segments.at(-1) as Segment;
    const { session, timeline } = await loadHeader(database.env.disk, last);
    const id = backupIdAt({ timeline, seq: last.lastSeq as number }, taken);
    const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
    await requireFree(database.env, folder, bytes, `a backup of ${database.control.name}`);
    const work = { ...options, folder, id, base, segments, bytes, startedAt, session };
    return await write(database, work);
  } finally {
    unpin();
  }
}

function baseOf(backups: readonly ListedBackup[], database: BackupDatabase): Base {
  const good = backups.filter(
    (backup): backup is Base =>
      backup.problem === null &&
      backup.manifest !== null &&
      backup.manifest.kind !== 'initial' &&
      backup.manifest.pattern === database.identity.pattern &&
      forkPoint(database.timelines, backup.manifest.timelines).seqMax >=
        backup.manifest.position.seq,
  );
  // One that is doubted only where the log behind every other is gone.
  const { firstSeq } = database.log;
  const certain = good.find(
    ({ manifest, unproved }) =>
      unproved?.isDoubted !== true && manifest.position.seq + 1 >= firstSeq,
  );
  const base = certain ?? good[0];
  if (base !== undefined) return base;
  const none = 'there is no good backup of this history that it could continue';
  throw unlessUnread(impossible(database, none), unreadIn(backups));
}

/** Commits the mark that ends the backup, where that is possible, and waits until its segment is closed. Its seq. */
async function switchLog(
  database: BackupDatabase,
  taken: ReadonlySet<string>,
  { signal, tag }: TakeIncrementalOptions,
): Promise<number | null> {
  const { timeline } = currentTimeline(database.timelines);
  const idAt = (seq: number): string => backupIdAt({ timeline, seq }, taken);
  const ended = new AbortController();
  // From before the mark on: what closes its segment may fail at any moment after it.
  const stop = database.onFailed((error) => ended.abort(error));
  try {
    const marked = await database.mark((seq) => ({
      backup: idAt(seq),
      tag: tag ?? null,
      audit: false,
    }));
    await marked.snapshot.close();
    await whenClosed(database, marked.point.seq, ended, signal);
    return marked.point.seq;
  } catch (error) {
    const writesNoLog =
      isPaminaError(error, 'READ_ONLY') || isPaminaError(error, 'REPLICA_READ_ONLY');
    if (!writesNoLog) throw error;
    return null;
  } finally {
    stop();
  }
}

async function whenClosed(
  { env, log }: BackupDatabase,
  seq: number,
  ended: AbortController,
  signal: AbortSignal | undefined,
): Promise<void> {
  const cancel = env.clock.after(closeWithinMs, () => {
    ended.abort(new PaminaError('TIMEOUT', `the log was not switched behind record ${seq}`));
  });
  const either = signal === undefined ? ended.signal : AbortSignal.any([ended.signal, signal]);
  const isClosed = (): boolean =>
    log.segments().some((segment) => segment.closed && segment.lastSeq === seq);
  try {
    while (!isClosed()) await log.waitForMore(seq, either);
  } finally {
    cancel();
  }
}

/**
 * The closed segments that hold what was committed after the base, the first of them perhaps more, up to the
 * mark: others may have been closed behind it by now.
 */
function segmentsAfter(database: BackupDatabase, base: Base, markedSeq: number | null): Segment[] {
  const afterSeq = base.manifest.position.seq;
  const segments: Segment[] = [];
  for (const segment of database.log.segments()) {
    if (!segment.closed || segment.lastSeq === null) break;
    if (markedSeq !== null && segment.firstSeq > markedSeq) break;
    const isEmpty = segment.lastSeq < segment.firstSeq;
    if (!isEmpty && segment.lastSeq > afterSeq) segments.push(segment);
  }
  const [first] = segments;
  if (first === undefined) {
    throw impossible(database, `no segment of the log was closed since backup ${base.id}`);
  }
  if (first.firstSeq > afterSeq + 1) {
    throw impossible(database, `the log behind backup ${base.id} is no longer here`);
  }
  return segments;
}

interface Work extends TakeIncrementalOptions {
  readonly folder: string;
  readonly id: string;
  readonly base: Base;
  readonly segments: readonly Segment[];
  readonly bytes: number;
  readonly startedAt: number;
  readonly session: number;
}

async function write(database: BackupDatabase, work: Work): Promise<BackupManifest> {
  const { clock, disk } = database.env;
  const partial = partialFolder(work.folder, work.id);
  const startedMs = clock.monotonic();
  const fields = { backup: work.id, after: work.base.id, tag: work.tag ?? null };
  const began = `Incremental backup ${work.id} after ${work.base.id} started.`;
  database.jobLog.write('info', 'backup-started', began, fields);
  try {
    await disk.makeFolder(partial);
    const manifest = manifestOf(database, work, await copyAll(database, work, partial, startedMs));
    await writeManifest(disk, partial, manifest);
    work.signal?.throwIfAborted();
    await disk.rename(partial, join(work.folder, work.id));
    const ms = Math.round(clock.monotonic() - startedMs);
    const done = `Incremental backup ${work.id} holds ${work.segments.length} segments in ${work.bytes} bytes and took ${ms} ms.`;
    database.jobLog.write('info', 'backup-finished', done, { ...fields, bytes: work.bytes, ms });
    return manifest;
  } catch (error) {
    await discardPartial(database, partial, error);
    throw error;
  }
}

async function copyAll(
  database: BackupDatabase,
  work: Work,
  partial: string,
  startedMs: number,
): Promise<CopiedSegment[]> {
  const { clock, disk } = database.env;
  const copied: CopiedSegment[] = [];
  const pacer = pacerOf(clock, () => database.log.durable.seq);
  let done = 0;
  const onBytes = (bytes: number): void => {
    done += bytes;
    const seconds = Math.max(1, clock.monotonic() - startedMs) / 1000;
    const bytesPerSecond = Math.round(done / seconds);
    const sofar = { entries: 0, rawBytes: done, bytes: done, bytesPerSecond };
    work.onProgress?.({ done, total: work.bytes, ...sofar });
  };
  let before: { seq: number; chain: number } = {
    seq: work.base.manifest.position.seq,
    chain: work.base.manifest.chain,
  };
  for (const segment of work.segments) {
    const copy = await copySegment(disk, segment, {
      folder: partial,
      pattern: database.identity.pattern,
      before,
      signal: work.signal,
      pacer,
      onBytes,
    });
    copied.push(copy);
    before = { seq: copy.entry.lastSeq, chain: copy.entry.chain };
  }
  return copied;
}

function manifestOf(
  database: BackupDatabase,
  work: Work,
  copied: readonly CopiedSegment[],
): BackupManifest {
  const last = copied.at(-1) as CopiedSegment;
  const segments: BackupSegment[] = copied.map(({ entry }) => entry);
  const timelines = timelinesUntil(database.timelines, last.entry.lastSeq);
  return {
    id: work.id,
    form: 'logical',
    kind: 'incremental',
    tag: work.tag ?? null,
    database: database.control.name,
    pattern: database.identity.pattern,
    timelines,
    session: work.session,
    position: { timeline: currentTimeline(timelines).timeline, seq: last.entry.lastSeq },
    chain: last.entry.chain,
    createdAt: Math.max(work.base.manifest.createdAt, last.time),
    startedAt: work.startedAt,
    codec: 'none',
    chunks: [],
    entries: 0,
    rawBytes: 0,
    stateHash: null,
    version,
    after: work.base.id,
    segments,
  };
}

function impossible(database: BackupDatabase, why: string): PaminaError {
  const message = `no incremental backup of ${database.control.name} is possible: ${why}`;
  return new PaminaError('INCREMENTAL_IMPOSSIBLE', message, {
    context: { path: database.folder },
  });
}
