// The databases of one data folder: the administration in this process. A server hosts one and brings
// its databases online; without a server it works on the folder directly, opening what it needs.

import type { Database } from '@pamina/engine';
import type { Channel } from '@pamina/env';
import { PaminaError, toPaminaError } from '@pamina/format';
import type {
  AddArchiveOptions,
  ApplyTarget,
  ArchiveSummary,
  BackupOptions,
  BackupsOptions,
  BackupSummary,
  BatchOperation,
  Committed,
  CreateOptions,
  DatabaseStatus,
  DatabaseSummary,
  DeleteReport,
  Entry,
  ExportOptions,
  ExpireAnswer,
  ExpireOptions,
  FailoverOptions,
  FailoverReport,
  FenceAnswer,
  GetOptions,
  HashReport,
  ImportReport,
  JobEvent,
  LockSummary,
  LogLine,
  LogOptions,
  Progress,
  QueryOptions,
  RejoinOptions,
  RejoinReport,
  ReplicaSummary,
  ReplicateOptions,
  ResetOptions,
  WriteOptions,
  RestoreOptions,
  RestoreReport,
  StopOptions,
  TakeOverReport,
  TakeOverRequest,
  UserCalls,
} from '@pamina/wire';
import { applyUntil } from './host-apply.js';
import * as archiveVerbs from './host-archive.js';
import { archives } from './host-archive-summary.js';
import { archivedBackups, expireArchived } from './host-archived.js';
import * as backupVerbs from './host-backup.js';
import * as change from './host-change.js';
import { HostCore, type HostOptions } from './host-core.js';
import { create } from './host-create.js';
import * as data from './host-data.js';
import { hash } from './host-hash.js';
import { jobLog, type JobLogOptions, log } from './host-log.js';
import { finishSwaps } from './host-recreate.js';
import { recreateIfTold } from './host-recreate-auto.js';
import { rebuild } from './host-rebuild.js';
import { locks, releaseLocks } from './host-locks.js';
import { logBytes, logSegments } from './host-places.js';
import { query } from './host-query.js';
import * as replicaVerbs from './host-replicas.js';
import { replicate } from './host-replicate.js';
import { finishRestores, restoreDatabase } from './host-restore.js';
import { set } from './host-set.js';
import { NameKeeper, startAll } from './host-keep-names.js';
import { type HostOperations, hostOperations } from './host-operations.js';
import { start, stopAll, whenQuiet } from './host-start.js';
import { stop } from './host-stop.js';
import { fence, takenOverBy, unfence } from './host-fence.js';
import { failover } from './host-failover.js';
import { rejoin } from './host-rejoin.js';
import { type HostTransactionCalls, transactionCalls } from './host-transactions.js';
import { userCalls } from './host-users.js';
import { finishTakeovers, takeOver } from './host-take-over.js';
import { list, status } from './host-status.js';
import { verify } from './host-verify.js';
import type { OnlineDatabase } from './online-database.js';
import type { Served } from './served.js';
import type { StopPace } from './stop-pace.js';
import { UserTables } from './user-tables.js';

export class Host implements Served {
  readonly transactions: HostTransactionCalls;
  readonly operations: HostOperations;
  readonly users: UserCalls;
  readonly userTables: UserTables;
  readonly #core: HostCore;
  readonly #names: NameKeeper;
  #closing: Promise<void> | null = null;

  private constructor(core: HostCore) {
    this.#core = core;
    this.transactions = transactionCalls(core);
    this.operations = hostOperations(core);
    this.userTables = new UserTables(core);
    this.users = userCalls(core, this.userTables);
    this.#names = new NameKeeper(core);
    core.onTakenOver = (name, replica) => {
      takenOverBy(core, name, replica).catch((error: unknown) => {
        core.faults.set(name, { error: toPaminaError(error), since: core.env.clock.now() });
      });
    };
  }

  /** Nothing is opened or made yet. */
  static open(options: HostOptions): Promise<Host> {
    return Promise.resolve(new Host(new HostCore(options)));
  }

  get dataFolder(): string {
    return this.#core.dataFolder;
  }

