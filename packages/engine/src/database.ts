// The database without its abstract-level face: one log, one store, one apply, whoever the records
// come from. A normal database commits, a replica receives; both read the same way.
import {
  PaminaError,
  currentTimeline,
  segmentBytesDefault,
  userPrefix,
  type MarkBody,
  type Position,
  type Timeline,
} from '@pamina/format';
import type { Env } from '@pamina/env';
import type { Log, ReceivedChunk } from '@pamina/log';
import { Maintenance } from './maintenance.js';
import { writeControl, type Control } from './control.js';
import { newTimeline } from './create-database.js';
import { openParts, type DatabaseParts } from './database-parts.js';
import { JobLog } from './job-log.js';
import { locateDatabase } from './locate-database.js';
import { storeKey } from './operation.js';
import type { Datum, KeySpace, Operation } from './operation.js';
import { ReplicaLog } from './replica-log.js';
import { SessionWriter } from './session-writer.js';
import { SlotTable } from './slots.js';
import type { StateStore, StoreSnapshot } from './state-store.js';
import { SystemData, type PermittedReplica, type Settings } from './system-data.js';
import { pointOf, type LogPoint } from './log-point.js';

export interface DatabaseOptions {
  readonly env: Env;
  /** `read`: no session is started and nothing can be written; recovery still happens. Default `write`. */
  readonly access?: 'read' | 'write' | undefined;
  readonly segmentBytes?: number | undefined;
}

export type DatabaseState = 'open' | 'failed' | 'closed';

/** A frozen state and the exact point that it is the state of. */
export interface PlacedSnapshot {
  readonly point: LogPoint;
  readonly snapshot: StoreSnapshot;
  readonly session: number;
}

export class Database {
  /** Absolute, without symbolic links. */
  readonly folder: string;
  readonly env: Env;
  readonly jobLog: JobLog;
  /** Settings, permitted replicas and whatever else of Pamina's own travels with the data. */
  readonly system: SystemData;
  readonly #options: DatabaseOptions;
  readonly #release: () => void;
  #control: Control;
  #parts!: DatabaseParts;
  #slots!: SlotTable;
  #session: SessionWriter | null = null;
  #replica: ReplicaLog | null = null;
  #maintenance!: Maintenance;
  #state: DatabaseState = 'closed';
  #failure: PaminaError | null = null;
  readonly #failureListeners = new Set<(error: PaminaError) => void>();

  private constructor(
    folder: string,
    control: Control,
    options: DatabaseOptions,
    release: () => void,
  ) {
    this.folder = folder;
    this.env = options.env;
    this.jobLog = new JobLog(options.env.disk, options.env.clock, folder);
    this.system = new SystemData(this);
    this.#control = control;
    this.#options = options;
    this.#release = release;
  }

  /**
   * Opens, recovers and, with access `write`, makes ready to commit or to receive; an unassigned
   * database opened for writing becomes a normal one on a timeline of its own.
   * DATABASE_NOT_FOUND, DATABASE_IN_USE, LEVEL_STORE_FOUND, LOG_DAMAGED, STORE_AHEAD and others.
   */
  static async open(folder: string, options: DatabaseOptions): Promise<Database> {
    const { path, control, release } = await locateDatabase(folder, options.env.disk);
    const database = new Database(path, control, options, release);
    try {
      await database.#start();
      return database;
    } catch (error) {
      const { jobLog } = database;
      jobLog.write('error', 'open-failed', `The database could not be opened: ${String(error)}`);
      await jobLog.settle();
      release();
      throw error;
    }
  }

  get control(): Control {
    return this.#control;
  }

  get state(): DatabaseState {
    return this.#state;
  }

  /** Why the state is `failed`. */
  get failure(): PaminaError | null {
    return this.#failure;
  }

