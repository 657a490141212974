// Somebody who runs a transaction step by step beside others: a step that waits for a lock does not hold
// up the play, and the steps behind it come when it has ended.
import type { Pamina } from '../src/pamina.js';
import type { PaminaTransaction } from '../src/transaction/pamina-transaction.js';

export class Actor {
  /** What it read last under each key. */
  readonly seen: Record<string, string | undefined> = {};
  readonly #db: Pamina;
  readonly #tx: PaminaTransaction;
  #steps: Promise<void> = Promise.resolve();
  #pending = 0;
  #hasFailed = false;
  #hasCommitted = false;

  constructor(db: Pamina, tx: PaminaTransaction) {
    this.#db = db;
    this.#tx = tx;
  }

  /** Returns when the step has ended or waits for a lock. A step that fails rolls back and is the last. */
  async do(step: (tx: PaminaTransaction) => Promise<void>): Promise<void> {
    this.#pending++;
    this.#steps = this.#steps.then(async () => {
      try {
        if (!this.#hasFailed) await step(this.#tx);
      } catch {
        this.#hasFailed = true;
        await this.#tx[Symbol.asyncDispose]();
      } finally {
        this.#pending--;
      }
    });
    while (this.#pending > 0 && !this.#isWaiting) await new Promise(setImmediate);
  }

  read(key: string): Promise<void> {
    return this.do(async (tx) => {
      this.seen[key] = await tx.get(key);
    });
  }

  commit(): Promise<void> {
    return this.do(async (tx) => {
      await tx.commit();
      this.#hasCommitted = true;
    });
  }

  /** All of its steps have ended. True: it has committed. */
  async end(): Promise<boolean> {
    await this.#steps;
    await this.#tx[Symbol.asyncDispose]();
    return this.#hasCommitted;
  }

  get #isWaiting(): boolean {
    const locks = this.#db.database.transactions.list(1000);
    return locks.some((lock) => lock.transaction === this.#tx.id && lock.waitingMs !== null);
  }
}

export async function actorsOf(
  begin: () => Promise<Actor>,
  count: 2 | 4,
): Promise<[Actor, Actor, Actor, Actor]> {
  const actors: Actor[] = [];
  for (let index = 0; index < count; index++) actors.push(await begin());
  return actors as [Actor, Actor, Actor, Actor];
}
