// Applies durable records to the store, strictly in order (P4), one LevelDB batch at a time. Whoever
// needs the state exactly at a record asks for a barrier: it runs when the store is just there.
import { PaminaError, toPaminaError } from '@pamina/format';
import { splitBatch, type ChainPoint, type RecordBatch } from '@pamina/log';
import type { PreparedBatch, StateStore } from './state-store.js';
import { isDiskFull, type StoreReopener } from './store-reopener.js';

interface Task {
  readonly batch: RecordBatch;
  readonly settle: (error: PaminaError | null) => void;
}

/** Called once, with null when the store is exactly at the record, else with why it will not get there. */
export type Barrier = (error: PaminaError | null) => void;

export interface ApplierOptions {
  readonly store: StateStore;
  readonly reopener: StoreReopener;
  readonly applied: ChainPoint;
  readonly onFailed: (error: PaminaError) => void;
}

export class Applier {
  readonly #store: StateStore;
  readonly #reopener: StoreReopener;
  readonly #onFailed: (error: PaminaError) => void;
  readonly #tasks: Task[] = [];
  #barriers: { readonly seq: number; readonly run: Barrier }[] = [];
  readonly #betweens: Barrier[] = [];
  #applied: ChainPoint;
  #waiters: { readonly seq: number; readonly settle: (error: PaminaError | null) => void }[] = [];
  /** What is encoded while LevelDB writes the batch before it. */
  #ahead: { readonly batch: RecordBatch; readonly prepared: PreparedBatch } | null = null;
  #running: Promise<void> | null = null;
  #queuedBytes = 0;
  /** Until it resolves nothing is applied. */
  #held: Promise<void> | null = null;
  #failure: PaminaError | null = null;
  /** Why nothing is applied at present, for as long as the disk is full. */
  #stuck: PaminaError | null = null;

  constructor(options: ApplierOptions) {
    this.#store = options.store;
    this.#reopener = options.reopener;
    this.#applied = options.applied;
    this.#onFailed = options.onFailed;
  }

  get applied(): ChainPoint {
    return this.#applied;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** `settle` is called once, when the batch is applied or cannot be. */
  push(batch: RecordBatch, settle: (error: PaminaError | null) => void): void {
    if (this.#failure !== null) {
      settle(this.#failure);
      return;
    }
    this.#tasks.push({ batch, settle });
    this.#queuedBytes += batch.end - batch.start;
    this.#running ??= this.#run();
  }

  /**
   * Calls `run` when exactly the records up to `seq` are applied, which is not before now; with the
   * error if nothing is applied until a disk that is full has space. Returns the cancellation.
   */
  atSeq(seq: number, run: Barrier): () => void {
    const error = this.#failure ?? this.#stuck;
    if (error !== null || seq === this.#applied.seq) {
      run(error);
      return () => undefined;
    }
    const barrier = { seq, run };
    this.#barriers.push(barrier);
    return () => {
      this.#barriers = this.#barriers.filter((one) => one !== barrier);
    };
  }

  /**
   * Nothing is applied until `until` has settled. Called where the store stands still: by what atSeq()
   * or between() runs.
   */
  hold(until: Promise<unknown>): void {
    const held = Promise.allSettled([this.#held, until]).then(() => {
      if (this.#held === held) this.#held = null;
    });
    this.#held = held;
  }

  /** Records beyond `seq` will not come: their numbers never reached the disk. */
  giveUpBeyond(seq: number, error: PaminaError): void {
    this.#release((barrier) => barrier.seq > seq, error);
  }

  /** Runs `action` between two batches: at once when nothing is being applied. */
  between<T>(action: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (error: PaminaError | null): void => {
        try {
          if (error !== null) throw error;
          resolve(action());
        } catch (thrown) {
          reject(toPaminaError(thrown));
        }
      };
      if (this.#running === null) run(this.#failure);
      else this.#betweens.push(run);
    });
  }

  /** Resolves when record `seq` is applied. */
  whenApplied(seq: number): Promise<void> {
    if (this.#applied.seq >= seq) return Promise.resolve();
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const settle = (error: PaminaError | null): void =>
        error === null ? resolve() : reject(error);
      this.#waiters.push({ seq, settle });
    });
  }

  /** Waits until nothing is queued; what waits for space on the disk fails and is replayed at the next open. */
  async close(): Promise<void> {
    this.#reopener.stop();
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) {
      const error = await this.#applyStopping(task.batch);
      this.#queuedBytes -= task.batch.end - task.batch.start;
      if (error !== null) {
        this.#fail(error, task);
        break;
      }
      task.settle(null);
      this.#wake();
      for (const run of this.#betweens.splice(0)) run(null);
    }
    this.#running = null;
  }

  /** Stops within a batch where somebody waits for a record in it. */
  async #applyStopping(batch: RecordBatch): Promise<PaminaError | null> {
    let rest: RecordBatch | null = batch;
    while (rest !== null) {
      if (this.#held !== null) await this.#held;
      const stop = this.#firstBarrierIn(rest);
      const [part, behind]: [RecordBatch, RecordBatch | null] =
        stop === null ? [rest, null] : splitBatch(rest, stop);
      const error = await this.#applyReopening(part);
      if (error !== null) return error;
      if (this.#barriers.length > 0) {
        this.#release((barrier) => barrier.seq === this.#applied.seq, null);
      }
      rest = behind;
    }
    return null;
  }

  /** The first record before the batch's last one that somebody waits for. */
  #firstBarrierIn(batch: RecordBatch): number | null {
    let first: number | null = null;
    for (const { seq } of this.#barriers) {
      if (seq >= batch.firstSeq && seq < batch.point.seq && seq < (first ?? Infinity)) first = seq;
    }
    return first;
  }

