// The transactions that clients elsewhere have begun in one database, as long as it is online. Both those that are
// open and the outcomes that are kept are bounded (P13).

import { type Database, Pamina } from '@pamina/engine';
import {
  bytesToHex,
  PaminaError,
  endedTransactionsMax,
  remoteTransactionsMax,
  transactionLeaseMsDefault,
  transactionTimeoutMsDefault,
} from '@pamina/format';
import type { BeginOptions } from '@pamina/wire';
import { type ByteTransaction, RemoteTransaction } from './remote-transaction.js';

const idBytes = 16;
const limitsDefault = { openMax: remoteTransactionsMax, endedMax: endedTransactionsMax };

/** The abstract-level face of a database, for reads and writes of bytes; whoever opens it closes it. */
export function byteFace(database: Database): Pamina<Uint8Array, Uint8Array> {
  return new Pamina(database.folder, { database, keyEncoding: 'view', valueEncoding: 'view' });
}

export class RemoteTransactions {
  readonly #database: Database;
  readonly #open = new Map<string, RemoteTransaction>();
  /** The first of them ended first. */
  readonly #over = new Map<string, RemoteTransaction>();
  #beginning = 0;
  #face: Pamina<Uint8Array, Uint8Array> | null = null;
  #endedBy: PaminaError | null = null;
  readonly #refusals = new Set<PaminaError>();
  readonly #limits: typeof limitsDefault;

  constructor(database: Database, limits = limitsDefault) {
    this.#database = database;
    this.#limits = limits;
  }

  get size(): number {
    return this.#open.size + this.#beginning;
  }

  /** None begins any more, until the returned function is called. */
  refuse(why: PaminaError): () => void {
    this.#refusals.add(why);
    return () => this.#refusals.delete(why);
  }

  /** TRANSACTIONS_FULL, DATABASE_STOPPING, REPLICA_READ_ONLY, READ_ONLY. */
  async begin(options: BeginOptions): Promise<RemoteTransaction> {
    const { leaseMs = transactionLeaseMsDefault, ...asked } = options;
    this.#requireRoom();
    this.#beginning += 1;
    const ending = new AbortController();
    const timeoutMs = asked.timeoutMs ?? transactionTimeoutMsDefault;
    try {
      this.#face ??= byteFace(this.#database);
      const { signal } = ending;
      // What a client may leave undone for how long is what its lease says.
      const limits = { timeoutMs, idleTimeoutMs: timeoutMs, signal };
      const transaction = await this.#face.begin({ ...asked, ...limits });
      if (this.#endedBy !== null) throw this.#endedBy;
      return this.#add(transaction, ending, leaseMs);
    } catch (error) {
      // What nobody has heard of holds nothing.
      ending.abort(error);
      throw this.#endedBy ?? error;
    } finally {
      this.#beginning -= 1;
    }
  }

  /** TRANSACTION_NOT_FOUND */
  find(id: string): RemoteTransaction {
    const found = this.#open.get(id) ?? this.#over.get(id);
    if (found !== undefined) return found;
    const message = `${this.#database.control.name} knows no transaction ${JSON.stringify(id)}`;
    throw new PaminaError('TRANSACTION_NOT_FOUND', message);
  }

  /** The database goes offline: all are rolled back, and none begins any more. */
  async end(why: PaminaError): Promise<void> {
    this.#endedBy = why;
    for (const remote of [...this.#open.values(), ...this.#over.values()]) remote.end(why);
    this.#open.clear();
    this.#over.clear();
    await this.#face?.close();
  }

  #requireRoom(): void {
    const [refusal] = this.#refusals;
    const why = this.#endedBy ?? refusal;
    if (why !== undefined) throw why;
    const open = this.size;
    if (open < this.#limits.openMax) return;
    const message = `${open} transactions of clients are open in ${this.#database.control.name}`;
    throw new PaminaError('TRANSACTIONS_FULL', message);
  }

  #add(transaction: ByteTransaction, ending: AbortController, leaseMs: number): RemoteTransaction {
    const { clock, random } = this.#database.env;
    const id = bytesToHex(random.bytes(idBytes));
    const remote = new RemoteTransaction({
      id,
      leaseMs,
      transaction,
      ending,
      clock,
      onOver: (one) => this.#keep(one),
      onForgotten: ({ id: forgotten }) => this.#over.delete(forgotten),
    });
    // Its time may be over already; then it is among the others.
    if (transaction.isOpen) this.#open.set(id, remote);
    return remote;
  }

  #keep(remote: RemoteTransaction): void {
    this.#open.delete(remote.id);
    this.#over.set(remote.id, remote);
    if (this.#over.size <= this.#limits.endedMax) return;
    const [oldest] = this.#over.values();
    oldest?.forget();
  }
}
