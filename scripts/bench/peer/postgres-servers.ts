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
`;

type User = StartOptions['user'];

export interface PostgresPlace {
  readonly programs: string;
  readonly folder: string;
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
  async addStandby(called: string): Promise<{ readonly port: number; readonly server: Started }> {
    const standby = join(this.#place.folder, called);
    const copy = ['-D', standby, '-R', '-X', 'stream', '-c', 'fast'];
    await this.run('pg_basebackup', [...this.toPrimary, ...copy]);
    return this.#serve(standby);
  }

  async removeStandby(called: string, server: Started): Promise<void> {
    await this.#stage.end(server);
    this.#servers.splice(this.#servers.indexOf(server), 1);
    await this.#stage.remove(join(this.#place.folder, called));
  }

  run(program: string, args: readonly string[]): Promise<string> {
    return this.#stage.run(join(this.#place.programs, program), args, { user: this.#user });
  }

  sql(statement: string, port = this.#primaryPort): Promise<string> {
    const to = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres'];
    return this.run('psql', [...to, '-At', '-c', statement, 'postgres']);
  }

  async close(): Promise<void> {
    // The standbys first: without them the primary has nobody to wait for.
    for (const server of this.#servers.toReversed()) await this.#stage.end(server);
    await this.#stage.remove(this.#place.folder);
  }

  async #serve(data: string): Promise<{ readonly port: number; readonly server: Started }> {
    const [port = 0] = await freePorts(1);
    const command = join(this.#place.programs, 'postgres');
    const server = this.#stage.start(command, ['-D', data, '-p', String(port)], {
      user: this.#user,
      endSignal: 'SIGQUIT',
    });
    this.#servers.push(server);
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

/** PostgreSQL refuses to run as root. */
async function userToRunAs(stage: Stage): Promise<User> {
  if (process.getuid?.() !== 0) return null;
  const [uid, gid] = await Promise.all([
    stage.run('id', ['-u', 'postgres']),
    stage.run('id', ['-g', 'postgres']),
  ]);
  return { uid: Number(uid), gid: Number(gid) };
}
