// The database without its abstract-level face: one log, one store, one apply, whoever the records
// come from. A normal database commits, a replica receives; both read the same way.
import {
  PaminaError,
  isPaminaError,
  segmentBytesDefault,
  toPaminaError,
  type AuditBody,
  type MarkBody,
  type Position,
  type Timeline,
} from '@pamina/format';
import type { Env } from '@pamina/env';
import type { ReceivedChunk } from '@pamina/log';
import type { AuditWatcher } from './audit-watch.js';
import { BackgroundWork } from './background-work.js';
import type { ControlChange } from './control-file.js';
import type { Control } from './control.js';
import { DatabaseView } from './database-view.js';
import { Freshness } from './freshness.js';
import { JobLog } from './job-log.js';
import { locateDatabase, type LocatedDatabase } from './locate-database.js';
import type { Datum, Operation } from './operation.js';
import { PositionWaits } from './position-waits.js';
import { promote, promotionEnd } from './promotion.js';
import { refusedRead, refusedWrite } from './refusals.js';
import { snapshotAtMark, snapshotNow, type PlacedSnapshot } from './placed-snapshot.js';
import type { ReplicaApply } from './replica-apply.js';
import type { ReplicaLog } from './replica-log.js';
import { RunningDatabase } from './running-database.js';
import type { SessionWriter } from './session-writer.js';
import type { CommitOptions, DatabaseOptions } from './database-options.js';
import { SynchronousCommits } from './synchronous-commits.js';
import { SystemData, type PermittedReplica, type Settings } from './system-data.js';
import type { LogPoint } from './log-point.js';
import { Transactions } from './transaction/transactions.js';

export type DatabaseState = 'open' | 'failed' | 'closed';

export class Database extends DatabaseView {
  /** Absolute, without symbolic links. */
  readonly folder: string;
  readonly env: Env;
  readonly jobLog: JobLog;
  /** Settings, permitted replicas and whatever else of Pamina's own travels with the data. */
  readonly system: SystemData;
  readonly background = new BackgroundWork();
  /** Commits that wait for replicas. */
  readonly synchronous: SynchronousCommits;
  /** Position tokens, and who waits for one. */
  readonly positions: PositionWaits;
  /** How old what a replica shows may be. */
  readonly freshness = new Freshness(() => this.control);
  /** Those that are open, and their locks. */
  readonly transactions: Transactions;
  readonly #options: DatabaseOptions;
  readonly #located: LocatedDatabase;
  protected running!: RunningDatabase;
  #state: DatabaseState = 'closed';
  #failure: PaminaError | null = null;
  /** Starting, resetting and closing, one after the other. */
  #lifecycle: Promise<void> = Promise.resolve();
  #closing: Promise<void> | null = null;
  #isResetting = false;
  readonly #failureListeners = new Set<(error: PaminaError) => void>();

  private constructor(located: LocatedDatabase, options: DatabaseOptions) {
    super();
    this.folder = located.path;
    this.env = options.env;
    this.jobLog = new JobLog(options.env.disk, options.env.clock, located.path);
    this.system = new SystemData(this);
    this.synchronous = new SynchronousCommits({ clock: this.env.clock, jobLog: this.jobLog });
    this.positions = new PositionWaits(this, this.env.clock);
    this.transactions = new Transactions({
      clock: this.env.clock,
      reader: () => this.reader,
      assertWritable: () => void this.#writable(),
      settled: () => this.#writable().settled(),
      encode: (operations, asked) => this.#writable().encode(operations, asked),
      session: () => (this.isWriter ? this.running.session : null),
      refusedWrite: () => this.#whyNotWritable(),
      queries: () => this.queries,
      assertReadable: () => this.assertReadable(),
    });
    this.#options = options;
    this.#located = located;
  }

  /**
   * Opens, recovers and, with access `write`, makes ready to commit or to receive; an unassigned
   * database opened for writing becomes a normal one on a timeline of its own.
   * DATABASE_NOT_FOUND, DATABASE_IN_USE, LEVEL_STORE_FOUND, LOG_DAMAGED, STORE_AHEAD and others.
   */
  static async open(folder: string, options: DatabaseOptions): Promise<Database> {
    const located = await locateDatabase(folder, options.env);
    const database = new Database(located, options);
    try {
      await database.#start();
      return database;
    } catch (error) {
      const { jobLog } = database;
      // Whose database is in use by another process, that process writes its job log.
      if (!isPaminaError(error, 'DATABASE_IN_USE')) {
        const message = `The database could not be opened: ${String(error)}`;
        jobLog.write('error', 'open-failed', message);
      }
      await jobLog.settle();
      await located.release();
      throw error;
    }
  }

  get control(): Control {
    return this.#located.control.current;
  }

  get state(): DatabaseState {
    return this.#state;
  }

  /** Why the state is `failed`. */
  get failure(): PaminaError | null {
    return this.#failure;
  }

