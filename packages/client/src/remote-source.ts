// What a remote database has open at a server: a snapshot or a transaction that reads are made from. It lives as
// long as the connection on which it was opened.

import { AbstractSnapshot } from 'abstract-level';
import { PaminaError } from '@pamina/format';
import { type CallDemands, callVerb, type CallVerb, type FrameWriter } from '@pamina/wire';
import { type CallsLink, LinkEnded } from './calls-link.js';
import type { CallRouter } from './call-router.js';

/** Asks the server. */
type Open = (link: CallsLink, number: number, demands: CallDemands | null) => Promise<void>;
type Start = (link: CallsLink) => Promise<void>;

export interface ReadsAt {
  readonly router: CallRouter;
  readonly timeoutMs: number;
  /** Of a replica; default: that of the database. */
  readonly maxStalenessMs?: number | undefined;
}

/** Something with a number on one connection. */
export class Bound {
  readonly #what: string;
  readonly #linked: CallsLink | Promise<CallsLink>;
  readonly #opened: Promise<void>;
  /** Set once it is being opened. */
  number = 0;

  /** `open` is sent at once where there is a connection, else with the first calls of the one that comes. */
  constructor(
    what: string,
    linked: CallsLink | ((start: Start) => Promise<CallsLink>),
    open: Open,
  ) {
    this.#what = what;
    if (typeof linked === 'function') {
      let opening: Promise<void> = Promise.resolve();
      const coming = linked((link) => {
        opening = this.#open(open, link);
        // Told to whoever uses it.
        opening.catch(() => undefined);
        return opening;
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

  /**
   * Where reads go, or where there is a connection first. A replica that has to be new enough for it is waited for:
   * if it refuses, the master is asked.
   */
  static at(what: string, reads: ReadsAt, open: Open): Bound {
    const { maxStalenessMs, router, timeoutMs } = reads;
    const { link } = router.pick();
    const atMaster = (start: Start): Promise<CallsLink> =>
      router.master.with(timeoutMs, (found) => {
        void start(found);
        return Promise.resolve(found);
      });
    const asked: Open = (found, number) => open(found, number, demandsAt(found));
    function demandsAt(found: CallsLink): CallDemands | null {
      return router.demandsAt(found, maxStalenessMs);
    }
    if (link === null) return new Bound(what, atMaster, asked);
    if (link === router.master.link || demandsAt(link) === null)
      return new Bound(what, link, asked);
    const coming = async (start: Start): Promise<CallsLink> => {
      try {
        await start(link);
        return link;
      } catch (error) {
        if (router.isForMaster(error)) return atMaster(start);
        throw error;
      }
    };
    return new Bound(what, coming, asked);
  }

  /** On the connection of another. */
  static beside(what: string, other: Bound, open: Open): Bound {
    const linked = other.#linked;
    const asked: Open = (link, number) => open(link, number, null);
    if (!(linked instanceof Promise)) return new Bound(what, linked, asked);
    const coming = (start: Start): Promise<CallsLink> =>
      linked.then((found) => {
        void start(found);
        return found;
      });
    return new Bound(what, coming, asked);
  }

  #open(open: Open, link: CallsLink): Promise<void> {
    this.number = link.newNumber();
    return open(link, this.number, null);
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

  /** Nobody is waited for who is not there any more, and nothing is closed that was never opened. */
  async close(): Promise<void> {
    // The number is known once there is a connection.
    const close = (link: CallsLink): Promise<void> => tell(link, callVerb.close, this.number);
    const linked = this.#linked;
    try {
      if (linked instanceof Promise) await linked.then(close, neverOpened);
      else await close(linked);
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

/** Why is told to whoever uses it. */
function neverOpened(): void {
  // There is nothing to close.
}

/** At the server: with the connection, or with the database there. */
export function isGone(error: unknown): boolean {
  if (error instanceof LinkEnded) return true;
  return (
    error instanceof PaminaError && ['DATABASE_CLOSED', 'DATABASE_OFFLINE'].includes(error.code)
  );
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
  constructor(owner: object, reads: ReadsAt) {
    const open: Open = (link, number, demands) =>
      link.call(
        callVerb.openSnapshot,
        (writer) => writer.u32(number),
        () => undefined,
        demands,
      );
    super(owner, Bound.at('the snapshot', reads, open));
  }

  _close(): Promise<void> {
    return this.bound.close();
  }
}
