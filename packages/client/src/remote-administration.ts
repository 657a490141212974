// The administration of a server from another process: every call is one HTTP request.

import {
  type AddArchiveOptions,
  type Administration,
  archiveAnswer,
  archivesAnswer,
  type ArchiveSummary,
  type BackupOptions,
  type BackupsOptions,
  type BackupSummary,
  type BatchOperation,
  type Committed,
  backupAnswer,
  backupsAnswer,
  type ApplyTarget,
  type CreateOptions,
  type DatabaseStatus,
  type DatabaseSummary,
  deleteAnswer,
  type DeleteReport,
  type Entry,
  type GetOptions,
  type ExpireAnswer,
  expireAnswer,
  type ExpireOptions,
  failoverAnswer,
  type FailoverOptions,
  type FailoverReport,
  entryAnswer,
  type ExportOptions,
  hashAnswer,
  type HashReport,
  importAnswer,
  type ImportReport,
  type JobEvent,
  jobEventAnswer,
  listAnswer,
  type LogLine,
  type LogOptions,
  logLineAnswer,
  path,
  positionAnswer,
  type Progress,
  type QueryOptions,
  rebuildAnswer,
  type RebuildReport,
  type RebuildRequest,
  rejoinAnswer,
  type RejoinOptions,
  type RejoinReport,
  type ReplicaSummary,
  locksAnswer,
  type LockSummary,
  replicasAnswer,
  type ReplicateOptions,
  type ResetOptions,
  restoreAnswer,
  type RestoreOptions,
  type RestoreReport,
  type ServerAnswer,
  serverAnswer,
  settingsAnswer,
  type StopOptions,
  statusAnswer,
  type TransactionCalls,
  type UserCalls,
  valueAnswer,
  verifyAnswer,
  type VerifyReport,
  type VerifyRequest,
  type WriteOptions,
} from '@pamina/wire';
import { ImportSource } from './import-source.js';
import { RemoteTransactionCalls } from './remote-transaction-calls.js';
import { RemoteUserCalls } from './remote-user-calls.js';
import { RemoteCalls, type RemoteAdministrationOptions } from './remote-calls.js';

export class RemoteAdministration implements Administration {
  readonly address: string;
  readonly transactions: TransactionCalls;
  readonly users: UserCalls;
  /** Hidden: what it is made of is not for who uses this. */
  readonly #calls: RemoteCalls;

