// What a remote database has open at a server: a snapshot or a transaction that reads are made from. It lives as
// long as the connection on which it was opened.

import { AbstractSnapshot } from 'abstract-level';
import { PaminaError } from '@pamina/format';
import { callVerb, type CallVerb, type FrameWriter } from '@pamina/wire';
import { type CallsLink, LinkEnded } from './calls-link.js';
import type { CallRouter } from './call-router.js';

type Open = (link: CallsLink, number: number) => Promise<void>;

/** Something with a number on one connection. */
export class Bound {
  readonly #what: string;
  readonly #linked: CallsLink | Promise<CallsLink>;
  readonly #opened: Promise<void>;
  /** Set once it is being opened. */
  number = 0;

  /** `open` is sent at once where there is a connection, else with the first calls of the one that comes. */
  constructor(what: string, linked: CallsLink | ((task: Open) => Promise<CallsLink>), open: Open) {
    this.#what = what;
    if (typeof linked === 'function') {
      let opening: Promise<void> = Promise.resolve();
      const coming = linked((link) => {
        opening = this.#open(open, link);
        // Told to whoever uses it.
        opening.catch(() => undefined);
        return Promise.resolve();
      });
      this.#linked = coming;
      this.#opened = coming.then(() => opening);
    } else {
      this.#linked = linked;
      this.#opened = this.#open(open, linked);
    }
    this.#opened.catch(() => {
      // Told to whoever uses it.
    });
  }

  /** Where reads go, or where there is a connection first. */
  static at(what: string, router: CallRouter, timeoutMs: number, open: Open): Bound {
    const { link } = router.pick();
    if (link !== null) return new Bound(what, link, open);
    const coming = (task: Open): Promise<CallsLink> =>
      router.master.with(timeoutMs, async (found) => {
        await task(found, 0);
        return found;
      });
    return new Bound(what, coming, open);
  }

  /** On the connection of another. */
  static beside(what: string, other: Bound, open: Open): Bound {
    const linked = other.#linked;
    if (!(linked instanceof Promise)) return new Bound(what, linked, open);
    const coming = (task: Open): Promise<CallsLink> =>
      linked.then(async (found) => {
        await task(found, 0);
        return found;
      });
    return new Bound(what, coming, open);
  }

  #open(open: Open, link: CallsLink): Promise<void> {
    this.number = link.newNumber();
    return open(link, this.number);
  }

  /** CONNECTION_LOST, and why it could not be opened. */
  async use<T>(task: (link: CallsLink) => Promise<T>): Promise<T> {
    const linked = this.#linked;
    try {
      return await (linked instanceof Promise ? linked.then(task) : task(linked));
    } catch (error) {
      await this.opened();
      throw this.told(error);
    }
  }

  async opened(): Promise<void> {
    try {
      await this.#opened;
    } catch (error) {
      throw this.told(error);
    }
  }

  /** Nobody is waited for who is not there any more. */
  async close(): Promise<void> {
    // The number is known once there is a connection.
    const close = (link: CallsLink): Promise<void> => tell(link, callVerb.close, this.number);
    try {
      if (this.#linked instanceof Promise) await this.#linked.then(close);
      else await close(this.#linked);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  told(error: unknown): unknown {
    if (!(error instanceof LinkEnded)) return error;
    const message = `the connection of ${this.#what} ended: ${error.message}`;
    return new PaminaError('CONNECTION_LOST', message, { cause: error.cause });
  }
}

/** One call whose body is a number. */
export function tell(link: CallsLink, verb: CallVerb, number: number): Promise<void> {
  return link.call(
    verb,
    (writer: FrameWriter) => writer.u32(number),
    () => undefined,
  );
}

/** With the connection, or before there was one. */
function isGone(error: unknown): boolean {
  if (error instanceof LinkEnded) return true;
  return error instanceof PaminaError && ['CONNECT_FAILED', 'DATABASE_CLOSED'].includes(error.code);
}

export class RemoteSource extends AbstractSnapshot {
  readonly bound: Bound;

  constructor(owner: object, bound: Bound) {
    // @ts-expect-error The published types leave out the options that the implementation needs.
    super({ owner });
    this.bound = bound;
  }
}

export class RemoteSnapshot extends RemoteSource {
  constructor(owner: object, router: CallRouter, timeoutMs: number) {
    const open: Open = (link, number) =>
      link.call(
        callVerb.openSnapshot,
        (writer) => writer.u32(number),
        () => undefined,
        router.demandsOf(link),
      );
    super(owner, Bound.at('the snapshot', router, timeoutMs, open));
  }

  _close(): Promise<void> {
    return this.bound.close();
  }
}
