// PostgreSQL with one streaming standby, and pgbench as its clients: an insert or update of one jsonb
// document under a random key is what a put is here.
import { chown, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { numbersPerDocument, documentTemplate } from '../program/lib/document.mjs';
import type { Contestant, Latency, Turn, TurnPlan } from '../rounds.js';
import type { Stage, Started, StartOptions } from '../stage.js';
import { freePorts } from './free-ports.js';
import { waitUntil } from './waiting.js';

const clientThreads = 2;
const connectSecondsMax = 30;
const table = 'create table documents (key bigint primary key, document jsonb not null)';

/** Durable, and with the room that its documentation advises to give it: see the README here. */
const settings = `
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
fsync = on
synchronous_commit = on
full_page_writes = on
wal_level = replica
max_wal_senders = 4
hot_standby = on
shared_buffers = 1GB
max_wal_size = 16GB
min_wal_size = 1GB
checkpoint_timeout = 15min
wal_keep_size = 2GB
`;

export interface PostgresOptions {
  readonly programs: string;
  readonly clients: number;
  readonly folder: string;
}

export async function startPostgres(stage: Stage, options: PostgresOptions): Promise<Contestant> {
  const server = await PostgresPair.start(stage, options);
  return server;
}

type User = StartOptions['user'];

class PostgresPair implements Contestant {
  readonly name = 'PostgreSQL';
  readonly #stage: Stage;
  readonly #options: PostgresOptions;
  readonly #user: User;
  #primaryPort = 0;
  #connectSeconds = 0;
  readonly #servers: Started[] = [];

  private constructor(stage: Stage, options: PostgresOptions, user: User) {
    this.#stage = stage;
    this.#options = options;
    this.#user = user;
  }

  static async start(stage: Stage, options: PostgresOptions): Promise<PostgresPair> {
    const pair = new PostgresPair(stage, options, await userToRunAs(stage));
    await pair.#begin();
    return pair;
  }

  async #begin(): Promise<void> {
    const { folder } = this.#options;
    await mkdir(folder, { recursive: true });
    if (this.#user) await chown(folder, this.#user.uid, this.#user.gid);
    const [primaryPort = 0, standbyPort = 0] = await freePorts(2);
    this.#primaryPort = primaryPort;
    const primary = join(folder, 'primary');
    const standby = join(folder, 'standby');
    await this.#run('initdb', [
      '-D',
      primary,
      '-U',
      'postgres',
      '--auth=trust',
      '--locale=C',
      '-E',
      'UTF8',
    ]);
    const text = await readFile(join(primary, 'postgresql.conf'), 'utf8');
    await writeFile(join(primary, 'postgresql.conf'), text + settings);
    await this.#serve(primary, primaryPort);
    await this.#sql(table);
    const from = ['-h', '127.0.0.1', '-p', String(primaryPort), '-U', 'postgres'];
    await this.#run('pg_basebackup', [...from, '-D', standby, '-R', '-X', 'stream', '-c', 'fast']);
    await this.#serve(standby, standbyPort);
    await waitUntil(this.#stage, 'the standby streamed', () => this.#isStreaming());
    await writeFile(join(folder, 'put.sql'), putScript());
  }

  async turn({ seconds, seed }: TurnPlan): Promise<Turn> {
    if (!(await this.#isStreaming())) throw new Error('the standby of PostgreSQL does not stream');
    const { folder } = this.#options;
    const logs = join(folder, `turn-${seed}`);
    for (let extra = 0; extra <= connectSecondsMax; extra = extra * 2 + 1) {
      await mkdir(logs);
      const told = await this.#pgbench(
        logs,
        Math.ceil(seconds + this.#connectSeconds + extra),
        seed,
      );
      const latency = latencyFrom(await transactionsIn(logs));
      await rm(logs, { recursive: true });
      this.#connectSeconds = told.connectSeconds;
      const { operations } = told;
      if (operations > 0) return { operations, seconds: told.seconds, latency };
    }
    throw new Error('the clients of pgbench were not connected in time');
  }

  /** The time begins before its clients are connected, so it gets as much more as that took last. */
  async #pgbench(logs: string, seconds: number, seed: number): Promise<PgbenchReport> {
    const { clients, folder, programs } = this.#options;
    const text = await this.#stage.run(
      join(programs, 'pgbench'),
      [
        ...['-h', '127.0.0.1', '-p', String(this.#primaryPort), '-U', 'postgres', '-n'],
        ...['-M', 'prepared', '-f', join(folder, 'put.sql')],
        ...['-c', String(clients), '-j', String(clientThreads), '-T', String(seconds)],
        ...['-l', `--random-seed=${seed}`, 'postgres'],
      ],
      { cwd: logs },
    );
    return readPgbench(text);
  }

  async close(): Promise<void> {
    // The standby first: without it the primary has nobody to wait for.
    for (const server of this.#servers.toReversed()) await this.#stage.end(server);
    await this.#stage.remove(this.#options.folder);
  }

  async #serve(data: string, port: number): Promise<void> {
    const command = join(this.#options.programs, 'postgres');
    const server = this.#stage.start(command, ['-D', data, '-p', String(port)], {
      user: this.#user,
      endSignal: 'SIGQUIT',
    });
    this.#servers.push(server);
    const ready = join(this.#options.programs, 'pg_isready');
    await waitUntil(this.#stage, 'PostgreSQL was ready', async () => {
      if (server.child.exitCode !== null) throw new Error(`PostgreSQL ended: ${server.output()}`);
      const asking = this.#stage.start(ready, ['-q', '-h', '127.0.0.1', '-p', String(port)]);
      return (await asking.ended) === 0;
    });
  }

  #run(program: string, args: readonly string[]): Promise<string> {
    return this.#stage.run(join(this.#options.programs, program), args, { user: this.#user });
  }

  #sql(statement: string): Promise<string> {
    const to = ['-h', '127.0.0.1', '-p', String(this.#primaryPort), '-U', 'postgres'];
    return this.#run('psql', [...to, '-At', '-c', statement, 'postgres']);
  }

  async #isStreaming(): Promise<boolean> {
    const count = "select count(*) from pg_stat_replication where state = 'streaming'";
    return (await this.#sql(count)).trim() === '1';
  }
}

/** PostgreSQL refuses to run as root. */
async function userToRunAs(stage: Stage): Promise<User> {
  if (process.getuid?.() !== 0) return null;
  const [uid, gid] = await Promise.all([
    stage.run('id', ['-u', 'postgres']),
    stage.run('id', ['-g', 'postgres']),
  ]);
  return { uid: Number(uid), gid: Number(gid) };
}

/** The document of the other contestants, its numbers drawn by pgbench and put in by the server. */
export function putScript(): string {
  const numbers = Array.from({ length: numbersPerDocument }, (_, index) => `n${index}`);
  const names = ['key', ...numbers];
  const draws = names.map((name) => `\\set ${name} random(100000000000, 999999999999)\n`);
  let next = 0;
  const text = documentTemplate(() => {
    const name = numbers[next] ?? '';
    next += 1;
    return `' || :${name} || '`;
  });
  const put =
    `insert into documents (key, document) values (:key, ('${text}')::jsonb) ` +
    'on conflict (key) do update set document = excluded.document;\n';
  return draws.join('') + put;
}

export interface PgbenchReport {
  readonly operations: number;
  /** Without those in which its clients connected. */
  readonly seconds: number;
  readonly connectSeconds: number;
}

export function readPgbench(text: string): PgbenchReport {
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN);
  const operations = number(/number of transactions actually processed: (\d+)/);
  const failed = number(/number of failed transactions: (\d+)/);
  const connectMs = number(/initial connection time = ([\d.]+) ms/);
  const rate = number(/tps = ([\d.]+) \(without initial connection time\)/);
  const isTold = operations === 0 || (rate > 0 && connectMs >= 0);
  if (!isTold || failed !== 0) {
    throw new Error(`pgbench did not say how many transactions it did: ${text}`);
  }
  if (operations === 0) return { operations, seconds: 0, connectSeconds: 0 };
  return { operations, seconds: operations / rate, connectSeconds: connectMs / 1000 };
}

async function transactionsIn(folder: string): Promise<string> {
  const names = await readdir(folder);
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return texts.join('');
}

/** One line a transaction; the third field is how long it took, in µs. */
export function latencyFrom(transactions: string): Latency {
  const times = transactions
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.split(' ')[2]) / 1000)
    .toSorted((left, right) => left - right);
  const at = (fraction: number): number | null =>
    times[Math.max(0, Math.ceil(times.length * fraction) - 1)] ?? null;
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
