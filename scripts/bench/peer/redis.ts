// Redis that syncs every write, with one replica, and redis-benchmark as its clients: a SET of one
// document under a random key is what a put is here.
import { documentTemplate } from '../program/lib/document.mjs';
import type { Contestant, Latency, Turn, TurnPlan } from '../rounds.js';
import type { Stage } from '../stage.js';
import { RedisServers } from './redis-servers.js';

/** redis-benchmark draws numbers below this, so that keys hardly ever repeat. */
const keyspace = 2_000_000_000;
const random = '__rand_int__';
/** For the first turn, when no rate is known. */
const requestsAtFirst = 5000;

export interface RedisOptions {
  readonly clients: number;
  readonly folder: string;
}

export async function startRedis(
  stage: Stage,
  { clients, folder }: RedisOptions,
): Promise<Contestant> {
  return new RedisPair(stage, clients, await RedisServers.start(stage, folder));
}

class RedisPair implements Contestant {
  readonly name = 'Redis';
  readonly #stage: Stage;
  readonly #clients: number;
  readonly #servers: RedisServers;
  #rate: number | null = null;

  constructor(stage: Stage, clients: number, servers: RedisServers) {
    this.#stage = stage;
    this.#clients = clients;
    this.#servers = servers;
  }

  /** redis-benchmark does a number of requests: as many as fill the time, in a few goes. */
  async turn({ seconds }: TurnPlan): Promise<Turn> {
    await this.#servers.requireFollowed();
    const goes: Turn[] = [];
    const done = (): number => goes.reduce((sum, go) => sum + go.seconds, 0);
    this.#rate ??= requestRate(await this.#go(requestsAtFirst));
    while (done() < seconds) {
      const requests = Math.ceil(this.#rate * (seconds - done()) * 1.02);
      const go = await this.#go(Math.max(requests, this.#clients));
      this.#rate = requestRate(go);
      goes.push(go);
    }
    return together(goes);
  }

  close(): Promise<void> {
    return this.#servers.close();
  }

  async #go(requests: number): Promise<Turn> {
    const args = redisBenchmark(this.#servers.port, this.#clients, requests);
    return readRedisBenchmark(await this.#stage.run('redis-benchmark', args), requests);
  }
}

/** Arguments for so many puts by so many clients. */
export function redisBenchmark(port: number, clients: number, requests: number): string[] {
  return [
    ...['-h', '127.0.0.1', '-p', String(port), '-c', String(clients)],
    ...['-n', String(requests), '-r', String(keyspace), '--csv'],
    ...['SET', `key:${random}`, documentTemplate(() => random)],
  ];
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
