// One database elsewhere, with a connection to it as long as it can be had: lost ones come back, after waits that
// grow and are never the same for two clients; who calls meanwhile waits for as long as he says.

import { isPaminaError, PaminaError, toPaminaError, type ErrorCode } from '@pamina/format';
import type { AnswersPlace } from '@pamina/wire';
import { CallsLink, type LinkParts } from './calls-link.js';
import type { Finder, Found, RemoteEnv } from './remote-env.js';

const backoffMsMin = 50;
const backoffMsMax = 5000;
const linkTimeoutMs = 10_000;
const movingMs = 1000;
/** So much of the newest measurement counts. */
const roundTripWeight = 0.3;
const measureEveryMs = 5000;
/** Calls that wait for a connection; what they carry lies about meanwhile (P13). */
const waitersMax = 10_000;

/** Another attempt ends the same way until somebody does something. */
const hopeless: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ADDRESS_INVALID',
  'FORBIDDEN',
  'NAME_INVALID',
  'TOKEN_INVALID',
  'UNAUTHORIZED',
  'VERSION_MISMATCH',
]);

export interface PlaceParts {
  readonly name: string;
  readonly env: RemoteEnv;
  readonly finder: Finder;
  readonly token: string | undefined;
  /** Only a database that takes writes will do, else only one that follows. */
  readonly isMaster: boolean;
  /** How long the way is, is measured again and again. */
  readonly isMeasured: boolean;
  onPlace(place: AnswersPlace): void;
  onLinked(link: CallsLink): void;
  onLost(why: PaminaError): void;
}

interface Waiter {
  readonly linked: (link: CallsLink) => void;
  readonly failed: (error: PaminaError) => void;
}

