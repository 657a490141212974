// Runs the follower's state machine for one replica: finds the master, holds the one channel, stores
// what comes, keeps the timers, and says how far it is.

import type { Env } from '@pamina/env';
import { type Position, timelineAt, toPaminaError } from '@pamina/format';
import type {
  ChannelPoint,
  FeedMessage,
  HeartbeatMessage,
  SegmentBytes,
  WelcomeMessage,
} from '@pamina/wire';
import type { FollowerDatabase, JobLogWriter } from './contract.js';
import { checkSegment, checkWelcome, type Self } from './follower-accept.js';
import type {
  FollowerEffect,
  FollowerEvent,
  FollowerState,
  Moment,
  Problem,
} from './follower-event.js';
import { FollowerLink, type ResolveMaster } from './follower-link.js';
import type { FollowerStatus } from './follower-status.js';
import { startFollower, stepFollower } from './follower.js';
import { FrameQueue } from './frame-queue.js';
import { LagMeter, type Places } from './lag.js';
import { type Reached, StalenessMeter } from './staleness.js';
import { heartbeatMs } from './replication-limits.js';
import { SessionLine } from './session-line.js';

export interface FollowerRunnerOptions {
  readonly database: FollowerDatabase;
  readonly env: Env;
  /** Where the feed of a database is; null when nobody knows at present. */
  readonly resolveMaster: ResolveMaster;
  readonly jobLog: JobLogWriter;
  /** A channel to the master is open: resolves when nobody else stores into the database any more. */
  readonly onReached?: (() => Promise<void>) | undefined;
}

type WithoutMoment<E> = E extends FollowerEvent ? Omit<E, 'at'> : never;
type Happening = WithoutMoment<FollowerEvent>;
type Effects = {
  readonly [T in FollowerEffect['type']]: (effect: Extract<FollowerEffect, { type: T }>) => void;
};

export class FollowerRunner {
  readonly #database: FollowerDatabase;
  readonly #env: Env;
  readonly #jobLog: JobLogWriter;
  /** The master tells by it this runner that comes again from one on a copy of the folder. */
  readonly #run: string;
  readonly #link: FollowerLink;
  readonly #queue: FrameQueue;
  readonly #listeners = new Set<(status: FollowerStatus) => void>();
  #meter = new LagMeter();
  readonly #staleness = new StalenessMeter();
  #state: FollowerState;
  /** The frame that the event being handled carries. */
  #frame: SegmentBytes | null = null;
  /** The welcomed one. */
  #history: Self['timelines'] = [];
  readonly #sessionLine: SessionLine;
  #heardAt: number | null = null;
  /** When it last said hello, monotonic. */
  #helloMs = 0;
  #reported = '';
  /** Of replicas that are connected to this one, as many as are permitted. */
  readonly #passedUp = new Map<string, boolean>();
  #cancelTimer: (() => void) | null = null;
  #cancelTick: (() => void) | null = null;
  #unwatch: (() => void) | null = null;

