// Hands what a replica has received to the applier when its rule allows it. Without delay and pause that
// is at once; else the records wait in the log, not in memory, and are read back when they are due.
import { PaminaError, toPaminaError } from '@pamina/format';
import type { Clock } from '@pamina/env';
import { splitBatch, type RecordBatch } from '@pamina/log';
import { applyAtOnce, dueAt, dueIn, isAtOnce, type ApplyRule } from './apply-rule.js';
import { noteAudits, type AuditWatcher } from './audit-watch.js';
import type { ControlFile } from './control-file.js';
import type { DatabaseParts } from './database-parts.js';

/** The wall clock may be set: it is looked at again after so long. */
const lookMs = 1000;

export interface ReplicaApplyOptions {
  readonly parts: DatabaseParts;
  readonly clock: Clock;
  readonly control: ControlFile;
  /** The log cannot be read back. A failure of the applier is the applier's to tell. */
  readonly onFailed: (error: PaminaError) => void;
}

export class ReplicaApply {
  readonly #options: ReplicaApplyOptions;
  /** The last record that the applier has. */
  #handedSeq: number;
  /** Records up to this one are applied whatever the rule says. */
  #untilSeq = 0;
  /** Commit time of the first record that waits, once it was looked at. */
  #nextTime: number | null = null;
  #running: Promise<void> | null = null;
  #wake: (() => void) | null = null;
  #isStopping = false;
  /** With why nothing more is applied. */
  readonly #stopped = new AbortController();
  audits: AuditWatcher | null = null;

  constructor(options: ReplicaApplyOptions) {
    this.#options = options;
    this.#handedSeq = options.parts.applier.applied.seq;
    this.#go();
  }

  get rule(): ApplyRule {
    return this.#options.control.current.apply ?? applyAtOnce;
  }

  /** When the next record is applied by itself, ms since 1970; null if nothing waits or nobody knows. */
  get nextAt(): number | null {
    if (this.#nextTime === null) return null;
    const at = dueAt(this.rule, this.#nextTime);
    return at === Infinity ? null : at;
  }

  /** These are durable, and behind all that were received before. */
  received(batch: RecordBatch): void {
    const isNext = batch.firstSeq === this.#handedSeq + 1;
    if (this.#running === null && isNext && isAtOnce(this.rule)) this.#hand(batch);
    else this.#go();
  }

  /** The last record that is applied, or will be whatever the rule says: it cannot be held back any more. */
  get handedSeq(): number {
    return this.#handedSeq;
  }

  /** On disk, and in force, when it resolves. */
  async change(change: Partial<ApplyRule>): Promise<void> {
    const { clock, control } = this.#options;
    await control.update({ apply: { ...this.rule, ...change, since: clock.now() } });
    this.#go();
  }

  /**
   * Nothing behind record `seq` is applied any more when it resolves. POSITION_PASSED, and the rule stays what it
   * was, if the applier has more by then.
   */
  async pauseBehind(seq: number): Promise<void> {
    requireNotPassed(this.#handedSeq, seq);
    const { delayMs, paused } = this.rule;
    await this.change({ paused: true });
    if (seq >= this.#handedSeq) return;
    // What came while the pause was noted.
    await this.change({ delayMs, paused });
    requireNotPassed(this.#handedSeq, seq);
  }

  /** Resolves when record `seq`, which is durable, is applied, whatever the rule says. */
  async until(seq: number): Promise<void> {
    const { applier } = this.#options.parts;
    if (applier.applied.seq >= seq) return;
    const { signal } = this.#stopped;
    signal.throwIfAborted();
    this.#untilSeq = Math.max(this.#untilSeq, seq);
    this.#go();
    let stop = (): void => undefined;
    const stopped = new Promise<never>((_, reject) => {
      stop = () => reject(signal.reason as PaminaError);
      signal.addEventListener('abort', stop);
    });
    try {
      await Promise.race([applier.whenApplied(seq), stopped]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** What the applier has is applied; the rest waits in the log for the next open. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#wake?.();
    await this.#running;
    this.#stopped.abort(closing());
  }

  #hand(batch: RecordBatch): void {
    const { parts } = this.#options;
    if (this.audits !== null) noteAudits(batch, parts, this.audits);
    this.#handedSeq = batch.point.seq;
    // A failure to apply ends in the database's state; what was received is durable all the same.
    parts.applier.push(batch, () => undefined);
  }

  #go(): void {
    if (this.#wake !== null) this.#wake();
    else this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    const { clock, onFailed, parts } = this.#options;
    // Lets the caller note that it runs before it can end.
    await Promise.resolve();
    try {
      while (!this.#isStopping && this.#handedSeq < parts.log.durable.seq) {
        if (this.#isDue(clock.now())) await this.#handDue();
        else await this.#pause();
      }
    } catch (error) {
      // Whoever cannot apply has said so already.
      if (parts.applier.failure !== null) return;
      const failure = toPaminaError(error);
      this.#stopped.abort(failure);
      onFailed(failure);
    } finally {
      this.#nextTime = null;
      // In one step with the look at what there is: what comes now begins anew.
      this.#running = null;
    }
  }

  /** Whether the next record may be applied, or was not looked at yet. */
  #isDue(now: number): boolean {
    if (this.#nextTime === null || this.#handedSeq < this.#untilSeq) return true;
    return dueAt(this.rule, this.#nextTime) <= now;
  }

  /** Reads on where the applier is, up to the first record that has to wait. */
  async #handDue(): Promise<void> {
    const { clock, parts } = this.#options;
    this.#nextTime = null;
    for await (const batch of parts.log.batches(this.#handedSeq + 1)) {
      const rest =
        batch.firstSeq <= this.#handedSeq ? splitBatch(batch, this.#handedSeq)[1] : batch;
      const { lastSeq, nextTime } = dueIn(rest, this.rule, this.#untilSeq, clock.now());
      this.#nextTime = nextTime;
      if (lastSeq !== null) {
        this.#hand(lastSeq === rest.point.seq ? rest : splitBatch(rest, lastSeq)[0]);
        // One batch at a time: what waits is not to be in memory.
        await parts.applier.whenApplied(lastSeq);
      }
      if (nextTime !== null || this.#isStopping) return;
    }
  }

  #pause(): Promise<void> {
    const { clock } = this.#options;
    const leftMs = (this.nextAt ?? Infinity) - clock.now();
    return new Promise((resolve) => {
      const cancel = clock.after(Math.min(Math.max(leftMs, 1), lookMs), () => this.#wake?.());
      this.#wake = () => {
        this.#wake = null;
        cancel();
        resolve();
      };
    });
  }
}

/** POSITION_PASSED. */
export function requireNotPassed(handedSeq: number, seq: number): void {
  if (seq >= handedSeq) return;
  const message = `record ${handedSeq} is applied already, and cannot be taken back`;
  throw new PaminaError('POSITION_PASSED', message, { context: { applied: handedSeq, seq } });
}

function closing(): PaminaError {
  return new PaminaError('DATABASE_OFFLINE', 'the database is being closed');
}