  get identity(): { readonly pattern: string | null; readonly instance: string } {
    return { pattern: this.#control.pattern, instance: this.#control.instance };
  }

  get timelines(): readonly Timeline[] {
    return this.#control.timelines;
  }

  get log(): Log {
    return this.#parts.log;
  }

  /** LevelDB behind the database; keys carry their prefix byte. For the abstract-level face. */
  get store(): StateStore {
    return this.#parts.store;
  }

  get slots(): SlotTable {
    return this.#slots;
  }

  /** Session that this opening started, or the last one that was seen. */
  get session(): number {
    return this.#session?.number ?? this.#parts.lastSession;
  }

  /** The last record that is in the store. */
  applied(): LogPoint {
    return pointOf(this.#parts.applier.applied, this.#control.timelines);
  }

  /** The last record that is in the log on this disk. */
  durable(): LogPoint {
    return pointOf(this.#parts.log.durable, this.#control.timelines);
  }

  whenApplied(seq: number): Promise<void> {
    return this.#parts.applier.whenApplied(seq);
  }

  onFailed(listener: (error: PaminaError) => void): () => void {
    this.#failureListeners.add(listener);
    return () => this.#failureListeners.delete(listener);
  }

  /** Resolves when the commit is on disk and visible. Throws at once what can be known at once. */
  put(key: Datum, value: Datum): Promise<void> {
    return this.#writable().write(key, value).done;
  }

  del(key: Datum): Promise<void> {
    return this.#writable().write(key, null).done;
  }

  /** All operations or none (P2). Returns the position of the commit. */
  async commit(operations: readonly Operation[], space: KeySpace = 'user'): Promise<Position> {
    const session = this.#writable();
    const group = session.commit(operations, space);
    const { seq } = group.point;
    await group.done;
    return { timeline: currentTimeline(this.#control.timelines).timeline, seq };
  }

  settings(): Settings {
    return this.system.settings();
  }

  permitted(): Promise<PermittedReplica[]> {
    return this.system.permitted();
  }

  permit(
    name: string,
    options: { readonly simultaneousQuery: boolean },
  ): Promise<PermittedReplica> {
    return this.system.permit(name, options);
  }

  /** Whether segments from here on say that they carry lock data; a change switches the log. */
  setLockData(lockData: boolean): void {
    this.#writable().setLockData(lockData);
  }

  /** Whether commits and marks are possible: a normal database that is open for writing. */
  get isWriter(): boolean {
    return this.#session !== null && this.#state === 'open' && !this.#control.readOnly;
  }

  /** Throws if data may not be read here now: NOT_QUERYABLE, DATABASE_CLOSED. */
  assertReadable(): void {
    if (this.#state === 'closed')
      throw new PaminaError('DATABASE_CLOSED', 'the database is closed');
    const { type, readOnly, simultaneousQuery } = this.#control;
    if (type !== 'replica' || readOnly || simultaneousQuery) return;
    const message = `${this.#control.name} replicates without simultaneous query`;
    throw new PaminaError('NOT_QUERYABLE', message);
  }

  async get(key: Datum): Promise<Uint8Array | undefined> {
    this.assertReadable();
    return this.#parts.store.level.get(storeKey('user', key));
  }

  /** All user entries in key order, from one moment. Keys without prefix. */
  async *entries(): AsyncGenerator<[Uint8Array, Uint8Array]> {
    this.assertReadable();
    const range = { gte: Buffer.of(userPrefix), lt: Buffer.of(userPrefix + 1) };
    for await (const [key, value] of this.#parts.store.level.iterator(range)) {
      yield [key.subarray(1), value];
    }
  }

  /**
   * Commits a mark record and takes a snapshot of exactly the state at it; the next record begins a
   * new segment, so that a copy made from here starts with a whole one. `bodyAt` is called once,
   * with the seq that the mark gets, and writes nothing itself: a backup is named by its position.
   */
  async mark(
    bodyAt: (seq: number) => MarkBody,
  ): Promise<{ point: LogPoint; snapshot: StoreSnapshot; session: number }> {
    const session = this.#writable();
    const group = session.appendMark(bodyAt);
    const { seq } = group.point;
    let snapshot: StoreSnapshot | null = null;
    this.#parts.applier.atSeq(seq, () => {
      snapshot = this.#parts.store.snapshot();
    });
    await group.done;
    if (snapshot === null) throw new PaminaError('INTERNAL', `no snapshot was taken at ${seq}`);
    const point = pointOf(group.point, this.#control.timelines);
    return { point, snapshot, session: session.number };
  }

  /** A snapshot of the applied state; writes no record: for replicas, offline copies, hashes. */
  stateSnapshot(): Promise<PlacedSnapshot> {
    const { applier, store } = this.#parts;
    return applier.between(() => ({
      point: this.applied(),
      snapshot: store.snapshot(),
      session: this.session,
    }));
  }

  /** Whether its master's segments may be received here, and from which byte on. */
  resumePoint(): { segment: { name: string; offset: number } | null; point: LogPoint } {
    return { segment: this.#replicaLog().resumeAt, point: this.durable() };
  }

  /** Verifies, writes and syncs what a master sent; apply goes on behind. Resolves when durable. */
  receive(chunk: ReceivedChunk): Promise<void> {
    return this.#replicaLog().receive(chunk);
  }

  /** A connection ended: bytes of a record that never became whole are forgotten. */
  forgetPartialRecord(): void {
    this.#replica?.forgetPartialRecord();
  }

  /** Takes over the history of the master if it continues this one. DIVERGED. */
  async adoptTimelines(history: readonly Timeline[]): Promise<void> {
    const timelines = this.#replicaLog().continued(this.#control.timelines, history);
    if (timelines !== null) await this.updateControl({ timelines });
  }

  /** Writes control.json, then uses it. */
  async updateControl(change: Partial<Omit<Control, 'formatVersion'>>): Promise<void> {
    const control = { ...this.#control, ...change };
    await writeControl(this.env.disk, this.folder, control);
    this.#control = control;
  }

  /** A replica becomes a normal database: all that it received is applied, and a timeline starts. */
  async becomeNormal(why: string): Promise<void> {
    if (this.#control.type === 'normal') {
      throw new PaminaError('DATABASE_TYPE', `${this.#control.name} is a normal database already`);
    }
    await this.#parts.applier.whenApplied(this.#parts.log.durable.seq);
    await this.#stop();
    const { durable } = this.#parts.log;
    await this.#startTimeline(durable.seq, why);
    await this.#start();
  }

  /** Publishes a checkpoint, then deletes log that nobody needs. Errors end in the job log. */
  applyRetention(): Promise<void> {
    return this.#maintenance.run();
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    try {
      await this.#stop();
    } finally {
      this.#state = 'closed';
      await this.jobLog.settle();
      this.#release();
    }
  }

  async #start(): Promise<void> {
    const { env, folder, jobLog } = this;
    this.#failure = null;
    this.#parts = await openParts({
      env,
      folder,
      control: this.#control,
      segmentBytes: this.#options.segmentBytes ?? segmentBytesDefault,
      jobLog,
      onFailed: (error) => this.#fail(error),
    });
    this.#state = 'open';
    try {
      const parts = this.#parts;
      const slots = await SlotTable.open(env.disk, env.clock, folder);
      this.#slots = slots;
      const control = (): Control => this.#control;
      this.#maintenance = new Maintenance({ env, folder, jobLog, parts, slots, control });
      if ((this.#options.access ?? 'write') === 'write') await this.#startWriting();
    } catch (error) {
      this.#state = 'closed';
      await this.#parts.log.close();
      await this.#parts.store.close();
      throw error;
    }
  }

  async #startWriting(): Promise<void> {
    if (this.#control.type === 'replica') {
      this.#replica = new ReplicaLog(this.#parts, () => this.#control);
      return;
    }
    if (this.#control.type === 'unassigned') {
      const { seq } = this.#parts.log.durable;
      await this.#startTimeline(seq, 'copy started as a normal database');
    }
    this.#session = await SessionWriter.start({
      database: this,
      parts: this.#parts,
      onFailed: (error) => this.#fail(error),
      onSegmentClosed: () => void this.applyRetention(),
    });
  }

  async #startTimeline(atSeq: number, why: string): Promise<void> {
    const { timelines, master } = this.#control;
    const timeline = newTimeline(this.env, timelines, atSeq, why);
    // From here on it is a normal database: the log is brought in line at each open.
    await this.updateControl({
      type: 'normal',
      timelines: [...timelines.filter((one) => one.atSeq <= atSeq), timeline],
      master: null,
      readOnly: false,
      simultaneousQuery: false,
      formerMaster: master,
    });
    const { name } = this.#control;
    const message = `${name} is a normal database on timeline ${timeline.timeline} (${timeline.id}), forked after record ${atSeq}: ${why}.`;
    this.jobLog.write('info', 'timeline-started', message, { ...timeline });
  }

  async #stop(): Promise<void> {
    const { log, applier, store } = this.#parts;
    this.#session = null;
    const replica = this.#replica;
    this.#replica = null;
    try {
      await replica?.settle();
      await log.close();
      await applier.idle();
      await this.#slots.close();
      if (this.#state === 'open') await this.#maintenance.finish();
      else await this.#maintenance.settle();
    } finally {
      await store.close();
    }
  }

  #writable(): SessionWriter {
    if (this.#session === null || !this.isWriter) throw this.#whyNotWritable();
    return this.#session;
  }

  #whyNotWritable(): PaminaError {
    const { name, type } = this.#control;
    if (this.#failure !== null) {
      return new PaminaError('DATABASE_FAILED', `${name} has failed: ${this.#failure.message}`, {
        cause: this.#failure,
      });
    }
    if (this.#state === 'closed') return new PaminaError('DATABASE_CLOSED', `${name} is closed`);
    if (type === 'replica') return new PaminaError('REPLICA_READ_ONLY', `${name} is a replica`);
    return new PaminaError('READ_ONLY', `${name} is read only`);
  }

  #replicaLog(): ReplicaLog {
    if (this.#replica !== null) return this.#replica;
    const { name, type } = this.#control;
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
