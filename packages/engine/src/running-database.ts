// What a database has open from start to stop: store and log, slots, maintenance, and the session or
// the receiving side. A reset to normal stops one and starts another on the same folder.
import type { PaminaError } from '@pamina/format';
import type { Env } from '@pamina/env';
import type { OpeningRecord } from '@pamina/log';
import type { ControlFile } from './control-file.js';
import { closeParts, openParts, type DatabaseParts } from './database-parts.js';
import type { JobLog } from './job-log.js';
import { Maintenance } from './maintenance.js';
import { ReplicaLog } from './replica-log.js';
import { SessionWriter } from './session-writer.js';
import { SlotTable } from './slots.js';
import { startTimeline } from './start-timeline.js';
import type { SynchronousCommits } from './synchronous-commits.js';

export interface RunningOptions {
  readonly env: Env;
  readonly folder: string;
  readonly control: ControlFile;
  readonly jobLog: JobLog;
  readonly access: 'read' | 'write';
  readonly segmentBytes: number;
  readonly synchronous: SynchronousCommits;
  /** LevelDB has granted its lock: from here on nobody else changes the folder. */
  readonly onLocked: () => Promise<void>;
  readonly onFailed: (error: PaminaError) => void;
  /** What a segment with lock data begins with. */
  readonly lockDataOpening: () => readonly OpeningRecord[];
}

type Opened = Pick<RunningDatabase, 'parts' | 'slots' | 'maintenance'>;

export class RunningDatabase {
  readonly parts: DatabaseParts;
  readonly slots: SlotTable;
  readonly maintenance: Maintenance;
  /** Of a normal database that is open for writing; one with a fence writes no record any more. */
  readonly session: SessionWriter | null;
  /** Of a replica that is open for writing. */
  readonly replica: ReplicaLog | null;

  private constructor(opened: Opened, session: SessionWriter | null, replica: ReplicaLog | null) {
    this.parts = opened.parts;
    this.slots = opened.slots;
    this.maintenance = opened.maintenance;
    this.session = session;
    this.replica = replica;
  }

  /** Everything is closed again when it throws. */
  static async start(options: RunningOptions): Promise<RunningDatabase> {
    const { env, folder, control, jobLog } = options;
    const parts = await openParts(options);
    try {
      const slots = await SlotTable.open(env.disk, env.clock, folder);
      const maintenance = new Maintenance({ env, folder, jobLog, parts, slots, control });
      return await RunningDatabase.#startWriting(options, { parts, slots, maintenance });
    } catch (error) {
      await closeParts(parts);
      throw error;
    }
  }

  static async #startWriting(options: RunningOptions, opened: Opened): Promise<RunningDatabase> {
    if (options.access === 'read') return new RunningDatabase(opened, null, null);
    const { parts, maintenance } = opened;
    const { control, onFailed } = options;
    const onSegmentClosed = (): void => void maintenance.run();
    if (control.current.type === 'replica') {
      const replica = new ReplicaLog(parts, {
        clock: options.env.clock,
        control,
        onSegmentClosed,
        onFailed,
      });
      return new RunningDatabase(opened, null, replica);
    }
    if (control.current.type === 'unassigned') {
      const { seq } = parts.log.durable;
      await startTimeline(options, seq, 'copy started as a normal database');
    }
    if (control.current.fence) return new RunningDatabase(opened, null, null);
    const session = await SessionWriter.start({ ...options, parts, onSegmentClosed });
    return new RunningDatabase(opened, session, null);
  }

  /** Waits for what was taken; with `isSound` the store is brought to disk up to the last record. */
  async stop(isSound: boolean): Promise<void> {
    const { log, applier, store } = this.parts;
    try {
      this.session?.release();
      await this.replica?.settle();
      await log.close();
    } finally {
      await applier.close();
      await this.slots.close();
      await this.maintenance.finish(isSound);
      await store.close();
    }
  }
}