  constructor(options: RemoteAdministrationOptions) {
    this.#calls = new RemoteCalls(options);
    this.address = this.#calls.address;
    this.transactions = new RemoteTransactionCalls(this.#calls);
    this.users = new RemoteUserCalls(this.#calls);
  }

  /** Who answers at the address, without a token: the test whether a server is (still) there. */
  server(): Promise<ServerAnswer> {
    return this.#calls.ask('/server', serverAnswer);
  }

  list(): Promise<DatabaseSummary[]> {
    return this.#calls.ask('/databases', listAnswer);
  }

  status(name: string): Promise<DatabaseStatus> {
    return this.#calls.ask(path`/databases/${name}`, statusAnswer);
  }

  create(name: string, options: CreateOptions = {}, progress?: Progress): Promise<DatabaseStatus> {
    return this.#calls.verb('/databases', { name, ...options }, progress);
  }

  restore(
    name: string,
    options: RestoreOptions,
    progress?: Progress,
    signal?: AbortSignal,
  ): Promise<RestoreReport> {
    const target = path`/databases/${name}/restore`;
    return this.#calls.task(target, options, restoreAnswer, progress, signal);
  }

  start(name: string): Promise<DatabaseStatus> {
    return this.#calls.verb(path`/databases/${name}/start`);
  }

  stop(name: string, { mode, timeoutMs }: StopOptions = {}): Promise<DatabaseStatus> {
    return this.#calls.verb(path`/databases/${name}/stop`, { mode, timeoutMs });
  }

  apply(name: string, target: ApplyTarget): Promise<DatabaseStatus> {
    return this.#calls.verb(path`/databases/${name}/apply`, target);
  }

  reset(name: string, options: ResetOptions = {}): Promise<DatabaseStatus> {
    return this.#calls.verb(path`/databases/${name}/reset`, options);
  }

  rename(name: string, to: string): Promise<DatabaseStatus> {
    return this.#calls.verb(path`/databases/${name}/rename`, { to });
  }

  replicate(name: string, options: ReplicateOptions, progress?: Progress): Promise<DatabaseStatus> {
    return this.#calls.verb(path`/databases/${name}/replicate`, options, progress);
  }

  backup(
    name: string,
    options: BackupOptions = {},
    progress?: Progress,
    signal?: AbortSignal,
  ): Promise<BackupSummary> {
    const target = path`/databases/${name}/backups`;
    return this.#calls.task(target, options, backupAnswer, progress, signal);
  }

  backups(name: string, options: BackupsOptions = {}): Promise<BackupSummary[]> {
    return this.#calls.ask(path`/databases/${name}/backups`, backupsAnswer, { ...options });
  }

  addArchive(name: string, archive: string, options: AddArchiveOptions): Promise<ArchiveSummary> {
    const target = path`/databases/${name}/archives/${archive}`;
    return this.#calls.caller.task(
      { method: 'PUT', path: target, body: options, signal: this.#calls.signal() },
      archiveAnswer,
    );
  }

  removeArchive(name: string, archive: string): Promise<void> {
    return this.#calls.done('DELETE', path`/databases/${name}/archives/${archive}`);
  }

  archives(name: string): Promise<ArchiveSummary[]> {
    return this.#calls.ask(path`/databases/${name}/archives`, archivesAnswer);
  }

  runArchive(
    name: string,
    archive: string | undefined,
    signal?: AbortSignal,
  ): Promise<ArchiveSummary[]> {
    const target = path`/databases/${name}/archives`;
    return this.#calls.task(target, { archive }, archivesAnswer, undefined, signal);
  }

  expire(name: string, options: ExpireOptions = {}): Promise<ExpireAnswer> {
    const target = path`/databases/${name}/backups/expire`;
    return this.#calls.task(target, options, expireAnswer);
  }

  allow(
    name: string,
    replica: string,
    options: { simultaneousQuery?: boolean | undefined } = {},
  ): Promise<void> {
    return this.#calls.done('PUT', path`/databases/${name}/replicas/${replica}`, options);
  }

  deny(name: string, replica: string): Promise<void> {
    return this.#calls.done('DELETE', path`/databases/${name}/replicas/${replica}`);
  }

  replicas(name: string): Promise<ReplicaSummary[]> {
    return this.#calls.ask(path`/databases/${name}/replicas`, replicasAnswer);
  }

  delete(
    name: string,
    options: { keepBackups?: boolean | undefined; dryRun?: boolean | undefined } = {},
  ): Promise<DeleteReport> {
    return this.#calls.caller.task(
      {
        method: 'DELETE',
        path: path`/databases/${name}`,
        query: { keepBackups: options.keepBackups, dryRun: options.dryRun },
        signal: this.#calls.signal(),
      },
      deleteAnswer,
    );
  }

  set(name: string, property: string, value: string): Promise<Record<string, unknown>> {
    const target = path`/databases/${name}/settings/${property}`;
    return this.#calls.caller.call(
      { method: 'PUT', path: target, body: { value }, signal: this.#calls.signal() },
      settingsAnswer,
    );
  }

  put(name: string, key: string, value: string, options?: WriteOptions): Promise<Committed> {
    const body = { key, value, ...options };
    return this.#calls.send(path`/databases/${name}/put`, body, positionAnswer);
  }

  async get(name: string, key: string, options?: GetOptions): Promise<string> {
    const body = { key, ...options };
    return (await this.#calls.send(path`/databases/${name}/get`, body, valueAnswer)).value;
  }

  del(name: string, key: string, options?: WriteOptions): Promise<Committed> {
    return this.#calls.send(path`/databases/${name}/del`, { key, ...options }, positionAnswer);
  }

  batch(
    name: string,
    operations: readonly BatchOperation[],
    options?: WriteOptions,
  ): Promise<Committed> {
    const body = { operations, ...options };
    return this.#calls.send(path`/databases/${name}/batch`, body, positionAnswer);
  }

  async importEntries(
    name: string,
    entries: AsyncIterable<Entry>,
    progress?: Progress,
  ): Promise<ImportReport> {
    const source = new ImportSource(entries);
    try {
      return await this.#calls.caller.task(
        {
          method: 'POST',
          path: path`/databases/${name}/import`,
          lines: source.blocks(),
          signal: this.#calls.signal(),
        },
        importAnswer,
        progress,
      );
    } catch (error) {
      // A source that fails breaks the request off, which the network can only call an interruption.
      throw source.failed ? source.failure : error;
    }
  }

  exportEntries(name: string, options: ExportOptions = {}): AsyncIterable<Entry> {
    const target = path`/databases/${name}/export`;
    return this.#calls.caller.items(
      { method: 'GET', path: target, query: { ...options }, signal: this.#calls.signal() },
      entryAnswer,
    );
  }

  query(name: string, { signal, ...body }: QueryOptions = {}): AsyncIterable<Entry> {
    const target = path`/databases/${name}/query`;
    return this.#calls.caller.items(
      { method: 'POST', path: target, body, signal: this.#calls.signal(signal) },
      entryAnswer,
    );
  }

  async *jobLog(
    name: string,
    options: {
      lines?: number | undefined;
      follow?: boolean | undefined;
      signal?: AbortSignal | undefined;
    } = {},
  ): AsyncIterable<JobEvent> {
    const { follow, lines, signal } = options;
    const target = path`/databases/${name}/job-log`;
    try {
      yield* this.#calls.caller.items(
        {
          method: 'GET',
          path: target,
          query: { follow, lines },
          signal: this.#calls.signal(signal),
        },
        jobEventAnswer,
      );
    } catch (error) {
      // To stop following is how following ends, and no failure.
      if (signal?.aborted === true) return;
      throw error;
    }
  }

