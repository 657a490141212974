// PostgreSQL with one streaming standby, and pgbench as its clients: an insert or update of one jsonb
// document under a random key is what a put is here.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { numbersPerDocument } from '../program/lib/document.mjs';
import { latencyOf, type Contestant, type Latency, type Turn, type TurnPlan } from '../rounds.js';
import type { Stage } from '../stage.js';
import { PostgresServers, documentOf, documentsTable } from './postgres-servers.js';
import { waitUntil } from './waiting.js';

const clientThreads = 2;
const connectSecondsMax = 30;

export interface PostgresOptions {
  readonly programs: string;
  readonly clients: number;
  readonly folder: string;
}

export async function startPostgres(stage: Stage, options: PostgresOptions): Promise<Contestant> {
  const server = await PostgresPair.start(stage, options);
  return server;
}

class PostgresPair implements Contestant {
  readonly name = 'PostgreSQL';
  readonly #stage: Stage;
  readonly #options: PostgresOptions;
  readonly #servers: PostgresServers;
  #connectSeconds = 0;

  private constructor(stage: Stage, options: PostgresOptions, servers: PostgresServers) {
    this.#stage = stage;
    this.#options = options;
    this.#servers = servers;
  }

  static async start(stage: Stage, options: PostgresOptions): Promise<PostgresPair> {
    const servers = await PostgresServers.start(stage, options);
    const pair = new PostgresPair(stage, options, servers);
    await servers.sql(documentsTable);
    await servers.addStandby('standby');
    await waitUntil(stage, 'the standby streamed', () => servers.isStreaming());
    await writeFile(join(options.folder, 'put.sql'), putScript());
    return pair;
  }

  async turn({ seconds, seed }: TurnPlan): Promise<Turn> {
    if (!(await this.#servers.isStreaming()))
      throw new Error('the standby of PostgreSQL does not stream');
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
        ...['-h', '127.0.0.1', '-p', String(this.#servers.primaryPort), '-U', 'postgres', '-n'],
        ...['-M', 'prepared', '-f', join(folder, 'put.sql')],
        ...['-c', String(clients), '-j', String(clientThreads), '-T', String(seconds)],
        ...['-l', `--random-seed=${seed}`, 'postgres'],
      ],
      { cwd: logs },
    );
    return readPgbench(text);
  }

  close(): Promise<void> {
    return this.#servers.close();
  }
}

/** The document of the other contestants, its numbers drawn by pgbench and put in by the server. */
export function putScript(): string {
  const numbers = Array.from({ length: numbersPerDocument }, (_, index) => `n${index}`);
  const draws = ['key', ...numbers].map(
    (name) => `\\set ${name} random(100000000000, 999999999999)\n`,
  );
  const put =
    `insert into documents (key, document) values (:key, ${documentOf((index) => `:n${index}`)}) ` +
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
  return latencyOf(
    transactions
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => Number(line.split(' ')[2]) / 1000),
  );
}
