// Checkpoints and retention, one run after the other: at each closed segment, after each backup, and
// at close. A run that fails costs disk and replay time, never data.
import { archiveHeldBytesMax, holdGraceMs } from '@pamina/format';
import type { Env } from '@pamina/env';
import type { ChainPoint } from '@pamina/log';
import { publishCheckpoint } from './checkpoint.js';
import type { ControlFile } from './control-file.js';
import type { DatabaseParts } from './database-parts.js';
import type { JobLog } from './job-log.js';
import type { ArchiveSetting } from './control.js';
import { ReplicaHolds, sizeText } from './replica-holds.js';
import { firstSeqAfter } from './retention.js';
import type { SlotTable } from './slots.js';
import { settingsIn } from './system-data.js';

const dayMs = 24 * 60 * 60 * 1000;

export interface MaintenanceOptions {
  readonly env: Env;
  readonly folder: string;
  readonly jobLog: JobLog;
  readonly parts: DatabaseParts;
  readonly slots: SlotTable;
  readonly control: ControlFile;
}

export class Maintenance {
  readonly #options: MaintenanceOptions;
  #checkpoint: ChainPoint;
  #queue: Promise<void> = Promise.resolve();
  readonly #openedMs: number;
  readonly #replicas: ReplicaHolds;

  constructor(options: MaintenanceOptions) {
    this.#options = options;
    this.#checkpoint = options.parts.applier.applied;
    this.#openedMs = options.env.clock.monotonic();
    this.#replicas = new ReplicaHolds(options);
  }

  /** Never rejects: errors end in the job log. */
  run(): Promise<void> {
    this.#queue = this.#queue.then(() => this.#run());
    return this.#queue;
  }

  /** For close: what runs ends, and a sound store gets its checkpoint. Never rejects. */
  async finish(isSound: boolean): Promise<void> {
    await this.#queue;
    if (isSound) await this.#attempt(() => this.#publish());
  }

  async #publish(): Promise<void> {
    const { env, folder, parts } = this.#options;
    const { applied } = parts.applier;
    if (applied.seq <= this.#checkpoint.seq) return;
    await publishCheckpoint(env.disk, folder, parts.store, applied);
    this.#checkpoint = applied;
  }

  async #run(): Promise<void> {
    const { parts, control } = this.#options;
    await this.#attempt(async () => {
      await this.#publish();
      const archives = control.current.archives ?? [];
      const keptFor = await this.#keptFor(archives);
      const first = await this.#replicas.firstSeqToKeep({
        checkpointSeq: this.#checkpoint.seq,
        keepFromSeq: control.current.keepFromSeq,
        archiveFromSeqs: keptFor,
      });
      const before = parts.log.firstSeq;
      const removed = await parts.log.deleteBefore(first);
      if (removed.length === 0) return;
      this.#noteDeleted(removed, first);
      for (const [index, archive] of archives.entries()) {
        this.#noteGivenUp(archive, before, (keptFor[index] ?? 0) > archive.fromSeq);
      }
    });
  }

  /** Without a backup log goes that could have been of use. */
  #noteDeleted(segments: readonly string[], firstSeq: number): void {
    const { control, jobLog, parts } = this.#options;
    const what = `segments of the log${control.current.keepFromSeq === null ? '' : ' that nobody needs'}`;
    const message = `Deleted ${segments.length} ${what}, up to record ${parts.log.firstSeq - 1}.`;
    const fields = { segments, firstSeq };
    if (control.current.keepFromSeq !== null) {
      jobLog.write('info', 'log-deleted', message, fields);
      return;
    }
    const cap = `logBytesWithoutBackup ${sizeText(settingsIn(parts.reader).logBytesWithoutBackup)}`;
    const why = `There is no backup from which they lead on, and there was more than is kept then (${cap}). \`pamina backup ${control.current.name}\` takes one: log behind it is kept.`;
    jobLog.write('warning', 'log-deleted', `${message} ${why}`, fields);
  }

  /**
   * What each archive has not got; of one that has taken nothing for too long, only what is younger. Who opens a
   * database gives its archives the time to take what was left when it was closed.
   */
  async #keptFor(archives: readonly ArchiveSetting[]): Promise<number[]> {
    const { env, parts } = this.#options;
    const isNew = env.clock.monotonic() - this.#openedMs < holdGraceMs;
    const kept: number[] = [];
    for (const { fromSeq, progressedAt = 0 } of archives) {
      const time = env.clock.now() - settingsIn(parts.reader).archiveHoldDays * dayMs;
      const isWaitedFor = isNew || progressedAt > time;
      const floor = isWaitedFor ? 0 : await firstSeqAfter(parts.log, env.disk, fromSeq, time);
      kept.push(Math.max(fromSeq, floor));
    }
    return kept;
  }

  /** Said once: by the run that deletes the first record which the archive has not got. */
  #noteGivenUp({ fromSeq, name }: ArchiveSetting, before: number, isTooOld: boolean): void {
    const { jobLog, parts } = this.#options;
    const { firstSeq } = parts.log;
    if (fromSeq >= firstSeq || fromSeq < before) return;
    const cap = isTooOld
      ? `for ${settingsIn(parts.reader).archiveHoldDays} days (archiveHoldDays)`
      : `before ${archiveHeldBytesMax / 2 ** 30} GiB were held for it`;
    const message = `The archive ${name} did not take the log from record ${fromSeq} on ${cap}: it is deleted up to record ${firstSeq - 1}, and will be missing there. Mend the archive and take a full backup with \`pamina backup\`: archiving goes on from it.`;
    const fields = { archive: name, fromSeq, toSeq: firstSeq - 1 };
    jobLog.write('error', 'archive-hold-given-up', message, fields);
  }

  async #attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      const message = `Checkpoint or retention failed: ${String(error)}`;
      this.#options.jobLog.write('error', 'maintenance-failed', message);
    }
  }
}
