// Applies durable records to the store, strictly in order (P4), one LevelDB batch at a time. Whoever
// needs the state exactly at a record asks for a barrier: it runs between two batches.
import { PaminaError, toPaminaError } from '@pamina/format';
import type { ChainPoint, RecordBatch } from '@pamina/log';
import type { StateStore } from './state-store.js';
import { isDiskFull, type StoreReopener } from './store-reopener.js';

interface Task {
  readonly batch: RecordBatch;
  readonly settle: (error: PaminaError | null) => void;
}

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
  readonly #barriers = new Map<number, () => void>();
  readonly #betweens: ((error: PaminaError | null) => void)[] = [];
  #applied: ChainPoint;
  #waiters: { readonly seq: number; readonly settle: (error: PaminaError | null) => void }[] = [];
  #running: Promise<void> | null = null;
  #queuedBytes = 0;
  #failure: PaminaError | null = null;

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

  /** Runs `action` when exactly the records up to `seq` are applied; `seq` must end a batch. Returns the cancellation. */
  atSeq(seq: number, action: () => void): () => void {
    this.#barriers.set(seq, action);
    return () => {
      if (this.#barriers.get(seq) === action) this.#barriers.delete(seq);
    };
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
      const error = await this.#applyReopening(task.batch);
      this.#queuedBytes -= task.batch.end - task.batch.start;
      if (error !== null) {
        this.#fail(error, task);
        break;
      }
      this.#barriers.get(this.#applied.seq)?.();
      this.#barriers.delete(this.#applied.seq);
      task.settle(null);
      this.#wake();
      for (const run of this.#betweens.splice(0)) run(null);
    }
    this.#running = null;
  }

  /** LevelDB's errors stick: it is opened again once, and as often as the disk is full. */
  async #applyReopening(batch: RecordBatch): Promise<PaminaError | null> {
    let error = await this.#apply(batch);
    for (let attempts = 0; error?.code === 'STORE_ERROR'; attempts++) {
      if (attempts > 0 && !isDiskFull(error)) return error;
      const failure = await this.#reopener.reopen(error, this.#applied);
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
      await this.#store.apply(batch);
      this.#applied = batch.point;
      return null;
    } catch (error) {
      if (error instanceof PaminaError) return error;
      const message = `LevelDB could not apply records ${batch.firstSeq} to ${batch.point.seq}`;
      return new PaminaError('STORE_ERROR', message, { cause: error });
    }
  }

  #fail(error: PaminaError, task: Task): void {
    this.#failure = toPaminaError(error);
    for (const failed of [task, ...this.#tasks.splice(0)]) failed.settle(this.#failure);
    for (const waiter of this.#waiters.splice(0)) waiter.settle(this.#failure);
    for (const run of this.#betweens.splice(0)) run(this.#failure);
    this.#barriers.clear();
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
