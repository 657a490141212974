// A database that this process holds open, with everything that works on it: its follower, the feeds
// of its replicas, the calls under way. It goes offline in order: no new work, end the old, close.

import { setMaxListeners } from 'node:events';
import type { ArchiverRunner } from '@pamina/backup';
import type { Channel, Env } from '@pamina/env';
import type { ReplicaAudit } from '@pamina/backup';
import type { Database } from '@pamina/engine';
import { PaminaError } from '@pamina/format';
import {
  FeedSeats,
  type FeedStatus,
  type FollowerRunner,
  runFeed,
  type SourcedFollower,
} from '@pamina/replication';
import { RemoteTransactions } from './remote-transactions.js';
import { StopPace } from './stop-pace.js';
import { ReplicaEnds } from './replica-ends.js';

/** How long calls under way may still take; then they end with the database. */
const goodbyeMs = 10_000;
/** How long replicas may still take to confirm what was committed. */
const confirmMs = 1000;

export class OnlineDatabase {
  readonly name: string;
  readonly database: Database;
  /** ms since 1970 */
  readonly since: number;
  /** Those that clients have begun. */
  readonly transactions: RemoteTransactions;
  /** Replicas that are connected at this moment. */
  readonly feeds = new Map<Channel, FeedStatus | null>();
  readonly ends = new ReplicaEnds();
  /** By the name of the archive. */
  readonly archivers = new Map<string, ArchiverRunner>();
  follower: FollowerRunner | SourcedFollower | null = null;
  /** Of a replica. */
  audit: ReplicaAudit | null = null;
  /** A replica has proved that another database took this one's place. */
  onTakenOver: ((replica: string) => void) | null = null;
  /** What is to be said beside what its follower says; null when there is nothing. */
  note: string | null = null;
  /** Since when it was in the state that it could not be made anew out of; null when that is to be tried. */
  recreateFailedOf: number | null = null;
  /** Whoever has its master's place is being looked for. */
  isSeekingSuccessor = false;
  /** Whether the name is entered in the directory. */
  isRegistered = false;
  readonly #env: Env;
  readonly #ending = new AbortController();
  readonly #seats: FeedSeats;
  readonly #feedRuns = new Map<Channel, { run: Promise<void>; end: () => void }>();
  #uses = 0;
  #unused: (() => void) | null = null;

  constructor(name: string, database: Database, env: Env) {
    this.name = name;
    this.database = database;
    this.since = env.clock.now();
    this.#env = env;
    this.#seats = new FeedSeats(env.clock);
    this.transactions = new RemoteTransactions(database);
    // Each connection and each stream listens; Node takes more than ten for a leak.
    setMaxListeners(0, this.#ending.signal);
  }

  /** Open at this moment, of clients and of the program that this is. */
  get openTransactions(): number {
    const { queries, transactions } = this.database;
    if (this.signal.aborted) return 0;
    return Math.max(transactions.size, queries?.size ?? 0, this.transactions.size);
  }

  /** No client begins a transaction any more, until the returned function is called: DATABASE_STOPPING. */
  refuseTransactions(why: string): () => void {
    return this.transactions.refuse(new PaminaError('DATABASE_STOPPING', why));
  }

  /** Aborted when the database is about to go offline. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** DATABASE_OFFLINE when it is about to. Every `use` is followed by its release. */
  use(): () => void {
    if (this.signal.aborted) throw this.signal.reason as Error;
    this.#uses += 1;
    let isHeld = true;
    return () => {
      if (isHeld) this.#uses -= 1;
      isHeld = false;
      if (this.#uses === 0) this.#unused?.();
    };
  }

  async restartFollower(): Promise<void> {
    await this.follower?.stop();
    // It went offline meanwhile: nobody would stop the follower again.
    if (!this.signal.aborted) this.follower?.start();
  }

  async feed(channel: Channel): Promise<void> {
    const ending = new AbortController();
    const run = runFeed(channel, this.database, {
      signal: ending.signal,
      seats: this.#seats,
      onStatus: (status) => this.feeds.set(channel, status),
      onEnd: (end) => {
        this.ends.note(end, this.#env.clock.now());
        // It may have come again on another channel before this one ended.
        const others = [...this.feeds].filter(([other]) => other !== channel);
        if (others.every(([, status]) => status?.replica !== end.replica)) {
          this.follower?.forgetPassedUp(end.replica);
        }
      },
      onQueryWanted: (replica, isOn) => this.follower?.passUp(replica, isOn),
      onTakenOver: (replica) => this.onTakenOver?.(replica),
    });
    this.feeds.set(channel, null);
    this.#feedRuns.set(channel, { run, end: () => ending.abort() });
    if (this.signal.aborted) ending.abort();
    try {
      await run;
    } finally {
      this.feeds.delete(channel);
      this.#feedRuns.delete(channel);
    }
  }

  /**
   * Ends the feeds of a replica, and those that have not said yet whose they are: who may still
   * follow connects again. Resolves when none of them reports any more.
   */
  async endFeedsOf(replica: string): Promise<void> {
    const ended: Promise<void>[] = [];
    for (const [channel, { end, run }] of this.#feedRuns) {
      const status = this.feeds.get(channel) ?? null;
      if (status !== null && status.replica !== replica) continue;
      end();
      ended.push(run);
    }
    await Promise.all(ended);
  }

  /** Ends all work, then closes the database. With the pace `abort` nobody is waited for. */
  async close({ abort }: StopPace = new StopPace('rollback')): Promise<void> {
    const { name } = this;
    this.#ending.abort(new PaminaError('DATABASE_OFFLINE', `${name} is going offline`));
    const rolledBack = `${name} is going offline: the transaction was rolled back`;
    await this.transactions.end(new PaminaError('DATABASE_OFFLINE', rolledBack));
    // What is received is stored before anything is closed: no reader of this process holds that up.
    this.database.queries?.end(new PaminaError('DATABASE_OFFLINE', rolledBack));
    if (!abort.aborted) await this.database.synchronous.quiet(confirmMs);
    const feeds = [...this.#feedRuns.values()];
    for (const { end } of feeds) end();
    await this.follower?.stop();
    await Promise.all(feeds.map(({ run }) => run));
    // Nobody confirms any more: who waits hears it, and lets go of the database.
    this.database.synchronous.end();
    await this.audit?.close();
    await this.#whenUnused(abort);
    const archivers = [...this.archivers.values()];
    await Promise.all(
      archivers.map((archiver) => (abort.aborted ? archiver.stop() : archiver.finish())),
    );
    await this.database.close();
  }

  #whenUnused(abort: AbortSignal): Promise<void> {
    if (this.#uses === 0 || abort.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#env.clock.after(goodbyeMs, resolve);
      const done = (): void => {
        cancel();
        abort.removeEventListener('abort', done);
        resolve();
      };
      this.#unused = done;
      abort.addEventListener('abort', done);
    });
  }
}
