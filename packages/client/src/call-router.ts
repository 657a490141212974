// Where the calls of a remote database go, and what becomes of those that had no answer: a read is asked again, a
// write never. What a server refused before it did anything goes to who has its place now.

import { formatPosition, isPaminaError, PaminaError, type ErrorCode } from '@pamina/format';
import { type CallDemands, callVerb, readReplicaNames } from '@pamina/wire';
import { type CallsLink, LinkEnded } from './calls-link.js';
import { CallsPlace } from './calls-place.js';
import type { ReadSession } from './read-session.js';
import type { Finder, RemoteEnv } from './remote-env.js';
import type { ReadFrom } from './remote-options.js';

export interface RouterParts {
  readonly name: string;
  readonly env: RemoteEnv;
  readonly finder: Finder;
  readonly token: string | undefined;
  readonly readFrom: ReadFrom;
  readonly replicas: readonly string[] | undefined;
  readonly maxStalenessMs: number | undefined;
  readonly replicaWaitMs: number;
  readonly timeoutMs: number;
  readonly session: ReadSession;
  onLinked(link: CallsLink): void;
  onLost(why: PaminaError): void;
}

export type Read<T> = (link: CallsLink, demands: CallDemands | null) => Promise<T>;
export type Write<T> = (link: CallsLink) => Promise<T>;

const quietMs = 10_000;
const lookForReplicasEveryMs = 10_000;
const againMsMin = 20;
const againMsMax = 1000;

/** Nothing was done, and it may be that another server has the place of the one that refused. */
const refusedAsMaster: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'DATABASE_OFFLINE',
  'DATABASE_TYPE',
  'FENCED',
  'NOT_QUERYABLE',
  'POSITION_TIMEOUT',
  'REPLICA_READ_ONLY',
]);
/** Of those, what is over by itself where a failover is under way. */
const isPassing: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['DATABASE_OFFLINE', 'FENCED']);
/** The master can still answer. */
const refusedAsReplica: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'BACKLOG_FULL',
  'DATABASE_CLOSED',
  'DATABASE_FAILED',
  'DATABASE_OFFLINE',
  'NOT_QUERYABLE',
  'POSITION_LOST',
  'POSITION_TIMEOUT',
  'QUERY_CANCELLED',
  'READERS_FULL',
  'REPLICA_STALE',
  'STORE_REOPENED',
]);

export class CallRouter {
  readonly master: CallsPlace;
  readonly #parts: RouterParts;
  readonly #replicas = new Map<string, CallsPlace>();
  #turn = 0;
  #cancelLook = (): void => undefined;
  #isClosed = false;

  constructor(parts: RouterParts) {
    this.#parts = parts;
    this.master = this.#place(parts.name, true);
    if (parts.readFrom === 'master') return;
    for (const name of parts.replicas ?? []) this.#replicas.set(name, this.#place(name, false));
  }

