// Applies durable records to the store, strictly in order (P4), one LevelDB batch at a time. Whoever
// needs the state exactly at a record asks for a barrier: it runs when the store is just there.
import type { Clock } from '@pamina/env';
import { PaminaError, toPaminaError } from '@pamina/format';
import type { ChainPoint, RecordBatch } from '@pamina/log';
import { ApplyQueue, bytesOfRun, type ApplyRun } from './apply-queue.js';
import type { PreparedBatch, StateStore } from './state-store.js';
import { isDiskFull, type StoreReopener } from './store-reopener.js';

/** Called once, with null when the store is exactly at the record, else with why it will not get there. */
export type Barrier = (error: PaminaError | null) => void;

/** Asked before anything is applied, and told when it is seen, or could not be applied, yet or at all. */
export interface ApplyGate {
  /** Null: at once. */
  enter(run: readonly RecordBatch[]): Promise<void> | null;
  left(isApplied: boolean): void;
}

export interface ApplierOptions {
  readonly clock: Clock;
  readonly store: StateStore;
  readonly reopener: StoreReopener;
  readonly applied: ChainPoint;
  /** Nothing but the store shows what it applies. */
  readonly isReplica: boolean;
  readonly onFailed: (error: PaminaError) => void;
}

export class Applier {
  gate: ApplyGate | null = null;
  readonly #clock: Clock;
  readonly #store: StateStore;
  readonly #reopener: StoreReopener;
  readonly #onFailed: (error: PaminaError) => void;
  readonly #queue: ApplyQueue;
  #barriers: { readonly seq: number; readonly run: Barrier }[] = [];
  readonly #betweens: Barrier[] = [];
  #applied: ChainPoint;
  #waiters: { readonly seq: number; readonly settle: (error: PaminaError | null) => void }[] = [];
  /** What is encoded while LevelDB writes the batch before it. */
  #ahead: { readonly run: ApplyRun; readonly prepared: PreparedBatch } | null = null;
  #running: Promise<void> | null = null;
  #queuedBytes = 0;
  /** From the look at what is next until it is seen. */
  #isApplying = false;
  #isClosing = false;
  /** Until it resolves nothing is applied. */
  #held: Promise<void> | null = null;
  #failure: PaminaError | null = null;
  #stuck: PaminaError | null = null;

  constructor(options: ApplierOptions) {
    this.#clock = options.clock;
    this.#store = options.store;
    this.#queue = new ApplyQueue(options.clock, options.isReplica);
    this.#reopener = options.reopener;
    this.#applied = options.applied;
    this.#onFailed = options.onFailed;
  }

  get applied(): ChainPoint {
    return this.#applied;
  }

  /** Why nothing is applied any more. */
  get failure(): PaminaError | null {
    return this.#failure;
  }

