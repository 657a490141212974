// Writes down what clients do, with the times between which they did it.
import type { Isolation, Position } from '@pamina/format';
import { isWriter, type History, type Operation, type Transaction } from './history.js';

import type { Entry } from './place.js';

type Draft = { -readonly [K in keyof Transaction]: Transaction[K] };

export class Recorder implements History {
  readonly transactions: Transaction[] = [];
  /** How transactions ended, by the code of the error or `committed`. */
  readonly ends = new Map<string, number>();
  /** Milliseconds of a clock that goes on. */
  readonly now: () => number;
  #lastId = 0;

  constructor(now: () => number) {
    this.now = now;
  }

  /** Before the transaction is begun, since what it writes is named after it. */
  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  begin(
    id: number,
    who: { process: string; place: string; isolation: Isolation; after: Position | null },
    beginInvokedAt: number,
  ): Recording {
    const recording = new Recording(this, id, who, beginInvokedAt);
    this.transactions.push(recording.draft);
    return recording;
  }

  count(end: string): void {
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
  }
}

type Done = Operation extends infer Each ? Omit<Each & object, 'invokedAt' | 'answeredAt'> : never;

export class Recording {
  readonly draft: Draft;
  readonly #recorder: Recorder;
  readonly #operations: Operation[] = [];

  constructor(
    recorder: Recorder,
    id: number,
    who: { process: string; place: string; isolation: Isolation; after: Position | null },
    beginInvokedAt: number,
  ) {
    this.#recorder = recorder;
    this.draft = {
      id,
      ...who,
      beginInvokedAt,
      begunAt: recorder.now(),
      operations: this.#operations,
      commitInvokedAt: null,
      endedAt: Infinity,
      outcome: 'fail',
      position: null,
    };
  }

  /** `done`: what to write down of the answer. */
  async operation<T>(work: () => Promise<T>, done: (answer: T) => Done): Promise<T> {
    const invokedAt = this.#recorder.now();
    const answer = await work();
    const answeredAt = this.#recorder.now();
    this.#operations.push({ ...done(answer), invokedAt, answeredAt } as Operation);
    return answer;
  }

  /** A batch as a transaction of its own: written somewhen in the one call. */
  async alone(
    entries: readonly Entry[],
    work: () => Promise<Position>,
    isRefusal: (error: unknown) => boolean,
  ): Promise<Position | null> {
    const invokedAt = this.#recorder.now();
    const write = async (): Promise<Position> => {
      try {
        return await work();
      } finally {
        const answeredAt = this.#recorder.now();
        for (const [key, value] of entries) {
          this.#operations.push({ type: 'write', key, value, invokedAt, answeredAt });
        }
      }
    };
    return this.commit(write, isRefusal);
  }

  async commit(
    work: () => Promise<Position | null>,
    isRefusal: (error: unknown) => boolean,
  ): Promise<Position | null> {
    this.draft.commitInvokedAt = this.#recorder.now();
    try {
      const position = await work();
      this.draft.outcome = 'ok';
      if (isWriter(this.draft)) this.draft.position = position;
      this.#recorder.count('committed');
      return position;
    } catch (error) {
      if (!isRefusal(error)) this.draft.outcome = 'unknown';
      throw error;
    } finally {
      this.end();
    }
  }

  end(): void {
    this.draft.endedAt = this.#recorder.now();
  }
}
