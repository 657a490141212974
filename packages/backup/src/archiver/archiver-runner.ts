// Runs the archiver's state machine for one database and one archive: keeps the timer, watches the log,
// carries out one request at a time. While nothing is written it does nothing at all.
import { isPaminaError, toPaminaError, type PaminaError } from '@pamina/format';
import type { ArchiverEffect, ArchiverEvent, ArchiverState, Problem } from './archiver-event.js';
import { startArchiver, stepArchiver } from './archiver.js';
import { ArchiverWork, type ArchiverWorkOptions, type ExpireGiven } from './archiver-work.js';
import type { ArchiveExpireReport } from './expire-archive.js';
import type { RetiredBackup } from './expire-plan.js';

export interface ArchiverOptions extends ArchiverWorkOptions {
  /** How long the open segment waits between two pieces. */
  readonly intervalMs?: number | undefined;
}

export interface ArchiverStatus {
  readonly name: string;
  readonly address: string;
  readonly state: ArchiverState['name'];
  readonly problem: Problem | null;
  /** Last record that is in the archive; null before the archive was looked at. */
  readonly archivedSeq: number | null;
  readonly archivedTime: number | null;
  /** Durable here and not there. */
  readonly behindBytes: number;
  /** Backups that are in the archive and did not expire. */
  readonly backups: number;
  /** Those that expired, and are kept there for readers elsewhere. */
  readonly retired: readonly RetiredBackup[];
}

const archiveIntervalMsDefault = 5000;
const minuteMs = 60_000;
/** How long a database that closes waits for an archive that takes what it is given. */
const farewellMs = 5000;

/** No retry helps against these. */
const finalCodes: ReadonlySet<string> = new Set([
  'ARCHIVE_CONFLICT',
  'ARCHIVE_ENCRYPTION',
  'ARCHIVE_GAP',
  'BODY_INVALID',
  'DIVERGED',
  'LOG_DAMAGED',
  'RECORD_INVALID',
  'SEGMENT_INVALID',
]);

type Effects = {
  readonly [T in ArchiverEffect['type']]: (effect: Extract<ArchiverEffect, { type: T }>) => void;
};

export class ArchiverRunner {
  readonly #options: ArchiverOptions;
  #state: ArchiverState;
  #work: ArchiverWork;
  #underWay: Promise<void> = Promise.resolve();
  #ending = new AbortController();
  #cancelTimer: (() => void) | null = null;
  #unwatch: (() => void) | null = null;
  readonly #listeners = new Set<() => void>();

  constructor(options: ArchiverOptions) {
    this.#options = options;
    this.#state = startArchiver(options.intervalMs ?? archiveIntervalMsDefault);
    this.#work = new ArchiverWork(options, this.#ending.signal);
  }

  start(): void {
    if (this.#unwatch !== null) return;
    this.#ending = new AbortController();
    this.#work = new ArchiverWork(this.#options, this.#ending.signal);
    this.#unwatch = this.#options.database.log.onDurable(() => {
      // Called after every sync: most often there is nothing to do about it.
      const { name } = this.#state;
      const isNews = name === 'idle' || (name === 'waiting' && this.#work.isSegmentClosed);
      if (isNews) this.#dispatch({ type: 'log-changed', ...this.#moment() });
    });
    this.settingsChanged();
    this.#dispatch({ type: 'start' });
  }

  /** How often an idle database says so. */
  settingsChanged(): void {
    const { archiveHeartbeatMinutes } = this.#options.database.system.settings();
    this.#dispatch({ type: 'heartbeat-interval', ms: archiveHeartbeatMinutes * minuteMs });
  }