  /** Why nothing is applied until the disk has space again; null while it has. */
  get stuck(): PaminaError | null {
    return this.#stuck;
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
    this.#queuedBytes += batch.end - batch.start;
    this.#queue.push({ batch, settle });
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
    this.#queue.hurry();
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

  /**
   * Runs `action` between two batches: at once when nothing is being applied. Rejects with the error if nothing is
   * applied until a disk that is full has space.
   */
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
      const error = this.#failure ?? this.#stuck;
      if (error !== null || !this.#isApplying) run(error);
      else this.#betweens.push(run);
    });
  }

  /** Resolves when record `seq` is applied. */
  whenApplied(seq: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.onApplied(seq, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  /** Calls `settle` once, when record `seq` is applied or cannot be. Returns the cancellation. */
  onApplied(seq: number, settle: (error: PaminaError | null) => void): () => void {
    if (this.#applied.seq >= seq || this.#failure !== null) {
      settle(this.#applied.seq >= seq ? null : this.#failure);
      return () => undefined;
    }
    const waiter = { seq, settle };
    this.#waiters.push(waiter);
    this.#queue.hurry();
    return () => {
      this.#waiters = this.#waiters.filter((one) => one !== waiter);
    };
  }

  /** Waits until nothing is queued; what waits for space on the disk fails and is replayed at the next open. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#reopener.stop();
    this.#queue.hurry();
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#ahead !== null || !this.#queue.isEmpty) {
      if (this.#ahead === null && !this.#isAwaited) await this.#queue.gather();
      while (this.#held !== null) await this.#held;
      this.#isApplying = true;
      const run = await this.#next();
      const startedAt = this.#clock.monotonic();
      const error = await this.#applyReopening(run);
      this.#isApplying = false;
      this.#queue.applied(this.#clock.monotonic() - startedAt);
      this.#queuedBytes -= bytesOfRun(run);
      if (error !== null) {
        this.#fail(error, run);
        break;
      }
      for (const { settle } of run) settle(null);
      if (this.#barriers.length > 0) {
        this.#release((barrier) => barrier.seq === this.#applied.seq, null);
      }
      this.#wake();
      for (const between of this.#betweens.splice(0)) between(null);
    }
    this.#running = null;
  }

  /** Whether somebody waits for what is queued. */
  get #isAwaited(): boolean {
    const waiting = this.#barriers.length + this.#waiters.length + this.#betweens.length;
    return this.#isClosing || waiting > 0;
  }

  /** What was encoded ahead, unless somebody waits for a record in the middle of it by now. */
  async #next(): Promise<ApplyRun> {
    const ahead = this.#ahead;
    if (ahead !== null) {
      const stops = ahead.run.map(({ batch }) => this.#firstBarrierIn(batch));
      const last = ahead.run.at(-1)!.batch.point.seq;
      if (stops.every((stop) => stop === null || stop === last)) return ahead.run;
      await this.#returnAhead();
    }
    return this.#queue.take((batch) => this.#firstBarrierIn(batch));
  }

  /** The first record of the batch that somebody waits for. */
  #firstBarrierIn(batch: RecordBatch): number | null {
    let first: number | null = null;
    for (const { seq } of this.#barriers) {
      if (seq >= batch.firstSeq && seq <= batch.point.seq && seq < (first ?? Infinity)) first = seq;
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
  async #applyReopening(run: ApplyRun): Promise<PaminaError | null> {
    let error = await this.#apply(run);
    for (let attempts = 0; error?.code === 'STORE_ERROR'; attempts++) {
      await this.#returnAhead();
      if (attempts > 0 && !isDiskFull(error)) return error;
      if (isDiskFull(error)) {
        // Nobody knows for how long: who waits for a record hears it now, and can go on.
        this.#stuck = error;
        this.#release(() => true, error);
        for (const between of this.#betweens.splice(0)) between(error);
      }
      const failure = await this.#reopener.reopen(error, this.#applied);
      this.#stuck = null;
      if (failure !== null) return failure;
      error = await this.#apply(run);
    }
    return error;
  }

  async #apply(run: ApplyRun): Promise<PaminaError | null> {
    const gap = this.#gapIn(run);
    if (gap !== null) return gap;
    const { point } = run.at(-1)!.batch;
    try {
      const prepared = await this.#prepared(run);
      const wait = this.gate?.enter(run.map(({ batch }) => batch)) ?? null;
      if (wait !== null) await wait;
      const writing = prepared.write();
      this.#prepareAhead();
      await writing;
      this.#applied = point;
      return null;
    } catch (error) {
      if (error instanceof PaminaError) return error;
      const message = `LevelDB could not apply records ${run[0].batch.firstSeq} to ${point.seq}`;
      return new PaminaError('STORE_ERROR', message, { cause: error });
    } finally {
      this.gate?.left(this.#applied.seq === point.seq);
    }
  }

  #gapIn(run: ApplyRun): PaminaError | null {
    let { seq } = this.#applied;
    for (const { batch } of run) {
      if (batch.firstSeq !== seq + 1) {
        const message = `record ${batch.firstSeq} cannot follow record ${seq}`;
        const context = { expected: seq + 1, received: batch.firstSeq };
        return new PaminaError('RECORD_GAP', message, { context });
      }
      seq = batch.point.seq;
    }
    return null;
  }

  async #prepared(run: ApplyRun): Promise<PreparedBatch> {
    if (this.#ahead?.run === run) {
      const { prepared } = this.#ahead;
      this.#ahead = null;
      return prepared;
    }
    await this.#returnAhead();
    return this.#encode(run);
  }

  #encode(run: ApplyRun): PreparedBatch {
    const [first, ...others] = run;
    return this.#store.prepare(first.batch, ...others.map(({ batch }) => batch));
  }

  #prepareAhead(): void {
    if (this.#queue.isEmpty || !(this.#queue.isWorthARun || this.#isAwaited)) return;
    const run = this.#queue.take((batch) => this.#firstBarrierIn(batch));
    try {
      this.#ahead = { run, prepared: this.#encode(run) };
    } catch {
      // It is encoded again in its turn, and the error is met there.
      this.#queue.putBack(run);
    }
  }

  /** What was encoded for a LevelDB that is closed, or for a run that is not the next one any more. */
  async #returnAhead(): Promise<void> {
    const ahead = this.#ahead;
    if (ahead === null) return;
    this.#ahead = null;
    this.#queue.putBack(ahead.run);
    await ahead.prepared.discard();
  }

  #fail(error: PaminaError, run: ApplyRun): void {
    this.#failure = toPaminaError(error);
    const ahead = this.#ahead?.run ?? [];
    this.#ahead = null;
    for (const { settle } of [...run, ...ahead, ...this.#queue.drain()]) settle(this.#failure);
    for (const waiter of this.#waiters.splice(0)) waiter.settle(this.#failure);
    for (const between of this.#betweens.splice(0)) between(this.#failure);
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
