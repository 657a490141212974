// Redis that syncs every write, with one replica, and redis-benchmark as its clients: a SET of one
// document under a random key is what a put is here.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { documentTemplate } from '../program/lib/document.mjs';
import type { Contestant, Latency, Turn, TurnPlan } from '../rounds.js';
import type { Stage, Started } from '../stage.js';
import { freePorts } from './free-ports.js';
import { waitUntil } from './waiting.js';

/** redis-benchmark draws numbers below this, so that keys hardly ever repeat. */
const keyspace = 2_000_000_000;
const random = '__rand_int__';
/** For the first turn, when no rate is known. */
const requestsAtFirst = 5000;

export interface RedisOptions {
  readonly clients: number;
  readonly folder: string;
}

export async function startRedis(stage: Stage, options: RedisOptions): Promise<Contestant> {
  return RedisPair.start(stage, options);
}

class RedisPair implements Contestant {
  readonly name = 'Redis';
  readonly #stage: Stage;
  readonly #options: RedisOptions;
  readonly #servers: Started[] = [];
  #port = 0;
  #rate: number | null = null;

  private constructor(stage: Stage, options: RedisOptions) {
    this.#stage = stage;
    this.#options = options;
  }

  static async start(stage: Stage, options: RedisOptions): Promise<RedisPair> {
    const pair = new RedisPair(stage, options);
    await pair.#begin();
    return pair;
  }

  async #begin(): Promise<void> {
    const [port = 0, replicaPort = 0] = await freePorts(2);
    this.#port = port;
    await this.#serve('master', port, []);
    await this.#serve('replica', replicaPort, [`replicaof 127.0.0.1 ${port}`]);
    await waitUntil(this.#stage, 'the replica of Redis followed', () => this.#isFollowed());
  }

  /** redis-benchmark does a number of requests: as many as fill the time, in a few goes. */
  async turn({ seconds }: TurnPlan): Promise<Turn> {
    if (!(await this.#isFollowed())) throw new Error('the replica of Redis does not follow');
    const goes: Turn[] = [];
    const done = (): number => goes.reduce((sum, go) => sum + go.seconds, 0);
    this.#rate ??= requestRate(await this.#go(requestsAtFirst));
    while (done() < seconds) {
      const requests = Math.ceil(this.#rate * (seconds - done()) * 1.02);
      const go = await this.#go(Math.max(requests, this.#options.clients));
      this.#rate = requestRate(go);
      goes.push(go);
    }
    return together(goes);
  }

  async close(): Promise<void> {
    for (const server of this.#servers.toReversed()) await this.#stage.end(server);
    await this.#stage.remove(this.#options.folder);
  }

  async #go(requests: number): Promise<Turn> {
    const text = await this.#stage.run('redis-benchmark', [
      ...['-h', '127.0.0.1', '-p', String(this.#port), '-c', String(this.#options.clients)],
      ...['-n', String(requests), '-r', String(keyspace), '--csv'],
      ...['SET', `key:${random}`, documentTemplate(() => random)],
    ]);
    return readRedisBenchmark(text, requests);
  }

  async #serve(name: string, port: number, more: readonly string[]): Promise<void> {
    const folder = join(this.#options.folder, name);
    await mkdir(folder, { recursive: true });
    const settings = [
      'bind 127.0.0.1',
      `port ${port}`,
      `dir ${folder}`,
      'appendonly yes',
      'appendfsync always',
      // Snapshots beside the log would be work that nobody asked for.
      'save ""',
      // A replica that falls behind is not cut off, since that would make the rest easier.
      'client-output-buffer-limit replica 0 0 0',
      ...more,
    ];
    const file = join(folder, 'redis.conf');
    await writeFile(file, `${settings.join('\n')}\n`);
    const server = this.#stage.start('redis-server', [file]);
    this.#servers.push(server);
    await waitUntil(this.#stage, 'Redis was ready', async () => {
      if (server.child.exitCode !== null) throw new Error(`Redis ended: ${server.output()}`);
      const asking = this.#stage.start('redis-cli', ['-p', String(port), 'ping']);
      await asking.ended;
      return asking.output().includes('PONG');
    });
  }

  async #isFollowed(): Promise<boolean> {
    const told = await this.#stage.run('redis-cli', [
      '-p',
      String(this.#port),
      'info',
      'replication',
    ]);
    return /^slave0:.*state=online/m.test(told);
  }
}

function requestRate({ operations, seconds }: Turn): number {
  return operations / seconds;
}

/** The last line has, behind the command itself: rate, average, least, p50, p95, p99, longest. */
export function readRedisBenchmark(text: string, requests: number): Turn {
  const line = text.trimEnd().split('\n').at(-1) ?? '';
  const found = /"([\d.]+)","[\d.]+","[\d.]+","([\d.]+)","[\d.]+","([\d.]+)","([\d.]+)"\s*$/.exec(
    line,
  );
  if (found === null) throw new Error(`redis-benchmark did not tell its rate: ${text}`);
  const [, rate, p50, p99, longest] = found.map(Number);
  const latency = { p50Ms: p50 ?? null, p99Ms: p99 ?? null, maxMs: longest ?? null };
  return { operations: requests, seconds: requests / (rate ?? Number.NaN), latency };
}

/** Goes of one turn as one; its percentiles are those of the longest go. */
export function together(goes: readonly Turn[]): Turn {
  const most = goes.toSorted((left, right) => right.operations - left.operations)[0];
  const operations = goes.reduce((sum, go) => sum + go.operations, 0);
  const seconds = goes.reduce((sum, go) => sum + go.seconds, 0);
  const longest = goes.flatMap(({ latency }) => latency?.maxMs ?? []);
  const latency: Latency = {
    p50Ms: most?.latency?.p50Ms ?? null,
    p99Ms: most?.latency?.p99Ms ?? null,
    maxMs: longest.length === 0 ? null : Math.max(...longest),
  };
  return { operations, seconds, latency };
}