  #release(isDue: (barrier: { readonly seq: number }) => boolean, error: PaminaError | null): void {
    const due = this.#barriers.filter(isDue);
    if (due.length === 0) return;
    this.#barriers = this.#barriers.filter((barrier) => !isDue(barrier));
    for (const { run } of due) run(error);
  }

  /** LevelDB's errors stick: it is opened again once, and as often as the disk is full. */
  async #applyReopening(batch: RecordBatch): Promise<PaminaError | null> {
    let error = await this.#apply(batch);
    for (let attempts = 0; error?.code === 'STORE_ERROR'; attempts++) {
      await this.#dropAhead();
      if (attempts > 0 && !isDiskFull(error)) return error;
      if (isDiskFull(error)) {
        // Nobody knows for how long: who waits for a record hears it now, and can go on.
        this.#stuck = error;
        this.#release(() => true, error);
      }
      const failure = await this.#reopener.reopen(error, this.#applied);
      this.#stuck = null;
      if (failure !== null) return failure;
      error = await this.#apply(batch);
    }
    return error;
  }

  async #apply(batch: RecordBatch): Promise<PaminaError | null> {
    if (batch.firstSeq !== this.#applied.seq + 1) {
      const message = `record ${batch.firstSeq} cannot follow record ${this.#applied.seq}`;
      const context = { expected: this.#applied.seq + 1, received: batch.firstSeq };
      return new PaminaError('RECORD_GAP', message, { context });
    }
    try {
      const writing = (await this.#prepared(batch)).write();
      this.#prepareAhead();
      await writing;
      this.#applied = batch.point;
      return null;
    } catch (error) {
      if (error instanceof PaminaError) return error;
      const message = `LevelDB could not apply records ${batch.firstSeq} to ${batch.point.seq}`;
      return new PaminaError('STORE_ERROR', message, { cause: error });
    }
  }

  async #prepared(batch: RecordBatch): Promise<PreparedBatch> {
    const ahead = this.#ahead;
    this.#ahead = null;
    if (ahead?.batch === batch) return ahead.prepared;
    await ahead?.prepared.discard();
    return this.#store.prepare(batch);
  }

  #prepareAhead(): void {
    const next = this.#tasks[0];
    if (next === undefined || this.#firstBarrierIn(next.batch) !== null) return;
    try {
      this.#ahead = { batch: next.batch, prepared: this.#store.prepare(next.batch) };
    } catch {
      // It is prepared again in its turn, and the error is met there.
      this.#ahead = null;
    }
  }

  /** What was encoded for a LevelDB that is closed, or after a failure. */
  async #dropAhead(): Promise<void> {
    const ahead = this.#ahead;
    this.#ahead = null;
    await ahead?.prepared.discard();
  }

  #fail(error: PaminaError, task: Task): void {
    this.#failure = toPaminaError(error);
    for (const failed of [task, ...this.#tasks.splice(0)]) failed.settle(this.#failure);
    for (const waiter of this.#waiters.splice(0)) waiter.settle(this.#failure);
    for (const run of this.#betweens.splice(0)) run(this.#failure);
    this.#release(() => true, this.#failure);
    this.#queuedBytes = 0;
    this.#onFailed(this.#failure);
  }

  #wake(): void {
    if (this.#waiters.length === 0) return;
    const due = this.#waiters.filter((waiter) => waiter.seq <= this.#applied.seq);
    this.#waiters = this.#waiters.filter((waiter) => waiter.seq > this.#applied.seq);
    for (const waiter of due) waiter.settle(null);
  }
}
