// What a connection of calls has open: iterators, snapshots, transactions. Their numbers are the client's own, so
// that it can go on before it knows that they are open. All end with the connection.

import type { Pamina } from '@pamina/engine';
import { callReadersMax, PaminaError } from '@pamina/format';
import type { RemoteTransaction } from './remote-transaction.js';

export type Face = Pamina<Uint8Array, Uint8Array>;
export type FaceIterator = ReturnType<Face['iterator']>;
export type FaceSnapshot = ReturnType<Face['snapshot']>;

export interface OpenIterator {
  readonly iterator: FaceIterator;
  /** It locks what it reads, and reads no further than it is asked to. */
  readonly transaction: RemoteTransaction | null;
  readonly answerBytes: number;
}

export type Source =
  | { readonly snapshot: FaceSnapshot; readonly transaction: null }
  | { readonly snapshot: null; readonly transaction: RemoteTransaction };

/** There already, or being opened. */
type Soon<T> = T | Promise<T>;

export class CallsReaders {
  readonly #iterators = new Map<number, Soon<OpenIterator>>();
  readonly #sources = new Map<number, Soon<Source>>();

  get size(): number {
    return this.#iterators.size + this.#sources.size;
  }

  /** READERS_FULL, MESSAGE_INVALID for a number that is in use. */
  requireRoom(number: number): void {
    if (number === 0 || this.#iterators.has(number) || this.#sources.has(number)) {
      throw new PaminaError('MESSAGE_INVALID', `the number ${number} is in use`);
    }
    if (this.size < callReadersMax) return;
    const message = `${this.size} iterators, snapshots and transactions are open on this connection`;
    throw new PaminaError('READERS_FULL', message);
  }

  async addIterator(number: number, opening: Soon<OpenIterator>): Promise<void> {
    await this.#add(this.#iterators, number, opening);
  }

  async addSource(number: number, opening: Soon<Source>): Promise<void> {
    await this.#add(this.#sources, number, opening);
  }

  /** MESSAGE_INVALID: it was never opened, could not be, or is closed. */
  iterator(number: number): Soon<OpenIterator> {
    return this.#iterators.get(number) ?? unknown('iterator', number);
  }

  source(number: number): Soon<Source> {
    return this.#sources.get(number) ?? unknown('snapshot or transaction', number);
  }

  async transaction(number: number): Promise<RemoteTransaction> {
    const { transaction } = await this.source(number);
    return transaction ?? unknown('transaction', number);
  }

  /** Of an iterator or a snapshot; once more does nothing. */
  async close(number: number): Promise<void> {
    const iterator = this.#iterators.get(number);
    const source = this.#sources.get(number);
    this.forget(number);
    await (await iterator)?.iterator.close();
    await (await source)?.snapshot?.close();
  }

  forget(number: number): void {
    this.#iterators.delete(number);
    this.#sources.delete(number);
  }

  /** Transactions are rolled back; iterators and snapshots end with their face. */
  async end(why: PaminaError): Promise<void> {
    const sources = [...this.#sources.values()].map((source) => Promise.resolve(source));
    this.#sources.clear();
    this.#iterators.clear();
    for (const settled of await Promise.allSettled(sources)) {
      if (settled.status === 'fulfilled') settled.value.transaction?.rollBack(why);
    }
  }

  async #add<T>(open: Map<number, Soon<T>>, number: number, opening: Soon<T>): Promise<void> {
    open.set(number, opening);
    if (!(opening instanceof Promise)) return;
    try {
      const opened = await opening;
      if (open.get(number) === opening) open.set(number, opened);
    } catch (error) {
      if (open.get(number) === opening) open.delete(number);
      throw error;
    }
  }
}

function unknown(what: string, number: number): never {
  throw new PaminaError('MESSAGE_INVALID', `no ${what} ${number} is open on this connection`);
}