  constructor(options: FollowerRunnerOptions) {
    this.#database = options.database;
    this.#env = options.env;
    this.#jobLog = options.jobLog;
    this.#sessionLine = new SessionLine(options.jobLog);
    this.#run = Buffer.from(options.env.random.bytes(8)).toString('hex');
    this.#state = startFollower(options.env.clock.now());
    this.#queue = new FrameQueue({
      store: (chunk) => this.#database.receive(chunk),
      onStored: (chunk) => this.#stored(chunk),
      onFailed: (error) => {
        this.#meter.dropped();
        this.#dispatch({ type: 'store-failed', problem: problemOf(error) });
      },
    });
    this.#link = new FollowerLink(options.env, options.resolveMaster, {
      ready: () => this.#queue.idle(),
      reached: async () => options.onReached?.(),
      onOpen: () => this.#dispatch({ type: 'connected' }),
      onOpenFailed: (problem) => this.#dispatch({ type: 'connect-failed', problem }),
      onMessage: (message) => this.#hear(message),
      onBytes: (chunk) => this.#take(chunk),
      onInvalid: (error) => this.#dispatch({ type: 'refused', problem: problemOf(error) }),
      onClosed: (message) => this.#dispatch({ type: 'closed', message }),
    });
  }

  /** Begins to follow, also out of a terminal state. Does nothing while it follows already. */
  start(): void {
    const { control } = this.#database;
    this.#dispatch({
      type: 'start',
      masterName: control.master ?? '',
      readOnly: control.readOnly,
      durableSeq: this.#database.durable().seq,
    });
    this.#cancelTick ??= this.#tickLater();
    this.#unwatch ??= this.#database.onFailed(({ message }) => {
      const problem = { code: 'DATABASE_FAILED', message, retryable: false };
      this.#dispatch({ type: 'store-failed', problem });
    });
  }

  /** Ends the connection and resolves when everything received is stored and nothing runs any more. */
  async stop(): Promise<void> {
    this.#cancelTick?.();
    this.#cancelTick = null;
    this.#unwatch?.();
    this.#unwatch = null;
    this.#dispatch({ type: 'stop' });
    await this.#link.settle();
    await this.#queue.idle();
  }

  /** Resolves when nothing that was received waits to be stored. */
  stored(): Promise<void> {
    return this.#queue.idle();
  }

  /** The property `readOnly` was changed: true stops replicating, false catches up by itself. */
  setReadOnly(readOnly: boolean): void {
    this.#dispatch({ type: 'read-only', readOnly });
  }

  /** A replica that follows this one has simultaneous query on, or not any more: told to the master, now or later. */
  passUp(replica: string, simultaneousQuery: boolean): void {
    this.#passedUp.set(replica, simultaneousQuery);
    if (this.#state.master === null) return;
    this.#link.send({ type: 'query', replica, simultaneousQuery });
  }

  /** It does not follow this one any more: what it wants it tells whom it follows now. */
  forgetPassedUp(replica: string): void {
    this.#passedUp.delete(replica);
  }

  /** How many ms this replica is behind its master at most; null if that is not known. */
  behindMs(place: 'durable' | 'applied'): number | null {
    this.#staleness.update(this.#reached());
    return this.#staleness.behindMs(place, this.#env.clock.monotonic());
  }

  /** Called at each change of state or reason; returns its own removal. */
  onChange(listener: (status: FollowerStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  status(): FollowerStatus {
    const { name, reason, code, since, message, master, replicationDelayMs, masterName } =
      this.#state;
    const places = this.#places();
    const monotonicMs = this.#env.clock.monotonic();
    const isConnected = name === 'catching-up' || name === 'streaming' || name === 'waiting';
    const lag = (place: keyof Places) => this.#meter.lag(place, places, isConnected, monotonicMs);
    return {
      state: name,
      reason,
      code,
      since,
      message,
      master: {
        name: this.#database.control.master ?? masterName,
        address: this.#link.address,
        position: master === null ? null : positionOf(master.point),
        heardAt: this.#heardAt,
        replicationDelayMs: master === null ? null : replicationDelayMs,
      },
      received: this.#position(places.received.seq),
      durable: this.#position(places.durable.seq),
      applied: this.#position(places.applied.seq),
      lag: { received: lag('received'), durable: lag('durable'), applied: lag('applied') },
      lastReplicatedModificationTime: places.applied.time === 0 ? null : places.applied.time,
    };
  }

  #dispatch(happening: Happening): void {
    const before = this.#state;
    const event = { ...happening, at: this.#moment() } as FollowerEvent;
    const { state, effects } = stepFollower(before, event);
    this.#state = state;
    if (state.master !== null && state.master !== before.master) this.#noteNews(state);
    for (const effect of effects) {
      (this.#effects[effect.type] as (effect: FollowerEffect) => void)(effect);
    }
    if (before.name === state.name && before.reason === state.reason) return;
    for (const listener of this.#listeners) listener(this.status());
  }

  readonly #effects: Effects = {
    connect: () => this.#link.open(this.#state.masterName),
    hello: () => this.#hello(),
    request: ({ bytes, wait }) => this.#link.send({ type: 'request', bytes, wait }),
    report: () => this.#report(),
    disconnect: ({ goodbye }) => this.#link.close(goodbye),
    store: () => {
      if (this.#frame === null) return;
      this.#meter.received(this.#frame.bytes.length);
      this.#queue.push(this.#frame);
    },
    timer: ({ afterMs }) => {
      this.#cancelTimer?.();
      this.#cancelTimer = this.#env.clock.after(afterMs, () => {
        this.#cancelTimer = null;
        this.#dispatch({ type: 'timer' });
      });
    },
    'cancel-timer': () => {
      this.#cancelTimer?.();
      this.#cancelTimer = null;
    },
    log: ({ level, event, message }) => {
      this.#jobLog.write(level, event, message, { master: this.#state.masterName });
    },
  };

  #hello(): void {
    try {
      const { control, identity, timelines } = this.#database;
      this.#database.forgetPartialRecord();
      const { segment, point } = this.#database.resumePoint();
      this.#reported = '';
      this.#helloMs = this.#env.clock.monotonic();
      this.#link.greet({
        database: this.#state.masterName,
        replica: control.name,
        instance: identity.instance,
        run: this.#run,
        pattern: identity.pattern,
        timelines,
        point: pointOf(point),
        segment,
        simultaneousQuery: control.simultaneousQuery,
      });
    } catch (error) {
      this.#dispatch({ type: 'store-failed', problem: problemOf(error) });
    }
  }

  #hear(message: FeedMessage): void {
    if (message.type === 'welcome') {
      const problem = checkWelcome(this.#self(), message);
      if (problem !== null) return this.#dispatch({ type: 'refused', problem });
      return this.#adopt(message);
    }
    if (message.type === 'end') return this.#dispatch({ type: 'end', end: message });
    if (message.type === 'heartbeat') {
      this.#noteBeat(message);
      return this.#dispatch({ type: 'heartbeat', heartbeat: message });
    }
    const { code, message: text } = message;
    return this.#dispatch({ type: 'refused', problem: { code, message: text, retryable: true } });
  }

  /** The history is on this disk before anything of it is received. */
  #adopt(welcome: WelcomeMessage): void {
    this.#link.pauseFor(
      () => this.#database.adoptTimelines(welcome.timelines),
      (error) => {
        if (error !== null) {
          return this.#dispatch({ type: 'store-failed', problem: problemOf(error) });
        }
        this.#history = welcome.timelines;
        this.#staleness.connected(welcome.time, this.#helloMs);
        this.#dispatch({ type: 'welcome', welcome });
        for (const [replica, isOn] of this.#passedUp) this.passUp(replica, isOn);
      },
    );
  }

  #take(chunk: SegmentBytes): void {
    // Before the first welcome there is no history to hold it against; no state takes bytes then.
    const isWelcomed = this.#history.length > 0;
    const problem = isWelcomed ? checkSegment(this.#self(), this.#history, chunk) : null;
    if (problem !== null) return this.#dispatch({ type: 'refused', problem });
    this.#frame = chunk;
    this.#dispatch({ type: 'bytes', bytes: chunk.bytes.length });
    this.#frame = null;
  }

  #stored(chunk: SegmentBytes): void {
    const durableSeq = this.#database.durable().seq;
    this.#meter.stored(chunk.bytes.length, durableSeq);
    this.#sessionLine.announce(chunk.segment, this.#database.control.simultaneousQuery);
    this.#dispatch({ type: 'stored', bytes: chunk.bytes.length, durableSeq });
  }

  /** Sent when something changed; the feed keeps the log from what is durable here on. */
  #report(): void {
    const places = this.#places();
    const durable = places.durable.seq;
    const received = Math.max(durable, places.received.seq);
    const applied = Math.min(durable, places.applied.seq);
    const text = `${received}/${durable}/${applied}`;
    if (text === this.#reported) return;
    this.#reported = text;
    this.#link.send({ type: 'report', received, durable, applied });
  }

  #noteNews(state: FollowerState): void {
    if (state.master !== null) this.#meter.hear(state.master, this.#places());
    this.#heardAt = this.#env.clock.now();
  }

  /** A master that cannot tell how far it is behind its own proves nothing. */
  #noteBeat({ behindMs = 0, point, time }: HeartbeatMessage): void {
    if (behindMs === null) return;
    const heardMs = this.#env.clock.monotonic();
    this.#staleness.hear({ seq: point.seq, time, behindMs, heardMs }, this.#reached());
  }

  #reached(): Reached {
    return { durable: this.#database.durable().seq, applied: this.#database.applied().seq };
  }

  #tickLater(): () => void {
    return this.#env.clock.after(heartbeatMs, () => {
      this.#cancelTick = this.#tickLater();
      this.#meter.update(this.#places());
      this.#dispatch({ type: 'tick' });
    });
  }

  #places(): Places {
    const durable = this.#database.durable();
    const received = Math.max(durable.seq, this.#queue.lastSeq);
    return {
      received: { seq: received, time: durable.time },
      durable,
      applied: this.#database.applied(),
    };
  }

  #position(seq: number): Position {
    const history = this.#history.length > 0 ? this.#history : this.#database.timelines;
    return { timeline: timelineAt(history, seq).timeline, seq };
  }

  #self(): Self {
    const { identity, timelines } = this.#database;
    const durableSeq = this.#database.durable().seq;
    return { ...identity, masterName: this.#state.masterName, timelines, durableSeq };
  }

  #moment(): Moment {
    const { clock, random } = this.#env;
    return { now: clock.now(), monotonicMs: clock.monotonic(), chance: random.fraction() };
  }
}

function positionOf(point: { readonly timeline: number; readonly seq: number }): Position {
  return { timeline: point.timeline, seq: point.seq };
}

/** Only the fields that travel. */
function pointOf(point: ChannelPoint): ChannelPoint {
  const { timeline, timelineId, seq, chain, time } = point;
  return { timeline, timelineId, seq, chain, time };
}

function problemOf(error: unknown): Problem {
  const { code, message, retryable } = toPaminaError(error);
  return { code, message, retryable };
}