export class CallsPlace {
  readonly name: string;
  readonly #parts: PlaceParts;
  readonly #closing = new AbortController();
  /** In the order in which they came. */
  readonly #waiters = new Set<Waiter>();
  #link: CallsLink | null = null;
  /** Where a connection is being opened. */
  #attempt: Found | null = null;
  #problem: PaminaError | null = null;
  #roundTripMs: number | null = null;
  #attempts = 0;
  #wake = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(parts: PlaceParts) {
    this.name = parts.name;
    this.#parts = parts;
  }

  start(): void {
    const stop = this.#parts.finder.onChange(() => {
      this.#lookAgain().catch((error: unknown) => {
        // What is there stays until it ends by itself; who waits then is told this.
        this.#problem = toPaminaError(error);
      });
    });
    this.#running = this.#run().finally(stop);
  }

  /** Null while there is no connection. */
  get link(): CallsLink | null {
    return this.#link?.isOpen === true ? this.#link : null;
  }

  /** Null until it is known. */
  get roundTripMs(): number | null {
    return this.link === null ? null : this.#roundTripMs;
  }

  /** With the connection, once there is one: in the order of the calls. CONNECT_FAILED behind `timeoutMs`, BACKLOG_FULL. */
  with<T>(timeoutMs: number, task: (link: CallsLink) => Promise<T>): Promise<T> {
    const { link: present } = this;
    if (present !== null) return task(present);
    return new Promise((resolve, reject) => {
      if (this.#closing.signal.aborted) throw toPaminaError(this.#closing.signal.reason);
      if (isHopeless(this.#problem)) throw this.#problem;
      if (this.#waiters.size >= waitersMax) {
        const message = `${waitersMax} calls wait for a connection to ${this.name} already`;
        throw new PaminaError('BACKLOG_FULL', message);
      }
      const forget = (): void => {
        cancel();
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        linked: (link) => {
          forget();
          task(link).then(resolve, reject);
        },
        failed: (error) => {
          forget();
          reject(error);
        },
      };
      const { clock } = this.#parts.env;
      const cancel = clock.after(timeoutMs, () => waiter.failed(this.#unreached(timeoutMs)));
      this.#waiters.add(waiter);
    });
  }

  /**
   * This connection no longer leads to the place: true if the directory says that it is elsewhere, and then the
   * way there is taken.
   */
  async isElsewhere(link: CallsLink): Promise<boolean> {
    if (this.link !== link) return true;
    const found = await this.#parts.finder.find(this.name);
    if (leadsTo(link, found)) return this.link !== link;
    link.close(moved(this.name, found));
    return true;
  }

  /** What is under way is awaited for so long; then the connection ends. */
  async close(why: PaminaError, quietMs = 0): Promise<void> {
    if (!this.#closing.signal.aborted) {
      if (this.#link !== null && quietMs > 0) await this.#quiet(this.#link, quietMs);
      this.#closing.abort(why);
      this.#wake.abort(why);
      for (const { failed } of this.#waiters) failed(why);
      this.#link?.close(why);
    }
    await this.#running;
  }

  /** A change in the directory ends a wait, and what leads elsewhere by now. */
  async #lookAgain(): Promise<void> {
    const attempt = this.#attempt;
    if (attempt === null && this.link === null) {
      this.#wake.abort(new PaminaError('ABORTED', 'the directory has changed'));
      return;
    }
    const found = await this.#parts.finder.find(this.name);
    if (attempt !== null && attempt === this.#attempt) {
      const isSame = found.address === attempt.address && found.instance === attempt.instance;
      if (!isSame) this.#wake.abort(moved(this.name, found));
    }
    const { link } = this;
    if (link === null || leadsTo(link, found)) return;
    // What is under way there ends with an answer, if it can.
    await this.#quiet(link, movingMs);
    await this.isElsewhere(link);
  }

  #quiet(link: CallsLink, quietMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.env.clock.after(quietMs, resolve);
      void link.quiet().then(() => {
        cancel();
        resolve();
      });
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      try {
        await this.#stay(await this.#open());
      } catch (error) {
        this.#problem = toPaminaError(error);
        if (isHopeless(this.#problem)) {
          for (const { failed } of this.#waiters) failed(this.#problem);
        }
      }
      await this.#pause();
    }
  }

  async #open(): Promise<CallsLink> {
    const { env, finder, isMaster, name, token } = this.#parts;
    const found = await finder.find(name);
    const { address, instance } = found;
    const signal = AbortSignal.any([this.#closing.signal, this.#wake.signal]);
    signal.throwIfAborted();
    const parts: LinkParts = {
      network: env.network,
      clock: env.clock,
      address,
      database: name,
      token,
      timeoutMs: linkTimeoutMs,
      signal,
      onPlace: (place) => this.#parts.onPlace(place),
    };
    this.#attempt = found;
    const link = await CallsLink.open(parts).finally(() => (this.#attempt = null));
    const why = unfit(link, isMaster, instance);
    if (why === null) return link;
    link.close(why);
    throw why;
  }

  async #stay(link: CallsLink): Promise<void> {
    const { signal } = this.#closing;
    if (signal.aborted) {
      link.close(toPaminaError(signal.reason));
      return;
    }
    this.#link = link;
    this.#problem = null;
    this.#roundTripMs = null;
    this.#attempts = 0;
    this.#parts.onLinked(link);
    for (const { linked } of this.#waiters) linked(link);
    const stopMeasuring = this.#parts.isMeasured ? this.#measure(link) : () => undefined;
    const why = await link.ended;
    stopMeasuring();
    this.#link = null;
    this.#problem = why;
    if (!signal.aborted) this.#parts.onLost(why);
  }

  /** A change in the directory ends the wait. */
  async #pause(): Promise<void> {
    const { clock, random } = this.#parts.env;
    if (this.#closing.signal.aborted) return;
    const step = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(this.#attempts, 30));
    this.#attempts++;
    const waited = clock.sleep(step * (0.5 + 0.5 * random.fraction()), this.#wake.signal);
    await waited.catch((error: unknown) => {
      if (!this.#wake.signal.aborted) throw error;
    });
  }

  #measure(link: CallsLink): () => void {
    let cancel = (): void => undefined;
    const again = (): void => {
      link.look().then(
        (ms) => {
          const before = this.#roundTripMs ?? ms;
          this.#roundTripMs = before + roundTripWeight * (ms - before);
          if (link.isOpen) cancel = this.#parts.env.clock.after(measureEveryMs, again);
        },
        () => {
          // The connection ended, which is noticed elsewhere.
        },
      );
    };
    again();
    return () => cancel();
  }

  #unreached(timeoutMs: number): PaminaError {
    const problem = this.#problem;
    const why = problem === null ? '' : `: ${problem.message}`;
    const message = `${this.name} was not reached within ${timeoutMs} ms${why}`;
    return new PaminaError('CONNECT_FAILED', message, {
      ...(problem !== null && { cause: problem }),
      context: { name: this.name, reason: problem?.code ?? null },
    });
  }
}

function leadsTo(link: CallsLink, { address, instance }: Found): boolean {
  return address === link.address && (instance === null || instance === link.welcome.instance);
}

function moved(name: string, { address }: Found): PaminaError {
  return new PaminaError('CONNECTION_LOST', `${name} is served at ${address} now`);
}

/** Another database than that which was looked for. */
function unfit(
  { address, welcome }: CallsLink,
  isMaster: boolean,
  instance: string | null,
): PaminaError | null {
  const { databaseType, name } = welcome;
  if (instance !== null && instance !== welcome.instance) {
    const message = `${name} at ${address} is not the database that the directory names so`;
    return new PaminaError('NAME_NOT_FOUND', message, {
      hint: 'The directory is about to say where it is, or that server was given another data folder.',
      context: { name, address },
    });
  }
  // Any other has a history of its own, whose numbers say nothing of what was seen.
  if (databaseType === (isMaster ? 'normal' : 'replica')) return null;
  return new PaminaError('DATABASE_TYPE', `${name} at ${address} is ${databaseType}`);
}

function isHopeless(problem: PaminaError | null): problem is PaminaError {
  return isPaminaError(problem) && hopeless.has(problem.code);
}
