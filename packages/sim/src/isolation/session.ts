// A client's hold on one transaction: does what it is told, and writes it down. Keys below `lists/` hold lists.
import type { ReadLockMode } from '@pamina/format';
import type { Value } from './history.js';
import type { OpenTransaction } from './place.js';
import type { Recording } from './recorder.js';

export class Session {
  /** No other transaction writes it. */
  readonly name: string;
  readonly pause: () => Promise<void>;
  readonly #transaction: OpenTransaction;
  readonly #recording: Recording;
  readonly #counts: Map<string, number>;
  #writes = 0;

  constructor(
    transaction: OpenTransaction,
    recording: Recording,
    options: { readonly counts: Map<string, number>; readonly pause: () => Promise<void> },
  ) {
    this.#transaction = transaction;
    this.#recording = recording;
    this.#counts = options.counts;
    this.pause = options.pause;
    this.name = `t${recording.draft.id}`;
  }

  /** Of something that is used so many times, by all clients. */
  generationOf(what: string, timesMax: number): number {
    const count = this.#counts.get(what) ?? 0;
    this.#counts.set(what, count + 1);
    return Math.floor(count / timesMax);
  }

  async read(key: string, lockMode?: ReadLockMode): Promise<string | null> {
    await this.pause();
    return this.#recording.operation(
      () => this.#transaction.get(key, lockMode),
      (text) => ({ type: 'read', key, value: valueOf(key, text), lockMode }),
    );
  }

  async range(prefix: string, lockMode?: ReadLockMode): Promise<void> {
    await this.pause();
    await this.#recording.operation(
      () => this.#transaction.range(prefix, lockMode),
      (found) => {
        const entries = found.map(([key, text]) => [key, valueOf(key, text) ?? []] as const);
        return { type: 'range', prefix, entries, lockMode };
      },
    );
  }

  /** By default something that nobody else writes. */
  async write(key: string, value = this.#unique()): Promise<void> {
    await this.pause();
    await this.#recording.operation(
      () => this.#transaction.put(key, value),
      () => ({ type: 'write', key, value }),
    );
  }

  /** Reads exclusively first, so that it appends to what is there. */
  async append(key: string): Promise<void> {
    const before = await this.read(key, 'protected');
    const element = this.#unique();
    const text = before === null ? element : `${before} ${element}`;
    await this.#recording.operation(
      () => this.#transaction.put(key, text),
      () => ({ type: 'append', key, element }),
    );
  }

  #unique(): string {
    this.#writes += 1;
    return `${this.name}.${this.#writes}`;
  }
}

function valueOf(key: string, text: string | null): Value {
  return text !== null && key.includes('lists/') ? text.split(' ') : text;
}
