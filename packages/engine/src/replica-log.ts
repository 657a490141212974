// The receiving side of a replica: what may follow its history, and how far the store may lag behind
// what was received.
import {
  PaminaError,
  forkPoint,
  unappliedBytesMax,
  validateTimelines,
  type Timeline,
} from '@pamina/format';
import type { ReceivedChunk, Receiver, RecordBatch } from '@pamina/log';
import { noteAudits, type AuditWatcher } from './audit-watch.js';
import type { ControlFile } from './control-file.js';
import type { DatabaseParts } from './database-parts.js';

export interface ReplicaLogOptions {
  readonly control: ControlFile;
  readonly onSegmentClosed: () => void;
  /** The log can no longer say what is on the disk (P7). */
  readonly onFailed: (error: PaminaError) => void;
}

export class ReplicaLog {
  readonly #parts: DatabaseParts;
  readonly #onFailed: (error: PaminaError) => void;
  readonly #receiver: Receiver;
  #queue: Promise<void> = Promise.resolve();
  #audits: AuditWatcher | null = null;

  constructor(parts: DatabaseParts, options: ReplicaLogOptions) {
    const { control, onSegmentClosed, onFailed } = options;
    this.#parts = parts;
    this.#onFailed = onFailed;
    this.#receiver = parts.log.startReceiving({
      pattern: () => control.current.pattern,
      mayFollow: (header) => {
        const known = control.current.timelines.some(
          (timeline) => timeline.id === header.timelineId,
        );
        if (known) return;
        const message = `timeline ${header.timeline} (${header.timelineId}) is not in the history`;
        throw new PaminaError('DIVERGED', message, { context: { timelineId: header.timelineId } });
      },
      onSegmentClosed,
    });
  }

  get resumeAt(): { name: string; offset: number } | null {
    return this.#receiver.resumeAt;
  }

  forgetPartialRecord(): void {
    this.#receiver.forgetPartialRecord();
  }

  /** One watcher; it ends when the returned function is called. */
  watchAudits(watcher: AuditWatcher): () => void {
    this.#audits = watcher;
    return () => {
      if (this.#audits === watcher) this.#audits = null;
    };
  }

  /** One chunk after the other, however they are called. */
  receive(chunk: ReceivedChunk): Promise<void> {
    const received = this.#queue.then(() => this.#receive(chunk));
    this.#queue = received.catch(() => {
      // The caller hears of it; the chunk after it is judged by itself.
    });
    return received;
  }

  settle(): Promise<void> {
    return this.#queue;
  }

  /** The history to go on with if `theirs` continues `mine` here; null if nothing is new. DIVERGED. */
  continued(mine: readonly Timeline[], theirs: readonly Timeline[]): Timeline[] | null {
    const history = validateTimelines(theirs);
    const { common, seqMax } = forkPoint(mine, history);
    const { seq } = this.#parts.log.durable;
    if (common < mine.length || seq > seqMax) {
      const message = `the master's history leaves this one at record ${seqMax}, and ${seq} is here`;
      throw new PaminaError('DIVERGED', message, { context: { seqMax, seq } });
    }
    return history.length > mine.length ? history : null;
  }

  async #receive(chunk: ReceivedChunk): Promise<void> {
    const { applier } = this.#parts;
    const batch = await this.#receiveDurably(chunk);
    if (batch === null) return;
    if (this.#audits !== null) noteAudits(batch, this.#parts, this.#audits);
    // A failure to apply ends in the database's state; what was received is durable all the same.
    applier.push(batch, () => undefined);
    if (applier.queuedBytes > unappliedBytesMax) await applier.whenApplied(batch.firstSeq - 1);
  }

  async #receiveDurably(chunk: ReceivedChunk): Promise<RecordBatch | null> {
    try {
      return await this.#receiver.receive(chunk);
    } catch (error) {
      const { failure } = this.#receiver;
      if (failure !== null) this.#onFailed(failure);
      throw error;
    }
  }
}