  start(): void {
    this.master.start();
    for (const place of this.#replicas.values()) place.start();
  }

  async close(why: PaminaError): Promise<void> {
    this.#isClosed = true;
    this.#cancelLook();
    const places = [this.master, ...this.#replicas.values()];
    await Promise.all(places.map((place) => place.close(why, quietMs)));
  }

  /** The names of the replicas that are connected. */
  get connectedReplicas(): string[] {
    return [...this.#replicas.values()].filter(({ link }) => link !== null).map(({ name }) => name);
  }

  write<T>(run: Write<T>): Promise<T> {
    return this.#atMaster(run, true);
  }

  /** At the master, and asked again if there was no answer. */
  ask<T>(run: Write<T>): Promise<T> {
    return this.#atMaster(run, false);
  }

  read<T>(run: Read<T>, maxStalenessMs = this.#parts.maxStalenessMs): Promise<T> {
    const place = this.pick();
    if (place === this.master) return this.#readMaster(run);
    const { link } = place;
    if (link === null) return this.#readMaster(run);
    return run(link, this.demandsOf(link, maxStalenessMs)).catch((error: unknown) => {
      if (this.isForMaster(error)) return this.#readMaster(run);
      throw error;
    });
  }

  /** Where the next read goes. */
  pick(): CallsPlace {
    const { readFrom } = this.#parts;
    if (readFrom === 'master' || this.#replicas.size === 0) return this.master;
    const there = [...this.#replicas.values()].filter(({ link }) => link !== null);
    if (readFrom === 'replica') return there[this.#turn++ % there.length] ?? this.master;
    let nearest = this.master;
    for (const place of there) {
      if ((place.roundTripMs ?? Infinity) < (nearest.roundTripMs ?? Infinity)) nearest = place;
    }
    return nearest;
  }

  /** What a read at the end of that connection asks for so that it shows nothing older than what was seen. */
  demandsOf(link: CallsLink, maxStalenessMs?: number): CallDemands | null {
    const { replicaWaitMs, session } = this.#parts;
    const isBehind = session.isAheadOf(link);
    if (!isBehind && maxStalenessMs === undefined) return null;
    const { position } = session;
    const after = isBehind && position !== null ? formatPosition(position) : undefined;
    return {
      ...(after !== undefined && { after, timeoutMs: replicaWaitMs }),
      ...(maxStalenessMs !== undefined && { maxStalenessMs }),
    };
  }

  /** Of what is opened there: only replicas can be too old. */
  demandsAt(link: CallsLink, maxStalenessMs = this.#parts.maxStalenessMs): CallDemands | null {
    return this.demandsOf(link, link === this.master.link ? undefined : maxStalenessMs);
  }

  /** A read that ended so at a replica is for the master. */
  isForMaster(error: unknown): boolean {
    return error instanceof LinkEnded || isRefused(error, refusedAsReplica);
  }

  #readMaster<T>(run: Read<T>): Promise<T> {
    return this.ask((link) => run(link, this.demandsOf(link)));
  }

  #atMaster<T>(run: Write<T>, isWrite: boolean): Promise<T> {
    const { link } = this.master;
    if (link !== null) {
      return run(link).catch((error: unknown) => this.#again(run, isWrite, link, error));
    }
    let used: CallsLink | null = null;
    const first = this.master.with(this.#parts.timeoutMs, (found) => {
      used = found;
      return run(found);
    });
    return first.catch((error: unknown) => {
      if (used === null) throw error;
      return this.#again(run, isWrite, used, error);
    });
  }

  /** Until it succeeds, fails for good, or its time is over. */
  async #again<T>(
    run: Write<T>,
    isWrite: boolean,
    firstLink: CallsLink,
    firstError: unknown,
  ): Promise<T> {
    const { clock } = this.#parts.env;
    const until = clock.monotonic() + this.#parts.timeoutMs;
    let link = firstLink;
    let error = firstError;
    for (let attempt = 0; ; attempt++) {
      await this.#mayRepeat(error, isWrite, link, until, attempt);
      try {
        return await this.master.with(Math.max(1, until - clock.monotonic()), (found) => {
          link = found;
          return run(found);
        });
      } catch (thrown) {
        error = thrown;
      }
    }
  }

  /** Throws if the call may not be repeated. */
  async #mayRepeat(
    error: unknown,
    isWrite: boolean,
    link: CallsLink,
    until: number,
    attempt: number,
  ): Promise<void> {
    const { clock } = this.#parts.env;
    if (error instanceof LinkEnded) {
      if (isWrite && error.isSent) throw unknownCommit(this.#parts.name, error);
      return;
    }
    if (!isRefused(error, refusedAsMaster)) throw error;
    if (await this.master.isElsewhere(link)) return;
    const waitMs = Math.min(againMsMax, againMsMin * 2 ** attempt);
    if (!isPassing.has(error.code) || clock.monotonic() + waitMs > until) throw error;
    await clock.sleep(waitMs);
    if (this.#isClosed) throw error;
  }

  #place(name: string, isMaster: boolean): CallsPlace {
    const { env, finder, readFrom, session, token } = this.#parts;
    return new CallsPlace({
      name,
      env,
      finder,
      token,
      isMaster,
      isMeasured: readFrom === 'nearest',
      onPlace: (place) => session.see(place),
      onLinked: (link) => {
        this.#parts.onLinked(link);
        if (isMaster) this.#lookForReplicas(link);
      },
      onLost: (why) => this.#parts.onLost(why),
    });
  }

  /** Those that the master lets be queried, again and again as long as it is connected. */
  #lookForReplicas(link: CallsLink): void {
    const { env, readFrom, replicas } = this.#parts;
    if (readFrom === 'master' || replicas !== undefined) return;
    this.#cancelLook();
    const names = link.call(
      callVerb.replicas,
      () => undefined,
      ({ body }) => readReplicaNames(body),
    );
    names.then(
      (found) => {
        if (this.#isClosed || !link.isOpen) return;
        this.#keepReplicas(found);
        this.#cancelLook = env.clock.after(lookForReplicasEveryMs, () =>
          this.#lookForReplicas(link),
        );
      },
      () => {
        // The next connection asks again; until then those that are known stay.
      },
    );
  }

  #keepReplicas(names: readonly string[]): void {
    for (const [name, place] of this.#replicas) {
      if (names.includes(name)) continue;
      this.#replicas.delete(name);
      void place.close(new PaminaError('CONNECTION_LOST', `${name} is no replica any more`));
    }
    for (const name of names) {
      if (this.#replicas.has(name) || name === this.#parts.name) continue;
      const place = this.#place(name, false);
      this.#replicas.set(name, place);
      place.start();
    }
  }
}

function isRefused(error: unknown, codes: ReadonlySet<ErrorCode>): error is PaminaError {
  return isPaminaError(error) && codes.has(error.code);
}

export function unknownCommit(name: string, { cause, message }: LinkEnded): PaminaError {
  const text = `the connection to ${name} ended before a write was answered: ${message}`;
  return new PaminaError('COMMIT_UNKNOWN', text, {
    cause,
    hint: 'The commit may or may not be kept. Read the keys back before you write them again.',
  });
}