  /**
   * For a server that listens at `address` and alone has the data folder: finishes what a crash left
   * half done, then opens every database. One that does not open has its fault in its status.
   */
  async goOnline(address: string): Promise<void> {
    await change.finishRemovals(this.#core);
    await finishSwaps(this.#core);
    await finishRestores(this.#core);
    await finishTakeovers(this.#core);
    this.#core.address = address;
    this.#core.onFollowerChange = (online) => recreateIfTold(this.#core, online);
    await startAll(this.#core);
    this.#names.begin();
  }

  close(pace?: StopPace): Promise<void> {
    this.#closing ??= this.#close(pace);
    return this.#closing;
  }

  async #close(pace: StopPace | undefined): Promise<void> {
    this.#core.beginClosing();
    try {
      await this.#names.close();
      await stopAll(this.#core, pace);
      await whenQuiet(this.#core);
    } finally {
      this.#core.leases.close();
      await this.#core.directory.close();
    }
  }

  /** One that is online, for the program that this host runs in. DATABASE_OFFLINE. */
  database(name: string): Database {
    return this.#core.requireOnline(name).database;
  }

  list(): Promise<DatabaseSummary[]> {
    return list(this.#core);
  }

  status(name: string): Promise<DatabaseStatus> {
    return status(this.#core, name);
  }

  async create(
    name: string,
    options: CreateOptions = {},
    progress?: Progress,
  ): Promise<DatabaseStatus> {
    await create(this.#core, name, options, progress);
    return this.status(name);
  }

  restore(
    name: string,
    options: RestoreOptions,
    progress?: Progress,
    signal?: AbortSignal,
  ): Promise<RestoreReport> {
    return restoreDatabase(this.#core, name, options, progress, signal);
  }

  async start(name: string): Promise<DatabaseStatus> {
    await start(this.#core, name);
    return this.status(name);
  }

  async stop(name: string, options?: StopOptions): Promise<DatabaseStatus> {
    await stop(this.#core, name, options);
    return this.status(name);
  }

  backup(
    name: string,
    options: BackupOptions = {},
    progress?: Progress,
    signal?: AbortSignal,
  ): Promise<BackupSummary> {
    return backupVerbs.backup(this.#core, name, options, progress, signal);
  }

  backups(name: string, options: BackupsOptions = {}): Promise<BackupSummary[]> {
    const { from } = options;
    if (from !== undefined) return archivedBackups(this.#core, name, { ...options, from });
    return backupVerbs.backups(this.#core, name);
  }

  expire(name: string, options: ExpireOptions = {}): Promise<ExpireAnswer> {
    const { from } = options;
    if (from !== undefined) return expireArchived(this.#core, name, { ...options, from });
    return backupVerbs.expire(this.#core, name, options);
  }

  readonly openBackupFile: Served['openBackupFile'] = (...words) =>
    backupVerbs.openBackupFile(this.#core, ...words);

  addArchive(name: string, archive: string, options: AddArchiveOptions): Promise<ArchiveSummary> {
    return archiveVerbs.addArchive(this.#core, name, archive, options);
  }

  removeArchive(name: string, archive: string): Promise<void> {
    return archiveVerbs.removeArchive(this.#core, name, archive);
  }

  archives(name: string): Promise<ArchiveSummary[]> {
    return archives(this.#core, name);
  }

  runArchive(
    name: string,
    archive: string | undefined,
    signal?: AbortSignal,
  ): Promise<ArchiveSummary[]> {
    return archiveVerbs.runArchive(this.#core, name, archive, signal);
  }

  allow(
    name: string,
    replica: string,
    options: { simultaneousQuery?: boolean | undefined } = {},
  ): Promise<void> {
    return replicaVerbs.allow(this.#core, name, replica, options);
  }

  deny(name: string, replica: string): Promise<void> {
    return replicaVerbs.deny(this.#core, name, replica);
  }

  replicas(name: string): Promise<ReplicaSummary[]> {
    return replicaVerbs.replicas(this.#core, name);
  }

  async replicate(
    name: string,
    options: ReplicateOptions,
    progress?: Progress,
  ): Promise<DatabaseStatus> {
    await replicate(this.#core, name, options, progress);
    return this.status(name);
  }

  async apply(name: string, target: ApplyTarget): Promise<DatabaseStatus> {
    await applyUntil(this.#core, name, target);
    return this.status(name);
  }

  async reset(name: string, options: ResetOptions = {}): Promise<DatabaseStatus> {
    await change.reset(this.#core, name, options);
    return this.status(name);
  }

  async rename(name: string, to: string): Promise<DatabaseStatus> {
    await change.rename(this.#core, name, to);
    return this.status(to);
  }

  failover(
    master: string,
    options: FailoverOptions = {},
    progress?: Progress,
  ): Promise<FailoverReport> {
    return failover(this.#core, master, options, progress);
  }

  rejoin(name: string, options: RejoinOptions = {}, progress?: Progress): Promise<RejoinReport> {
    return rejoin(this.#core, name, options, progress);
  }

  fence(name: string, successor: string): Promise<FenceAnswer> {
    return fence(this.#core, name, { successor });
  }

  locks(name: string, options: { limit?: number | undefined } = {}): Promise<LockSummary[]> {
    return locks(this.#core, name, options);
  }

  readonly releaseLocks: Served['releaseLocks'] = (...words) => releaseLocks(this.#core, ...words);

  async unfence(name: string): Promise<DatabaseStatus> {
    await unfence(this.#core, name);
    return this.status(name);
  }

  takeOver(name: string, request: TakeOverRequest): Promise<TakeOverReport> {
    return takeOver(this.#core, name, request);
  }

  delete(
    name: string,
    options: { keepBackups?: boolean | undefined; dryRun?: boolean | undefined } = {},
  ): Promise<DeleteReport> {
    return change.remove(this.#core, name, options);
  }

  set(name: string, property: string, value: string): Promise<Record<string, unknown>> {
    return set(this.#core, name, property, value);
  }

  put(name: string, key: string, value: string, options?: WriteOptions): Promise<Committed> {
    return data.put(this.#core, name, { key, value }, options);
  }

  get(name: string, key: string, options?: GetOptions): Promise<string> {
    return data.get(this.#core, name, key, options);
  }

  del(name: string, key: string, options?: WriteOptions): Promise<Committed> {
    return data.del(this.#core, name, key, options);
  }

  batch(
    name: string,
    operations: readonly BatchOperation[],
    options?: WriteOptions,
  ): Promise<Committed> {
    return data.batch(this.#core, name, operations, options);
  }

  importEntries(
    name: string,
    entries: AsyncIterable<Entry>,
    progress?: Progress,
  ): Promise<ImportReport> {
    return data.importEntries(this.#core, name, entries, progress);
  }

  exportEntries(name: string, options: ExportOptions = {}): AsyncIterable<Entry> {
    return data.exportEntries(this.#core, name, options);
  }

  query(name: string, options: QueryOptions = {}): AsyncIterable<Entry> {
    return query(this.#core, name, options);
  }

  jobLog(name: string, options: JobLogOptions = {}): AsyncIterable<JobEvent> {
    return jobLog(this.#core, name, options);
  }

  log(name: string, options: LogOptions = {}): AsyncIterable<LogLine> {
    return log(this.#core, name, options);
  }

  hash(
    name: string,
    options: { at?: string | undefined; verify?: boolean | undefined } = {},
    progress?: Progress,
    signal?: AbortSignal,
  ): Promise<HashReport> {
    return hash(this.#core, name, options, { progress, signal });
  }

  readonly verify: Served['verify'] = (name, options = {}, ...rest) =>
    verify(this.#core, name, options, ...rest);

  readonly rebuild: Served['rebuild'] = (name, options = {}, ...rest) =>
    rebuild(this.#core, name, options, ...rest);

  readonly logSegments: Served['logSegments'] = (name) => logSegments(this.#core, name);

  readonly logBytes: Served['logBytes'] = (...words) => logBytes(this.#core, ...words);

  requireOnline(name: string): OnlineDatabase {
    if (this.#closing === null) return this.#core.requireOnline(name);
    throw new PaminaError('DATABASE_OFFLINE', 'the server is closing');
  }

  feed(name: string, channel: Channel): Promise<void> {
    return this.requireOnline(name).feed(channel);
  }
}
