// One database on one host of the simulated world: opens it, crashes it, brings it up again, and notes
// in the history what an administrator of that machine would see.

import type { ArchiverRunner } from '@pamina/backup';
import { Database } from '@pamina/engine';
import { isPaminaError, toPaminaError } from '@pamina/format';
import type { ArchiveHost } from './archive-host.js';
import { FeedServer, feedAddress } from './feed-server.js';
import type { History } from './history.js';
import { damageCodes } from './invariant/context.js';
import { observeLog, observeState, placeOf } from './observe.js';
import { type Follower, followerOf } from './sources.js';
import type { Host } from './world/host.js';
import type { World } from './world/world.js';

export interface SiteOptions {
  readonly world: World;
  readonly history: History;
  readonly name: string;
  readonly segmentBytes: number;
  /** Where a database that is no replica is archived; null in a run without an archive. */
  readonly archive: ArchiveHost | null;
  /** Where `by` finds the database of this name now; null where nobody serves it. */
  readonly resolve: (name: string, by: Site) => string | null;
  /** A replica came by and proved that another database has the name of this one. */
  readonly onTakenOver: (site: Site) => void;
  /** The machine on which the database of this name is. */
  readonly machineOf: (name: string) => string;
}

export type CrashKind = 'kill' | 'power-cut';

/** What whoever waited for a process hears when it has ended. */
export class ProcessEnded extends Error {
  constructor(name: string) {
    super(`the process of ${name} has ended`);
  }
}

/** One life of the process: everything that waits for it gives up when it is over. */
class Life {
  readonly #name: string;
  readonly #ended: Promise<never>;
  #end!: (error: ProcessEnded) => void;
  isOver = false;

