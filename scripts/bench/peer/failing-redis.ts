// Redis whose replica takes the place of its master.
import { setTimeout as sleep } from 'node:timers/promises';
import { Program } from '../program.js';
import type { TurnPlan } from '../rounds.js';
import type { Stage } from '../stage.js';
import { redisBenchmark } from './redis.js';
import { RedisServers } from './redis-servers.js';

const clients = 64;
const requestsWithoutEnd = 1_000_000_000;

export class FailingRedis {
  readonly #stage: Stage;
  readonly #servers: RedisServers;
  readonly #client: Program;

  private constructor(stage: Stage, servers: RedisServers, client: Program) {
    this.#stage = stage;
    this.#servers = servers;
    this.#client = client;
  }

  static async start(stage: Stage, folder: string): Promise<FailingRedis> {
    const servers = await RedisServers.start(stage, folder);
    const toReplica = { port: servers.replicaPort, connections: 1 };
    const { program } = await Program.start(stage, 'redis-client', toReplica);
    return new FailingRedis(stage, servers, program);
  }

  /** Kills the master in the midst of its writing; the seconds until the replica has taken a write. */
  async takeOver({ seconds: writingSeconds }: TurnPlan): Promise<number> {
    const args = redisBenchmark(this.#servers.port, clients, requestsWithoutEnd);
    const writing = this.#stage.start('redis-benchmark', args);
    await sleep(writingSeconds * 1000, undefined, { signal: this.#stage.signal });
    if (writing.child.exitCode !== null) throw new Error(`it ended: ${writing.output()}`);
    const startedAt = performance.now();
    await this.#servers.killMaster();
    await this.#client.ask('promote');
    const seconds = (performance.now() - startedAt) / 1000;
    await this.#stage.end(writing);
    return seconds;
  }

  async close(): Promise<void> {
    await this.#client.finish();
    await this.#servers.close();
  }
}
