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
import type { Clock } from '@pamina/env';
import type { AuditWatcher } from './audit-watch.js';
import type { ControlFile } from './control-file.js';
import type { DatabaseParts } from './database-parts.js';
import { ReplicaApply } from './replica-apply.js';
import { ReplicaQueries } from './replica-queries.js';

export interface ReplicaLogOptions {
  readonly clock: Clock;
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
  /** When what was received is applied. */
  readonly apply: ReplicaApply;
  readonly queries: ReplicaQueries;

  constructor(parts: DatabaseParts, options: ReplicaLogOptions) {
    const { clock, control, onSegmentClosed, onFailed } = options;
    this.#parts = parts;
    this.#onFailed = onFailed;
    this.queries = new ReplicaQueries({ parts, clock, control });
    this.apply = new ReplicaApply({ parts, clock, control, onFailed });
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
    this.apply.audits = watcher;
    return () => {
      if (this.apply.audits === watcher) this.apply.audits = null;
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

  /** What was received is durable, and what waits for its time is left in the log. */
  async settle(): Promise<void> {
    await this.#queue;
    this.queries.end(new PaminaError('QUERY_CANCELLED', 'the replica is being closed'));
    await this.apply.stop();
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
    this.apply.received(batch);
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
