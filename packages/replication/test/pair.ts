// A real master and real replicas in temporary folders, with feeds on a real loopback socket that can
// be cut at the level of TCP.
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, Database, readControl, writeControl, newInstance } from '@pamina/engine';
import { type HttpListener, nodeEnv } from '@pamina/env';
import { segmentBytesMin, wireMessageBytesMax } from '@pamina/format';
import type { FeedEnd, FeedOptions, FeedStatus } from '../src/feed-options.js';
import { runFeed } from '../src/feed-runner.js';
import { FeedSeats } from '../src/feed-seats.js';
import { FollowerRunner } from '../src/follower-runner.js';

export const env = nodeEnv();

/** Polls until it holds; the deadline is for a hang, not a measurement. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Serves the feeds of whatever database it holds at the moment. */
export class FeedServer {
  readonly sockets = new Set<Socket>();
  readonly statuses = new Map<string, FeedStatus>();
  readonly ends: FeedEnd[] = [];
  readonly #listener: HttpListener = env.network.createHttpServer();
  readonly #feeds = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #seats = new FeedSeats(env.clock);
  database: Database | null;
  connections = 0;

  readonly #onQueryWanted: FeedOptions['onQueryWanted'];

  constructor(database: Database, onQueryWanted?: FeedOptions['onQueryWanted']) {
    this.database = database;
    this.#onQueryWanted = onQueryWanted;
  }

  async listen(): Promise<string> {
    const { server } = this.#listener;
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    this.#listener.onUpgrade((_request, accept, refuse) => {
      if (this.database === null) return refuse(404, 'offline');
      this.connections++;
      const channel = accept({ messageBytesMax: wireMessageBytesMax });
      let replica = '';
      const feed = runFeed(channel, this.database, {
        signal: this.#stop.signal,
        seats: this.#seats,
        onStatus: (status) => {
          if (status === null) this.statuses.delete(replica);
          else this.statuses.set((replica = status.replica), status);
        },
        onEnd: (end) => this.ends.push(end),
        onQueryWanted: this.#onQueryWanted,
      });
      this.#feeds.add(feed);
      return void feed.finally(() => this.#feeds.delete(feed));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** As if the cable were cut. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async settle(): Promise<void> {
    while (this.#feeds.size > 0) await Promise.all(this.#feeds);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.settle();
    await this.#listener.close();
  }
}

export class Pair {
  readonly folder: string;
  readonly server: FeedServer;
  address = '';
  readonly runners = new Map<Database, FollowerRunner>();
  readonly #databases = new Set<Database>();

  private constructor(folder: string, server: FeedServer) {
    this.folder = folder;
    this.server = server;
  }

  /** A master named orders; `replica()` makes copies of its beginning. */
  static async create(): Promise<Pair> {
    const folder = await mkdtemp(join(tmpdir(), 'pamina-replication-'));
    const path = join(folder, 'orders');
    await createDatabase(path, { env });
    await cp(path, join(folder, 'seed'), { recursive: true });
    const master = await Database.open(path, { env, segmentBytes: segmentBytesMin });
    const pair = new Pair(folder, new FeedServer(master));
    pair.#databases.add(master);
    pair.address = await pair.server.listen();
    await pair.setDelay(0);
    return pair;
  }

  get master(): Database {
    if (this.server.database === null) throw new Error('the master is offline');
    return this.server.database;
  }

  async setDelay(replicationDelayMs: number): Promise<void> {
    await this.master.system.setSettings({ replicationDelayMs });
  }

  /** What a restore of a backup from the beginning would lay out. */
  async replica(
    name: string,
    change: Parameters<Database['updateControl']>[0] = {},
  ): Promise<Database> {
    const path = join(this.folder, name);
    await cp(join(this.folder, 'seed'), path, { recursive: true });
    const control = (await readControl(env.disk, path))!;
    const { pattern } = this.master.identity;
    await writeControl(env.disk, path, {
      ...control,
      name,
      type: 'replica',
      master: 'orders',
      instance: newInstance(env),
      pattern,
      ...change,
    });
    return this.open(path);
  }

  async open(path: string): Promise<Database> {
    const database = await Database.open(path, { env, segmentBytes: segmentBytesMin });
    this.#databases.add(database);
    return database;
  }

  async shut(database: Database): Promise<void> {
    await this.runners.get(database)?.stop();
    this.runners.delete(database);
    await database.close();
    this.#databases.delete(database);
  }

  runner(database: Database, address = () => this.address): FollowerRunner {
    const runner = new FollowerRunner({
      database,
      env,
      resolveMaster: () => Promise.resolve({ address: address() }),
      jobLog: database.jobLog,
    });
    this.runners.set(database, runner);
    return runner;
  }

  async follow(name: string, change: Parameters<Database['updateControl']>[0] = {}) {
    await this.master.permit(name, { simultaneousQuery: false });
    const database = await this.replica(name, change);
    const runner = this.runner(database);
    runner.start();
    return { database, runner };
  }

  async close(): Promise<void> {
    for (const runner of this.runners.values()) await runner.stop();
    await this.server.close();
    for (const database of this.#databases) await database.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

let written = 0;
export async function write(master: Database, commits: number, valueBytes = 300): Promise<void> {
  const waiting: Promise<unknown>[] = [];
  for (let index = 0; index < commits; index++) {
    const value = Buffer.alloc(1 + ((written * 7919) % (2 * valueBytes)), written % 251);
    waiting.push(master.commit([{ type: 'put', key: `key ${written++ % 500}`, value }]));
  }
  await Promise.all(waiting);
}

export function isEven(master: Database, replica: Database): boolean {
  return (
    replica.durable().seq === master.durable().seq && replica.applied().seq === master.durable().seq
  );
}

/** Every segment that holds records: its name, its length and the hash of its durable bytes. */
export async function logFiles(database: Database): Promise<string[]> {
  const files: string[] = [];
  for (const { name, path, bytes } of database.log.segments()) {
    const content = (await readFile(path)).subarray(0, bytes);
    files.push(`${name} ${bytes} ${createHash('sha256').update(content).digest('hex')}`);
  }
  return files;
}

/** Start time of the oldest segment. */
export async function firstStart(database: Database): Promise<number> {
  const [segment] = database.log.segments();
  if (segment === undefined) throw new Error('the log is empty');
  return (await database.log.header(segment)).startTime;
}

export async function content(database: Database): Promise<string> {
  const { snapshot } = await database.stateSnapshot();
  const lines: string[] = [];
  for await (const batch of snapshot.entries()) {
    for (const [key, value] of batch) {
      lines.push(`${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`);
    }
  }
  await snapshot.close();
  return lines.join('\n');
}

export async function jobLines(database: Database): Promise<string[]> {
  return (await database.jobLog.tail(1000)).map((event) => event.message);
}
