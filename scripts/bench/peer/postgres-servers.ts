// A primary of PostgreSQL and the standbys that are made from it, each a process of its own on a free
// port of loopback.
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { documentTemplate } from '../program/lib/document.mjs';
import type { Stage, Started, StartOptions } from '../stage.js';
import { freePorts } from './free-ports.js';
import { waitUntil } from './waiting.js';

export const documentsTable =
  'create table documents (key bigint primary key, document jsonb not null)';

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
wal_retrieve_retry_interval = 10ms
`;

type User = StartOptions['user'];

export interface PostgresPlace {
  readonly programs: string;
  readonly folder: string;
}

export interface Serving {
  readonly port: number;
  readonly server: Started;
}

export class PostgresServers {
  readonly #stage: Stage;
  readonly #place: PostgresPlace;
  readonly #user: User;
  #primaryPort = 0;
  readonly #servers: Started[] = [];

  private constructor(stage: Stage, place: PostgresPlace, user: User) {
    this.#stage = stage;
    this.#place = place;
    this.#user = user;
  }

  static async start(stage: Stage, place: PostgresPlace): Promise<PostgresServers> {
    const servers = new PostgresServers(stage, place, await userToRunAs(stage));
    const { folder } = place;
    await mkdir(folder, { recursive: true });
    const user = servers.#user;
    if (user) await chown(folder, user.uid, user.gid);
    const primary = join(folder, 'primary');
    const as = ['-U', 'postgres', '--auth=trust', '--locale=C', '-E', 'UTF8'];
    await servers.run('initdb', ['-D', primary, ...as]);
    const text = await readFile(join(primary, 'postgresql.conf'), 'utf8');
    await writeFile(join(primary, 'postgresql.conf'), text + settings);
    ({ port: servers.#primaryPort } = await servers.#serve(primary));
    return servers;
  }

  get primaryPort(): number {
    return this.#primaryPort;
  }

  /** Arguments of a client of the primary. */
  get toPrimary(): readonly string[] {
    return ['-h', '127.0.0.1', '-p', String(this.#primaryPort), '-U', 'postgres'];
  }

  /** Copied from the primary into a folder of that name, started and ready. */
  async addStandby(called: string): Promise<Serving> {
    await this.copyPrimary(called);
    return this.#serve(join(this.#place.folder, called));
  }

  async copyPrimary(called: string): Promise<void> {
    const standby = join(this.#place.folder, called);
    const copy = ['-D', standby, '-R', '-X', 'stream', '-c', 'fast'];
    await this.run('pg_basebackup', [...this.toPrimary, ...copy]);
  }

  /** One that was stopped; whether it is ready is not waited for. */
  startStandby(called: string): Promise<Serving> {
    return this.#launch(join(this.#place.folder, called));
  }

  /** As `pg_ctl stop` does it. */
  async stopStandby({ server }: Serving): Promise<void> {
    server.child.kill('SIGINT');
    await server.ended;
    this.#servers.splice(this.#servers.indexOf(server), 1);
  }

  async removeStandby(called: string, { server }: Serving): Promise<void> {
    await this.#stage.end(server);
    this.#servers.splice(this.#servers.indexOf(server), 1);
    await this.removeCopy(called);
  }

  removeCopy(called: string): Promise<void> {
    return this.#stage.remove(join(this.#place.folder, called));
  }

  /** kill -9 of every process that it has: each of them has left the group of the first one. */
  async killPrimary(): Promise<void> {
    const [primary] = this.#servers;
    const pid = primary?.child.pid;
    if (primary === undefined || pid === undefined) throw new Error('there is no primary');
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    primary.child.kill('SIGKILL');
    for (const child of children.trim().split(' ')) killIfThere(Number(child));
    await primary.ended;
    this.#servers.shift();
  }

  run(program: string, args: readonly string[]): Promise<string> {
    return this.#stage.run(join(this.#place.programs, program), args, { user: this.#user });
  }

  sql(statement: string, port = this.#primaryPort): Promise<string> {
    const to = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres'];
    return this.run('psql', [...to, '-At', '-c', statement, 'postgres']);
  }

  /** Whether the server on that port could be reached and did it. */
  async succeeds(statement: string, port: number): Promise<boolean> {
    const to = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres'];
    const psql = join(this.#place.programs, 'psql');
    const asking = this.#stage.start(psql, [...to, '-q', '-c', statement, 'postgres']);
    return (await asking.ended) === 0;
  }

  /** One standby does. */
  async isStreaming(): Promise<boolean> {
    const count = "select count(*) from pg_stat_replication where state = 'streaming'";
    return (await this.sql(count)).trim() === '1';
  }

  async close(): Promise<void> {
    // The standbys first: without them the primary has nobody to wait for.
    for (const server of this.#servers.toReversed()) await this.#stage.end(server);
    await this.#stage.remove(this.#place.folder);
  }

  /** A session whose statements are written to its stdin. */
  session(port: number): Started {
    const to = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres'];
    const psql = join(this.#place.programs, 'psql');
    return this.#stage.start(psql, [...to, '-qAt', '-v', 'ON_ERROR_STOP=1', 'postgres']);
  }

  async #launch(data: string): Promise<Serving> {
    const [port = 0] = await freePorts(1);
    const command = join(this.#place.programs, 'postgres');
    const server = this.#stage.start(command, ['-D', data, '-p', String(port)], {
      user: this.#user,
      endSignal: 'SIGQUIT',
    });
    this.#servers.push(server);
    return { port, server };
  }

  async #serve(data: string): Promise<Serving> {
    const { port, server } = await this.#launch(data);
    const ready = join(this.#place.programs, 'pg_isready');
    await waitUntil(this.#stage, 'PostgreSQL was ready', async () => {
      if (server.child.exitCode !== null) throw new Error(`PostgreSQL ended: ${server.output()}`);
      const asking = this.#stage.start(ready, ['-q', '-h', '127.0.0.1', '-p', String(port)]);
      return (await asking.ended) === 0;
    });
    return { port, server };
  }
}

/** The document of the other contestants as an expression; `number` gives that of each number in it. */
export function documentOf(number: (index: number) => string): string {
  let index = 0;
  const text = documentTemplate(() => `' || ${number(index++)} || '`);
  return `('${text}')::jsonb`;
}

/** It may have ended by itself: its postmaster is gone. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
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
