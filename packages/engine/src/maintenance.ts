// Checkpoints and retention, one run after the other: at each closed segment, after each backup, and
// at close. A run that fails costs disk and replay time, never data.
import type { Env } from '@pamina/env';
import type { ChainPoint } from '@pamina/log';
import { publishCheckpoint } from './checkpoint.js';
import type { ControlFile } from './control-file.js';
import type { DatabaseParts } from './database-parts.js';
import type { JobLog } from './job-log.js';
import { firstSeqToKeep } from './retention.js';
import type { SlotTable } from './slots.js';

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

  constructor(options: MaintenanceOptions) {
    this.#options = options;
    this.#checkpoint = options.parts.applier.applied;
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
    const { parts, slots, control, jobLog } = this.#options;
    await this.#attempt(async () => {
      await this.#publish();
      const first = firstSeqToKeep(parts.log, {
        checkpointSeq: this.#checkpoint.seq,
        keepFromSeq: control.current.keepFromSeq,
        slots: slots.list(),
        archiveFromSeqs: (control.current.archives ?? []).map(({ fromSeq }) => fromSeq),
      });
      const removed = await parts.log.deleteBefore(first);
      if (removed.length === 0) return;
      const message = `Deleted ${removed.length} segments of the log that nobody needs, up to record ${parts.log.firstSeq - 1}.`;
      jobLog.write('info', 'log-deleted', message, { segments: removed, firstSeq: first });
    });
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