  onFailed(listener: (error: PaminaError) => void): () => void {
    this.#failureListeners.add(listener);
    return () => this.#failureListeners.delete(listener);
  }

  /** Resolves when the commit is acknowledged: on disk and visible. Throws at once what can be known at once. */
  put(key: Datum, value: Datum, options?: CommitOptions): Promise<void> {
    return this.#write(key, value, options);
  }

  del(key: Datum, options?: CommitOptions): Promise<void> {
    return this.#write(key, null, options);
  }

  #write(key: Datum, value: Datum | null, options?: CommitOptions): Promise<void> {
    if (this.transactions.isLocking) return this.#writeLocking(key, value, options);
    const session = this.#writable();
    const { byDefault } = this.synchronous;
    if (options === undefined && byDefault === null) return session.write(key, value).done;
    const { durability, signal, space } = options ?? {};
    const level = this.synchronous.levelOf(durability, space ?? 'user');
    signal?.throwIfAborted();
    return session.acknowledged(session.write(key, value, space), level, signal);
  }

  async #writeLocking(key: Datum, value: Datum | null, options?: CommitOptions): Promise<void> {
    await this.commit(
      [value === null ? { type: 'del', key } : { type: 'put', key, value }],
      options,
    );
  }

  /** All operations or none (P2). Returns the position of the commit. */
  async commit(operations: readonly Operation[], options: CommitOptions = {}): Promise<Position> {
    const { transaction, space } = options;
    if (transaction !== undefined) return transaction.commit(operations, options);
    if (this.transactions.isLocking && space !== 'system') {
      return this.transactions.write(operations, options);
    }
    const { position, acknowledged } = this.#writable().encode(operations, options);
    await acknowledged;
    return position;
  }

  settings(): Settings {
    return this.system.settings();
  }

  permitted(): Promise<PermittedReplica[]> {
    return this.system.permitted();
  }

  permit(...[name, options]: Parameters<SystemData['permit']>): Promise<PermittedReplica> {
    return this.system.permit(name, options);
  }

  /** Whether segments from here on say that they carry lock data; a change switches the log. */
  setLockData(lockData: boolean): void {
    this.#writable().setLockData(lockData);
  }

  /** Whether commits and marks are possible: a normal database that is open for writing. */
  get isWriter(): boolean {
    const isOpen = this.#state === 'open' && !this.#isClosed;
    return isOpen && this.running.session !== null && !this.control.readOnly;
  }

  /** Throws if data may not be read here now: NOT_QUERYABLE, DATABASE_CLOSED. */
  assertReadable(): void {
    const refused = refusedRead(this.control, this.#state === 'closed' || this.#isResetting);
    if (refused !== null) throw refused;
  }

  async get(key: Datum): Promise<Uint8Array | undefined> {
    this.assertReadable();
    return (await this.reader.get('user', key)) as Uint8Array | undefined;
  }

  /** All user entries in key order, from one moment. Keys without prefix. */
  async *entries(): AsyncGenerator<[Uint8Array, Uint8Array]> {
    this.assertReadable();
    yield* this.reader.userEntries();
  }

  /**
   * Commits a mark record and takes a snapshot of exactly the state at it; the next record begins a
   * new segment, so that a copy made from here starts with a whole one. `bodyAt` is called once,
   * with the seq that the mark gets, and writes nothing itself: a backup is named by its position.
   * `whileThere` runs while the files of the store hold exactly that state; nothing is applied meanwhile.
   */
  mark(
    bodyAt: (seq: number) => MarkBody,
    whileThere?: () => Promise<void>,
  ): Promise<PlacedSnapshot> {
    const session = this.#writable();
    return snapshotAtMark(this.parts, session, this.control.timelines, bodyAt, whileThere);
  }

  /** Records the state hash of a mark's state, for replicas. Resolves, on disk, to the record's seq. */
  audit(body: AuditBody): Promise<number> {
    return this.#writable().audit(body);
  }

  /** Of a replica: the state at each mark that it applies, and what the master recorded of it. */
  watchAudits(watcher: AuditWatcher): () => void {
    return this.#replicaLog().watchAudits(watcher);
  }

  /** A snapshot of the visible state; writes no record: for replicas, offline copies, hashes. */
  stateSnapshot(whileThere?: () => Promise<void>): Promise<PlacedSnapshot> {
    return snapshotNow(this.parts, this.control.timelines, this.control.session, whileThere);
  }

  /** Whether its master's segments may be received here, and from which byte on. */
  resumePoint(): { segment: { name: string; offset: number } | null; point: LogPoint } {
    return { segment: this.#replicaLog().resumeAt, point: this.durable() };
  }

  /** Verifies, writes and syncs what a master sent; apply goes on behind. Resolves when durable. */
  async receive(chunk: ReceivedChunk): Promise<void> {
    const replica = this.#replicaLog();
    if (this.#state !== 'open') throw this.#whyNotWritable();
    await replica.receive(chunk);
  }

  /** A connection ended: bytes of a record that never became whole are forgotten. */
  forgetPartialRecord(): void {
    this.running.replica?.forgetPartialRecord();
  }

  /** Takes over the history of the master if it continues this one. DIVERGED. */
  async adoptTimelines(history: readonly Timeline[]): Promise<void> {
    const timelines = this.#replicaLog().continued(this.control.timelines, history);
    if (timelines !== null) await this.updateControl({ timelines });
  }

  /** On disk when it resolves; only then it counts. DATABASE_CLOSED. */
  async updateControl(change: ControlChange): Promise<void> {
    await this.#located.control.update(change);
    this.positions.look();
    this.running.replica?.queries.controlChanged();
  }

  /** Null of everything but a replica that is open for writing. */
  get replicaApply(): ReplicaApply | null {
    return this.running.replica?.apply ?? null;
  }

  /**
   * A replica becomes normal: all that it received, or a part of it, is applied, and a timeline starts. If
   * that fails the database has failed; the next open finds either. POSITION_AHEAD, POSITION_PASSED.
   */
  becomeNormal(why: string, untilSeq?: number): Promise<void> {
    const done = this.#lifecycle.then(() => this.#becomeNormal(why, untilSeq));
    this.#lifecycle = done.catch(() => {
      // The caller hears of it; close() has nothing to wait for.
    });
    return done;
  }

  /** Publishes a checkpoint, then deletes log that nobody needs. Errors end in the job log. */
  applyRetention(): Promise<void> {
    return this.running.maintenance.run();
  }

  /** Commits that wait are finished first; no new one is taken. */
  close(): Promise<void> {
    if (this.#closing === null) {
      this.#closing = this.#lifecycle.then(() => this.#close());
      this.#closing.catch(() => {
        // All who asked meanwhile hear of it; it is closed all the same.
        this.#closing = Promise.resolve();
      });
    }
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      this.synchronous.end();
      const closed = new PaminaError('DATABASE_CLOSED', `${this.control.name} is closed`);
      this.positions.end(closed);
      this.transactions.end(closed);
      await this.background.end();
      await this.running.stop(this.#state === 'open');
    } finally {
      this.#state = 'closed';
      await this.jobLog.settle();
      await this.#located.release();
    }
  }

  async #start(): Promise<void> {
    const { env, folder, jobLog } = this;
    this.running = await RunningDatabase.start({
      env,
      folder,
      jobLog,
      control: this.#located.control,
      access: this.#options.access ?? 'write',
      segmentBytes: this.#options.segmentBytes ?? segmentBytesDefault,
      synchronous: this.synchronous,
      onLocked: this.#located.confirm,
      lockDataOpening: () => this.transactions.lockDataOpening(),
      onFailed: (error) => this.#fail(error),
    });
    this.#failure = null;
    this.#state = 'open';
    this.positions.look();
  }

  async #becomeNormal(why: string, untilSeq?: number): Promise<void> {
    if (this.control.type === 'normal') {
      throw new PaminaError('DATABASE_TYPE', `${this.control.name} is a normal database already`);
    }
    if (this.#state !== 'open' || this.#closing !== null) throw this.#whyNotWritable();
    const { apply, queries } = this.#replicaLog();
    const { applier, log } = this.parts;
    const end = promotionEnd(log.durable.seq, apply.handedSeq, untilSeq);
    const message = `${this.control.name} becomes a normal database`;
    queries.end(new PaminaError('QUERY_CANCELLED', message));
    await apply.until(end);
    this.#isResetting = true;
    try {
      await this.running.stop(true);
      const { env, folder, jobLog } = this;
      const seq = untilSeq ?? applier.applied.seq;
      await promote({ env, jobLog, control: this.#located.control }, { folder, seq, why });
      await this.#start();
    } catch (error) {
      this.#fail(toPaminaError(error));
      throw error;
    } finally {
      this.#isResetting = false;
    }
  }

  #writable(): SessionWriter {
    const { session } = this.running;
    if (session === null || !this.isWriter) throw this.#whyNotWritable();
    return session;
  }

  #whyNotWritable(): PaminaError {
    return refusedWrite(this.control, this.#failure, this.#isClosed);
  }

  /** Closed for good, or for the moment of a reset. */
  get #isClosed(): boolean {
    return this.#state === 'closed' || this.#closing !== null || this.#isResetting;
  }

  #replicaLog(): ReplicaLog {
    const { name, type } = this.control;
    if (this.running.replica !== null) return this.running.replica;
    throw new PaminaError('DATABASE_TYPE', `${name} is ${type} and receives no log`);
  }

  #fail(error: PaminaError): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#failure = error;
    this.jobLog.write('error', 'failed', `The database has failed: ${error.toString()}`);
    for (const listener of this.#failureListeners) listener(error);
  }
}
