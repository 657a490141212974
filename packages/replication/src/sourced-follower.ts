// A replica that has an archive beside its master: runs the choice between the two, reads the archive, and
// sees to it that only one of them is received from at a time.
import type { Env } from '@pamina/env';
import { type Position, timelineAt, toPaminaError } from '@pamina/format';
import type { SegmentBytes } from '@pamina/wire';
import type { FollowerDatabase, JobLogWriter } from './contract.js';
import { checkSegment } from './follower-accept.js';
import type { Problem } from './follower-event.js';
import { FollowerRunner, type FollowerRunnerOptions } from './follower-runner.js';
import type { ArchiveSourceStatus, FollowerStatus } from './follower-status.js';
import type { LogArchive } from './log-archive.js';
import { OnceLog } from './once-log.js';
import { SessionLine } from './session-line.js';
import type { SourceEffect, SourceEvent, SourceRule, SourceState } from './source-event.js';
import { startSource, stepSource } from './source.js';

export interface SourcedFollowerOptions extends Omit<FollowerRunnerOptions, 'onReached'> {
  /** Address without credentials. */
  readonly archive: string;
  /** Opens it, with credentials as they are now. */
  readonly openArchive: (signal: AbortSignal) => Promise<LogArchive>;
  /** As set now. */
  readonly rule: () => SourceRule;
}

type WithoutMoment<E> = E extends SourceEvent ? Omit<E, 'at' | 'rule'> : never;
type Happening = WithoutMoment<SourceEvent>;
type Effects = {
  readonly [T in SourceEffect['type']]: (effect: Extract<SourceEffect, { type: T }>) => void;
};

const isFromArchive: ReadonlySet<SourceState['name']> = new Set([
  'reading',
  'waiting',
  'retrying',
  'stopped',
  'yielding',
]);

