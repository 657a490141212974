// A master of Redis that syncs every write, with one replica that does so too, each on a free port of
// loopback.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stage, Started } from '../stage.js';
import { freePorts } from './free-ports.js';
import { waitUntil } from './waiting.js';

export class RedisServers {
  readonly port: number;
  readonly replicaPort: number;
  readonly #stage: Stage;
  readonly #folder: string;
  readonly #servers: Started[] = [];

  private constructor(stage: Stage, folder: string, port: number, replicaPort: number) {
    this.#stage = stage;
    this.#folder = folder;
    this.port = port;
    this.replicaPort = replicaPort;
  }

  /** The replica follows. */
  static async start(stage: Stage, folder: string): Promise<RedisServers> {
    const [port = 0, replicaPort = 0] = await freePorts(2);
    const servers = new RedisServers(stage, folder, port, replicaPort);
    await servers.#serve('master', port, []);
    await servers.#serve('replica', replicaPort, [`replicaof 127.0.0.1 ${port}`]);
    await waitUntil(stage, 'the replica of Redis followed', () => servers.#isFollowed());
    return servers;
  }

  async requireFollowed(): Promise<void> {
    if (!(await this.#isFollowed())) throw new Error('the replica of Redis does not follow');
  }

  /** Writes that the master has done since it was started. */
  async setsDone(): Promise<number> {
    const told = await this.#ask('info', 'commandstats');
    return Number(/^cmdstat_set:calls=(\d+)/m.exec(told)?.[1] ?? 0);
  }

  /** kill -9 */
  async killMaster(): Promise<void> {
    const master = this.#servers.shift();
    if (master !== undefined) await this.#stage.end(master);
  }

  async close(): Promise<void> {
    for (const server of this.#servers.toReversed()) await this.#stage.end(server);
    await this.#stage.remove(this.#folder);
  }

  #ask(...words: string[]): Promise<string> {
    return this.#stage.run('redis-cli', ['-p', String(this.port), ...words]);
  }

  async #isFollowed(): Promise<boolean> {
    return /^slave0:.*state=online/m.test(await this.#ask('info', 'replication'));
  }

  async #serve(name: string, port: number, more: readonly string[]): Promise<void> {
    const folder = join(this.#folder, name);
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
}
