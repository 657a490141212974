// The transactions of a server from another process: every call is one request that names its transaction.

import {
  type BatchOperation,
  type BeginOptions,
  type BegunTransaction,
  type Committed,
  doneAnswer,
  type Entry,
  entryAnswer,
  type EntryRange,
  path,
  positionAnswer,
  transactionAnswer,
  type TransactionCalls,
  type TransactionReadOptions,
  valueAnswer,
  type WriteOptions,
} from '@pamina/wire';
import type { RemoteCalls } from './remote-calls.js';

export class RemoteTransactionCalls implements TransactionCalls {
  readonly #calls: RemoteCalls;

  constructor(calls: RemoteCalls) {
    this.#calls = calls;
  }

  begin(name: string, options: BeginOptions = {}): Promise<BegunTransaction> {
    return this.#calls.send(path`/databases/${name}/transactions`, options, transactionAnswer);
  }

  async get(
    name: string,
    id: string,
    key: string,
    options?: TransactionReadOptions,
  ): Promise<string> {
    const body = { key, ...options };
    return (await this.#calls.send(`${below(name, id)}/get`, body, valueAnswer)).value;
  }

  async put(name: string, id: string, key: string, value: string): Promise<void> {
    await this.#calls.send(`${below(name, id)}/put`, { key, value }, doneAnswer);
  }

  async del(name: string, id: string, key: string): Promise<void> {
    await this.#calls.send(`${below(name, id)}/del`, { key }, doneAnswer);
  }

  async batch(name: string, id: string, operations: readonly BatchOperation[]): Promise<void> {
    await this.#calls.send(`${below(name, id)}/batch`, { operations }, doneAnswer);
  }

  range(
    name: string,
    id: string,
    options: EntryRange & TransactionReadOptions = {},
  ): AsyncIterable<Entry> {
    return this.#calls.caller.items(
      {
        method: 'POST',
        path: `${below(name, id)}/range`,
        body: options,
        signal: this.#calls.signal(),
      },
      entryAnswer,
    );
  }

  renew(name: string, id: string): Promise<BegunTransaction> {
    return this.#calls.send(`${below(name, id)}/renew`, {}, transactionAnswer);
  }

  commit(name: string, id: string, options: WriteOptions = {}): Promise<Committed> {
    return this.#calls.send(`${below(name, id)}/commit`, options, positionAnswer);
  }

  async rollback(name: string, id: string): Promise<void> {
    await this.#calls.send(`${below(name, id)}/rollback`, {}, doneAnswer);
  }
}

function below(name: string, id: string): string {
  return path`/databases/${name}/transactions/${id}`;
}