export class SourcedFollower {
  readonly #options: SourcedFollowerOptions;
  readonly #database: FollowerDatabase;
  readonly #env: Env;
  readonly #jobLog: JobLogWriter;
  readonly #inner: FollowerRunner;
  /** What the master's follower says again and again while the archive is followed. */
  readonly #innerLog: OnceLog;
  readonly #sessionLine: SessionLine;
  #state: SourceState;
  #archive: LogArchive | null = null;
  #reading: AbortController | null = null;
  #running: Promise<void> = Promise.resolve();
  #closing: Promise<void> = Promise.resolve();
  #cancelTimer: (() => void) | null = null;
  #unhear: (() => void) | null = null;
  readonly #listeners = new Set<(status: FollowerStatus) => void>();
  #known: Omit<ArchiveSourceStatus, 'address' | 'isSource' | 'problem'> = {
    position: null,
    completeUntil: null,
    lookedAt: null,
  };

  constructor(options: SourcedFollowerOptions) {
    const { archive: _address, openArchive: _open, rule: _rule, ...rest } = options;
    this.#options = options;
    this.#database = options.database;
    this.#env = options.env;
    this.#jobLog = options.jobLog;
    this.#innerLog = new OnceLog(options.jobLog, () => isFromArchive.has(this.#state.name));
    this.#sessionLine = new SessionLine(options.jobLog);
    this.#state = startSource(options.env.clock.now());
    this.#inner = new FollowerRunner({
      ...rest,
      jobLog: this.#innerLog,
      onReached: () => this.#makeWay(),
    });
  }

  /** Begins to follow, also out of a terminal state. Does nothing while it follows already. */
  start(): void {
    this.#unhear ??= this.#inner.onChange(({ state, reason }) =>
      this.#dispatch({ type: 'follower', name: state, reason }),
    );
    this.#dispatch({ type: 'start' });
    this.#inner.start();
  }

  /** Resolves when everything received is stored and nothing runs any more. */
  async stop(): Promise<void> {
    await this.#inner.stop();
    this.#halt();
    await this.#running;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#unhear?.();
    this.#unhear = null;
    this.#letGo();
    await this.#closing;
  }

  /** See FollowerRunner.passUp. */
  passUp(replica: string, simultaneousQuery: boolean): void {
    this.#inner.passUp(replica, simultaneousQuery);
  }

  forgetPassedUp(replica: string): void {
    this.#inner.forgetPassedUp(replica);
  }

  setReadOnly(readOnly: boolean): void {
    this.#inner.setReadOnly(readOnly);
  }

  /** What `rule` gives has changed. */
  ruleChanged(): void {
    this.#dispatch({ type: 'rule' });
  }

  /** At most so many ms old; null if it is not known. What an archive says of its age proves nothing yet. */
  behindMs(place: 'durable' | 'applied'): number | null {
    return this.#inner.behindMs(place);
  }

  /** After each change, with what is shown then. Returns the removal of the listener. */
  onChange(listener: (status: FollowerStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  status(): FollowerStatus {
    const inner = this.#inner.status();
    const isSource = isFromArchive.has(this.#state.name);
    const { code, message, reason, shown: state, since } = this.#state;
    const problem = isSource && code !== null ? reason : null;
    const archive = { ...this.#known, address: this.#options.archive, isSource, problem };
    if (!isSource) return { ...inner, archive };
    const durable = this.#position(this.#database.durable().seq);
    return {
      ...inner,
      ...{ state, reason, code, since, message },
      received: durable,
      durable,
      applied: this.#position(this.#database.applied().seq),
      archive,
    };
  }

  #dispatch(happening: Happening): void {
    const { clock, random } = this.#env;
    const at = { now: clock.now(), monotonicMs: clock.monotonic(), chance: random.fraction() };
    const event = { ...happening, at, rule: this.#options.rule() } as SourceEvent;
    const { effects, state } = stepSource(this.#state, event);
    this.#state = state;
    for (const effect of effects) {
      (this.#effects[effect.type] as (effect: SourceEffect) => void)(effect);
    }
    // Behind the choice: a master that has not the log any more is no end where an archive has it.
    for (const listener of this.#listeners) listener(this.status());
  }

  readonly #effects: Effects = {
    read: () => this.#read(),
    halt: () => this.#halt(),
    probe: () => this.#inner.start(),
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
      this.#jobLog.write(level, event, message, { archive: this.#options.archive });
    },
  };

  async #makeWay(): Promise<void> {
    this.#dispatch({ type: 'reached' });
    await this.#running;
  }

  #halt(): void {
    this.#reading?.abort();
    this.#reading = null;
  }

  #read(): void {
    this.#halt();
    const reading = new AbortController();
    const { signal } = reading;
    this.#reading = reading;
    const before = this.#running;
    this.#running = this.#lookAfter(before, signal);
  }

  /** Never rejects: what goes wrong is the state's. */
  async #lookAfter(before: Promise<void>, signal: AbortSignal): Promise<void> {
    await before;
    if (signal.aborted) return;
    try {
      await this.#look(signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#letGo();
      return this.#dispatch({ type: 'read-failed', problem: problemOf(error) });
    }
    if (!signal.aborted) this.#dispatch({ type: 'read-ended' });
  }

  /** Receives what the archive has behind the end of the own log. */
  async #look(signal: AbortSignal): Promise<void> {
    await this.#inner.stored();
    this.#database.forgetPartialRecord();
    this.#archive ??= await this.#options.openArchive(signal);
    const archive = this.#archive;
    const { point, segment } = this.#database.resumePoint();
    const end = { timelines: this.#database.timelines, point, segment };
    for await (const { chunk, timelines } of archive.read(end, signal)) {
      if (timelines !== null) await this.#database.adoptTimelines(timelines);
      await this.#store(chunk);
      if (signal.aborted) return;
      this.#dispatch({ type: 'read' });
    }
    await archive.watch(() => this.#dispatch({ type: 'woken' }));
    const complete = await archive.completeUntil(signal);
    const { seq } = this.#database.durable();
    this.#known = {
      position: this.#position(seq),
      completeUntil: complete !== null && complete.seq <= seq ? complete.time : null,
      lookedAt: this.#env.clock.now(),
    };
  }

  async #store(chunk: SegmentBytes): Promise<void> {
    const { control, identity, timelines } = this.#database;
    const masterName = control.master ?? '';
    const self = { ...identity, masterName, timelines, durableSeq: this.#database.durable().seq };
    const problem = checkSegment(self, timelines, chunk);
    if (problem !== null) throw new RefusedChunk(problem);
    await this.#database.receive(chunk);
    this.#sessionLine.announce(chunk.segment, control.simultaneousQuery);
  }

  /** Opened again before the next look: credentials may have changed. */
  #letGo(): void {
    const archive = this.#archive;
    this.#archive = null;
    this.#closing = this.#closing.then(() => archive?.close());
  }

  #position(seq: number): Position {
    return { timeline: timelineAt(this.#database.timelines, seq).timeline, seq };
  }
}

/** Carries a problem up to where problems are judged. */
class RefusedChunk extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

function problemOf(error: unknown): Problem {
  if (error instanceof RefusedChunk) return error.problem;
  const { code, message, retryable } = toPaminaError(error);
  return { code, message, retryable: retryable || mayHeal.has(code) };
}

/** What the storage or a person mends: looked at again and again. */
const mayHeal: ReadonlySet<string> = new Set([
  'ARCHIVE_CREDENTIALS_MISSING',
  'ARCHIVE_DAMAGED',
  'ARCHIVE_DENIED',
  'ARCHIVE_KEY_INVALID',
  'ARCHIVE_NOT_FOUND',
  'BACKUP_NOT_FOUND',
  'LOG_DAMAGED',
]);