  /**
   * Before the database closes, when nobody commits any more: what is left is archived, and that nothing came
   * after it until now. An archive that does not take it in a few seconds gets it after the next start.
   */
  async finish(): Promise<void> {
    const { clock } = this.#options.database.env;
    const { name } = this.#state;
    if (name === 'idle' || name === 'waiting' || name === 'working') {
      const late = new AbortController();
      const cancel = clock.after(farewellMs, () => late.abort(new Error('the archive is slow')));
      const signal = AbortSignal.any([late.signal, this.#ending.signal]);
      try {
        await this.settle(signal);
        await Promise.race([this.#sayFarewell(), whenAborted(signal)]);
      } catch (error) {
        // What the archive said is in the job log already.
        const isTold = error === this.#work.failure || signal.aborted;
        if (!isTold && !isPaminaError(error)) throw error;
      } finally {
        cancel();
      }
    }
    await this.stop();
  }

  /** Ends what is under way and resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#unwatch?.();
    this.#unwatch = null;
    this.#dispatch({ type: 'stop' });
    this.#ending.abort(new Error('the archiver stops'));
    await this.#underWay;
    this.#tell();
  }

  /** A backup was taken. */
  backupsChanged(): void {
    this.#dispatch({ type: 'backups-changed', ...this.#moment() });
  }

  /** Resolves when what is durable now, and every backup, is in the archive. Throws why it cannot be. */
  async settle(signal?: AbortSignal): Promise<void> {
    const { log } = this.#options.database;
    const { seq } = log.durable;
    this.#dispatch({ type: 'backups-changed', ...this.#moment() });
    this.#dispatch({ type: 'hurry', ...this.#moment() });
    for (;;) {
      signal?.throwIfAborted();
      const { name } = this.#state;
      const failure = this.#work.failure;
      if ((name === 'retrying' || name === 'blocked') && failure !== null) throw failure;
      if (name === 'stopped') throw this.#work.stopped();
      const isThere = (this.#work.position?.seq ?? -1) >= seq;
      // Two may wait: the calm of who has what he wants is not that of the other.
      if (isThere && log.durable.seq > seq) this.#dispatch({ type: 'calm' });
      else if (!isThere && !this.#state.isHurried)
        this.#dispatch({ type: 'hurry', ...this.#moment() });
      const isDone = isThere && !this.#state.areBackupsDue;
      if (isDone && (name === 'idle' || name === 'waiting')) return;
      await this.#changed(signal);
    }
  }

  /**
   * Removes what no rule keeps, between two requests of the archiver, so that no backup is being copied
   * meanwhile; started or not. What the archive says.
   */
  expire(given: ExpireGiven = {}): Promise<ArchiveExpireReport> {
    const { signal } = this.#ending;
    const done = this.#underWay.then(() => {
      if (signal.aborted) throw this.#work.stopped();
      return this.#work.expire(given);
    });
    this.#underWay = done.then(
      () => undefined,
      () => {
        // Told to who asked; the archiver goes on.
      },
    );
    return done;
  }

  status(): ArchiverStatus {
    const { address, name } = this.#options.setting;
    const { position } = this.#work;
    return {
      name,
      address,
      state: this.#state.name,
      problem: this.#state.problem,
      archivedSeq: position?.seq ?? null,
      archivedTime: position?.time ?? null,
      behindBytes: this.#work.behindBytes(),
      backups: this.#work.backups.size - this.#work.retired.length,
      retired: this.#work.retired,
    };
  }

  #sayFarewell(): Promise<void> {
    const done = this.#underWay.then(() => this.#work.writeHeartbeat());
    this.#underWay = done.catch(() => {
      // Told to who asked.
    });
    return done;
  }

  #moment() {
    return { nowMs: this.#options.database.env.clock.monotonic(), work: this.#work.left() };
  }

  #dispatch(event: ArchiverEvent): void {
    const { state, effects } = stepArchiver(this.#state, event);
    this.#state = state;
    for (const effect of effects) {
      (this.#effects[effect.type] as (effect: ArchiverEffect) => void)(effect);
    }
    this.#tell();
  }

  readonly #effects: Effects = {
    reconcile: () => this.#run('started', () => this.#work.reconcile()),
    'archive-segment': () => this.#run('log-archived', () => this.#work.archiveSegment()),
    'archive-piece': () => this.#run('log-archived', () => this.#work.archivePiece()),
    'archive-backups': () => this.#run('backups-archived', () => this.#work.archiveBackups()),
    'write-heartbeat': () => this.#run('heartbeat-written', () => this.#work.writeHeartbeat()),
    'set-timer': ({ ms }) => {
      this.#cancelTimer?.();
      this.#cancelTimer = this.#options.database.env.clock.after(ms, () => {
        this.#cancelTimer = null;
        this.#dispatch({ type: 'timer', ...this.#moment() });
      });
    },
    'cancel-timer': () => {
      this.#cancelTimer?.();
      this.#cancelTimer = null;
    },
    log: ({ event, level, message }) => {
      const { address, name } = this.#options.setting;
      const text = `Archive ${name}: ${message}`;
      this.#options.database.jobLog.write(level, event, text, { archive: name, address });
    },
  };

  #run(
    answer: 'started' | 'log-archived' | 'backups-archived' | 'heartbeat-written',
    task: () => Promise<void>,
  ): void {
    const { signal } = this.#ending;
    this.#underWay = this.#underWay.then(async () => {
      if (signal.aborted) return;
      try {
        await task();
        this.#work.failure = null;
      } catch (error) {
        if (!signal.aborted) this.#fail(toPaminaError(error));
        return;
      }
      if (!signal.aborted) this.#dispatch({ type: answer, ...this.#moment() });
    });
  }

  #fail(error: PaminaError): void {
    this.#work.failure = error;
    this.#dispatch({
      type: 'failed',
      problem: { code: error.code, message: error.message },
      isFinal: finalCodes.has(error.code),
      chance: this.#options.database.env.random.fraction(),
    });
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #changed(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#listeners.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.#listeners.add(done);
      signal?.addEventListener('abort', done);
    });
  }
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