  constructor(name: string) {
    this.#name = name;
    this.#ended = new Promise<never>((_resolve, reject) => {
      this.#end = reject;
    });
    // Whoever waits hears of it; a life that nobody waits for may end all the same.
    this.#ended.catch(() => undefined);
  }

  end(): void {
    this.isOver = true;
    this.#end(new ProcessEnded(this.#name));
  }

  /** ProcessEnded, if that comes first. */
  wait<T>(work: Promise<T>): Promise<T> {
    // Left behind, its own failure is nobody's any more.
    work.catch(() => undefined);
    return Promise.race([work, this.#ended]);
  }
}

export class Site {
  /** Of the machine; in a history that of whatever database is on it. */
  readonly name: string;
  /** What the database is called: another one after a takeover. */
  databaseName: string;
  readonly host: Host;
  readonly #options: SiteOptions;
  #life: Life;
  #database: Database | null = null;
  #follower: Follower | null = null;
  #archiver: ArchiverRunner | null = null;
  #archivedSeq = 0;
  #server: FeedServer | null = null;
  #hasLied = false;
  #turn: Promise<void> = Promise.resolve();
  #folderName: string;
  /** Where a server has the database. */
  #hosted: (() => Database | null) | null = null;
  #lastHosted: Database | null = null;
  /** It was closed in order and not opened since. */
  #isClosed = false;

  constructor(options: SiteOptions) {
    this.name = options.name;
    this.databaseName = options.name;
    this.host = options.world.host(options.name);
    this.#folderName = options.name;
    this.#options = options;
    this.#life = new Life(this.name);
  }

  /** Null while it is not open. */
  get database(): Database | null {
    return this.#hosted === null ? this.#database : this.#hosted();
  }

  /** A server has the database, under whatever name; null: nobody but this has it from now on. */
  hostBy(hosted: (() => Database | null) | null): void {
    this.#hosted = hosted;
    this.#lastHosted = null;
  }

  /** What was done to the database of this machine while nobody here had it. */
  becomes(name: string): void {
    this.databaseName = name;
    this.#folderName = name;
  }

  /** A database that a server has opened since the last look is looked at as one that was opened here. */
  async lookHosted(): Promise<void> {
    const { database } = this;
    if (this.#hosted === null || database === null || database === this.#lastHosted) return;
    this.#lastHosted = database;
    await this.#observeOpened(database);
  }

  get folder(): string {
    return this.#hosted?.()?.folder ?? `/data/${this.#folderName}`;
  }

  get follower(): Follower | null {
    return this.#follower;
  }

  get archiver(): ArchiverRunner | null {
    return this.#archiver;
  }

  get isOpen(): boolean {
    return this.database?.state === 'open';
  }

  /** Where its feed is served; null while it is not. */
  get address(): string | null {
    return this.#server === null ? null : feedAddress(this.name);
  }

  /** Waits for work of the process that runs now. ProcessEnded. */
  wait<T>(work: Promise<T>): Promise<T> {
    return this.#life.wait(work);
  }

  /** From now on until `heal` syncs do nothing: what a power cut takes then is no fault of the program. */
  lie(isLying: boolean): void {
    this.host.disk.settings.isLying = isLying;
    this.#hasLied ||= isLying;
  }

  startProcess(): void {
    if (this.host.isRunning) return;
    this.host.start();
    this.#life = new Life(this.name);
  }

  /** Opens, looks at what was recovered, and begins to serve or to follow. False if it does not open. */
  open(): Promise<boolean> {
    return this.#inTurn(() => this.#open());
  }

  async #open(): Promise<boolean> {
    if (this.#database !== null) return true;
    const { history } = this.#options;
    try {
      const { segmentBytes } = this.#options;
      const { env } = this.host;
      this.#isClosed = false;
      this.#database = await this.wait(Database.open(this.folder, { env, segmentBytes }));
    } catch (error) {
      if (error instanceof ProcessEnded) return false;
      const { code, message } = toPaminaError(error);
      history.add({ type: 'open-failed', database: this.name, code, message });
      this.#report('error', code, message);
      return false;
    }
    await this.#observeOpened(this.#database);
    if (!this.#life.isOver) await this.#tryWork(this.#database);
    return this.#database !== null;
  }

  /** The database without its work, for who changes what it is; nothing else may have it open. ProcessEnded. */
  openAside(access: 'read' | 'write' = 'read'): Promise<Database> {
    const { segmentBytes } = this.#options;
    const { env } = this.host;
    return this.wait(Database.open(this.folder, { env, segmentBytes, access }));
  }

  async #observeOpened(database: Database): Promise<void> {
    const { history } = this.#options;
    const { master, type } = database.control;
    const isReplica = type === 'replica';
    const follows = master === null ? null : this.#options.machineOf(master);
    const { timelines } = database;
    const point = placeOf(database.durable());
    history.add({ type: 'opened', database: this.name, isReplica, follows, point, timelines });
    database.jobLog.subscribe(({ level, event, fields, message }) => {
      if (level === 'info') return;
      if (event === 'replica-lost') this.#noteLoss(database, fields);
      const code = [...damageCodes].find((one) => message.includes(one)) ?? event;
      this.#report('job-log', code, message);
    });
    database.onFailed(({ code }) => history.add({ type: 'failed', database: this.name, code }));
    observeLog(history, this.name, this.host.disk, this.folder, database);
    await this.observeState();
  }

  #noteLoss(database: Database, fields: Readonly<Record<string, unknown>> = {}): void {
    const { history } = this.#options;
    history.add({
      type: 'replica-lost',
      database: this.#options.machineOf(String(fields['replica'])),
      by: this.name,
      bytes: Number(fields['bytes']),
      bytesMax: database.settings().replicaHoldBytes,
    });
  }

  /** A database that has failed since says so, and is closed and opened again by its operator. */
  async #tryWork(database: Database): Promise<void> {
    try {
      await this.#startWork(database);
    } catch (error) {
      if (!isPaminaError(error) || database.state !== 'failed') throw error;
      this.#report('error', error.code, error.message);
    }
  }

  async #startWork(database: Database): Promise<void> {
    const { env } = this.host;
    await this.#serve(database);
    if (database.control.type !== 'replica') {
      await this.startArchiver();
      return;
    }
    const { archive, history, resolve } = this.#options;
    const follower = followerOf(
      { archive, history, site: this },
      {
        database,
        env,
        jobLog: database.jobLog,
        resolveMaster: (name) => {
          const address = resolve(name, this);
          return Promise.resolve(address === null ? null : { address });
        },
      },
    );
    follower.onChange(({ archive: source, code, state }) => {
      const point = placeOf(database.durable());
      const isOfArchive = source?.isSource === true;
      const about = isOfArchive ? { point, isOfArchive } : { point };
      history.add({ type: 'follower', database: this.name, state, code, ...about });
      if (code !== null) this.#report('follower', code, state);
    });
    this.#follower = follower;
    follower.start();
  }

  async #serve(database: Database): Promise<void> {
    const onTakenOver = (): void => this.#options.onTakenOver(this);
    const server = new FeedServer(this.host.env, database, { onTakenOver });
    await this.wait(server.listen());
    this.#server = server;
  }

  /** Nobody follows it, and it follows nobody, while `work` makes another thing of it. */
  atRest(work: () => Promise<void>): Promise<void> {
    return this.#inTurn(async () => {
      const database = this.#database;
      await this.wait(this.#follower?.stop() ?? Promise.resolve());
      await this.wait(this.#server?.close() ?? Promise.resolve());
      await this.wait(work());
      if (database !== null && this.#database === database) await this.#serve(database);
    });
  }

  /** Nothing in a run without an archive. */
  async startArchiver(): Promise<void> {
    const { archive } = this.#options;
    if (archive === null || this.#database === null) return;
    this.#archiver = await this.wait(archive.startArchiver(this.host, this.#database));
  }

  /** What it holds now, and how far it is; nothing if it is not open or goes down meanwhile. */
  async observeState(): Promise<void> {
    const { database } = this;
    if (database === null) return;
    try {
      await this.wait(observeState(this.#options.history, this.name, database));
    } catch (error) {
      if (error instanceof ProcessEnded) return;
      // A database that fails or is closed while it is read says so; closed, in the words of its store.
      const code = String((error as { code?: unknown }).code);
      if (!isPaminaError(error) && !code.startsWith('LEVEL_')) throw error;
      this.#report('error', code, (error as Error).message);
    }
    this.observeProgress();
  }

  observeProgress(): void {
    const { database } = this;
    if (database === null || database.state === 'closed') return;
    this.#options.history.add({
      type: 'progress',
      database: this.name,
      durable: database.durable().seq,
      applied: database.applied().seq,
    });
    this.observeArchived();
  }

  /** How far its archiver says that it is. */
  observeArchived(): void {
    const seq = this.#archiver?.status().archivedSeq ?? null;
    if (seq === null || seq <= this.#archivedSeq) return;
    this.#archivedSeq = seq;
    this.#options.history.add({ type: 'archived', database: this.name, seq });
  }

  /** Of a process that is down without having closed there is no saying what its files hold yet. */
  observeLog(): void {
    const database = this.#database;
    if (database === null && !this.#isClosed) return;
    observeLog(this.#options.history, this.name, this.host.disk, this.folder, database);
  }

  crash(how: CrashKind): void {
    if (!this.host.isRunning) return;
    const { history } = this.#options;
    this.observeProgress();
    history.add({ type: 'crashed', database: this.name, how });
    if (how === 'kill') this.host.kill();
    else {
      this.host.powerCut();
      if (this.#hasLied) history.add({ type: 'lied', database: this.name });
      this.#hasLied = this.host.disk.settings.isLying;
    }
    if (this.#archiver !== null) this.#options.archive?.observe(history, this.name);
    this.#forget();
    this.#life.end();
  }

  /** In order, as far as it goes: what does not end is killed. */
  close(): Promise<void> {
    return this.#inTurn(() => this.#close());
  }

  async #close(): Promise<void> {
    const database = this.#database;
    if (database === null) return;
    const { history } = this.#options;
    const [follower, server, archiver] = [this.#follower, this.#server, this.#archiver];
    try {
      await this.wait(archiver?.stop() ?? Promise.resolve());
      await this.wait(follower?.stop() ?? Promise.resolve());
      await this.wait(server?.close() ?? Promise.resolve());
      this.observeProgress();
      await this.wait(database.close());
      history.add({ type: 'closed', database: this.name });
      this.#isClosed = database.failure === null;
    } catch (error) {
      if (error instanceof ProcessEnded) return;
      const { code } = toPaminaError(error);
      history.add({ type: 'close-failed', database: this.name, code });
    }
    this.#forget();
  }

  /** Opening and closing, one after the other; both end with the process. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.then(
      () => undefined,
      () => {
        // The caller hears of it; the next one has its turn.
      },
    );
    return done;
  }

  #forget(): void {
    this.#database = null;
    this.#follower = null;
    this.#archiver = null;
    this.#server = null;
  }

  #report(by: 'error' | 'job-log' | 'follower', code: string, message: string): void {
    this.#options.history.add({ type: 'reported', database: this.name, by, code, message });
  }
}