  log(name: string, options: LogOptions = {}): AsyncIterable<LogLine> {
    const target = path`/databases/${name}/log`;
    return this.#calls.caller.items(
      { method: 'GET', path: target, query: { ...options }, signal: this.#calls.signal() },
      logLineAnswer,
    );
  }

  hash(
    name: string,
    options: { at?: string | undefined; verify?: boolean | undefined } = {},
    progress?: Progress,
  ): Promise<HashReport> {
    const target = path`/databases/${name}/hash`;
    return this.#calls.caller.task(
      { method: 'GET', path: target, query: options, signal: this.#calls.signal() },
      hashAnswer,
      progress,
    );
  }

  verify(
    name: string,
    options: VerifyRequest = {},
    progress?: Progress,
    signal?: AbortSignal,
  ): Promise<VerifyReport> {
    const target = path`/databases/${name}/verify`;
    return this.#calls.task(target, options, verifyAnswer, progress, signal);
  }

  rebuild(
    name: string,
    options: RebuildRequest = {},
    progress?: Progress,
    signal?: AbortSignal,
  ): Promise<RebuildReport> {
    const target = path`/databases/${name}/rebuild`;
    return this.#calls.task(target, options, rebuildAnswer, progress, signal);
  }

  failover(
    master: string,
    options: FailoverOptions = {},
    progress?: Progress,
  ): Promise<FailoverReport> {
    const target = path`/databases/${master}/failover`;
    return this.#calls.task(target, options, failoverAnswer, progress);
  }

  rejoin(name: string, options: RejoinOptions = {}, progress?: Progress): Promise<RejoinReport> {
    const target = path`/databases/${name}/rejoin`;
    return this.#calls.task(target, options, rejoinAnswer, progress);
  }

  locks(name: string, { limit }: { limit?: number | undefined } = {}): Promise<LockSummary[]> {
    const query = { limit: limit?.toString() };
    return this.#calls.ask(path`/databases/${name}/locks`, locksAnswer, query);
  }

  releaseLocks(name: string, transaction: number): Promise<void> {
    return this.#calls.done('POST', path`/databases/${name}/locks/release`, { transaction });
  }

  unfence(name: string): Promise<DatabaseStatus> {
    return this.#calls.verb(path`/databases/${name}/unfence`);
  }

  /** Ends the calls under way; the server and its databases go on. */
  close(): Promise<void> {
    return this.#calls.close();
  }
}
