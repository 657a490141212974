// What all verbs of a host share: the data folder, which databases are online, who may work on one
// at this moment, and the directory. Verbs are functions on it, one file each or a few together.

import { type Directory, openDirectory } from '@pamina/directory';
import { type Control, Database, readControl } from '@pamina/engine';
import type { Env, Network } from '@pamina/env';
import { isPaminaError, PaminaError, validateName } from '@pamina/format';
import { join } from 'node:path';
import { BackupLeases } from './backup-leases.js';
import { KeyedLock } from './keyed-lock.js';
import { requireNotTakenOver } from './host-names.js';
import { finishRestore } from './host-swap.js';
import { MasterLink } from './master-link.js';
import type { OnlineDatabase } from './online-database.js';

export interface HostOptions {
  readonly env: Env;
  /** The folder that holds one folder for each database; made by the first one. */
  readonly dataFolder: string;
  /** The path of a file, by default `directory.json` in the data folder; or `etcd://HOST:PORT`. */
  readonly directory?: string | undefined;
  /** For a directory that is called: whom its administrator named, however guarded other calls are. */
  readonly directoryNetwork?: Network | undefined;
  /** Sent to other servers: replicas and masters share one. */
  readonly token?: string | undefined;
  /** Over which other servers are called (`securedNetwork`); by default that of `env`. */
  readonly peerNetwork?: Network | undefined;
  /** Of the server that this host is served by, where that is another one. */
  readonly ownToken?: string | undefined;
  /** Where credentials of archives may stand; by default the process's own. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
}

/** Why a database that should be online is not. */
export interface Fault {
  readonly error: PaminaError;
  /** ms since 1970 */
  readonly since: number;
}

/** `write` is given only on normal databases. */
export type Access = 'read' | 'write';

export interface Held {
  readonly database: Database;
  /** Set when the database is online; null when it was opened for this use. */
  readonly online: OnlineDatabase | null;
}

export interface Hold extends Held {
  release(): Promise<void>;
}

export class HostCore {
  readonly env: Env;
  readonly peerNetwork: Network;
  readonly dataFolder: string;
  readonly directory: Directory;
  readonly token: string | undefined;
  readonly #ownToken: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly online = new Map<string, OnlineDatabase>();
  readonly faults = new Map<string, Fault>();
  /** When those that were online in this process and are not went offline, ms since 1970. */
  readonly stoppedAt = new Map<string, number>();
  /** What is to be said of how they went offline, where that is not as it was asked for. */
  readonly stopNotes = new Map<string, string>();
  /** Turns of what opens, closes, moves or removes a database. */
  readonly turns = new KeyedLock();
  /** Of recoveries to a scratch folder: each needs the space of a whole copy. */
  readonly scratchTurns = new KeyedLock();
  readonly leases: BackupLeases;
  /** `http://host:port`, or https, while this host is served; null when it works on the folder directly. */
  address: string | null = null;
  /** A replica has proved that another database took the place of this one. */
  onTakenOver: (name: string, replica: string) => void = () => undefined;
  /** Called at each change of what a replica's follower does. */
  onFollowerChange: (online: OnlineDatabase) => void = () => undefined;
  readonly #closing = new AbortController();

  constructor(options: HostOptions) {
    this.env = options.env;
    this.peerNetwork = options.peerNetwork ?? options.env.network;
    this.dataFolder = options.dataFolder;
    this.token = options.token;
    this.#ownToken = options.ownToken;
    this.environment = options.environment ?? process.env;
    this.leases = new BackupLeases(options.env);
    const place = options.directory ?? join(options.dataFolder, 'directory.json');
    const network = options.directoryNetwork ?? options.env.network;
    this.directory = openDirectory({ env: { ...options.env, network }, place });
  }

  /** Aborted when this host closes: nothing goes online any more, and work that takes long ends. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /** Databases of one server call each other over it, too. */
  tokenFor(address: string): string | undefined {
    return (address === this.address ? this.#ownToken : undefined) ?? this.token;
  }

  beginClosing(): void {
    this.#closing.abort(new PaminaError('DATABASE_OFFLINE', 'the server is closing'));
  }

  /** What ends a task on a held database: its going offline, or this host's closing. */
  endOf({ online }: Held): AbortSignal {
    return online?.signal ?? this.signal;
  }

  /** NAME_INVALID */
  folder(name: string): string {
    return join(this.dataFolder, validateName(name));
  }

  /** Names of the folders here that hold a database. */
  async names(): Promise<string[]> {
    if ((await this.env.disk.stat(this.dataFolder)) === null) return [];
    const entries = await this.env.disk.list(this.dataFolder);
    const names: string[] = [];
    for (const { isFolder, name } of entries) {
      if (isFolder && isName(name) && (await this.exists(name))) names.push(name);
    }
    return names;
  }

  async exists(name: string): Promise<boolean> {
    return (await this.env.disk.stat(join(this.folder(name), 'control.json'))) !== null;
  }

  /** As the database has it when online, else from disk. DATABASE_NOT_FOUND, CONTROL_INVALID. */
  async control(name: string): Promise<Control> {
    const online = this.online.get(name);
    if (online !== undefined) return online.database.control;
    const control = await readControl(this.env.disk, this.folder(name));
    if (control !== null) return control;
    await finishRestore(this, name);
    const restored = await readControl(this.env.disk, this.folder(name));
    if (restored !== null) return restored;
    throw new PaminaError(
      'DATABASE_NOT_FOUND',
      `there is no database ${name} in ${this.dataFolder}`,
      { context: { name } },
    );
  }

  /** DATABASE_OFFLINE with the reason, if it has one. */
  requireOnline(name: string): OnlineDatabase {
    const online = this.online.get(validateName(name));
    if (online !== undefined) return online;
    const fault = this.faults.get(name);
    const reason = fault === undefined ? '' : `: ${fault.error.message}`;
    throw new PaminaError('DATABASE_OFFLINE', `${name} is offline${reason}`, {
      cause: fault?.error,
      context: { name },
    });
  }

  /** Holds the online database, else opens the folder's for this use alone. */
  async hold(name: string, access: Access): Promise<Hold> {
    const held = this.#holdOnline(name);
    if (held !== null) return held;
    await this.control(name);
    const endTurn = await this.turns.acquire(name);
    try {
      const startedMeanwhile = this.#holdOnline(name);
      if (startedMeanwhile !== null) {
        endTurn();
        return startedMeanwhile;
      }
      const database = await this.open(name, access);
      const release = (): Promise<void> => database.close().finally(endTurn);
      return { database, online: null, release };
    } catch (error) {
      endTurn();
      throw error;
    }
  }

  async use<T>(name: string, access: Access, task: (held: Held) => Promise<T>): Promise<T> {
    const held = await this.hold(name, access);
    try {
      return await task(held);
    } finally {
      await held.release();
    }
  }

  /**
   * For reading and writing data. On a server a stopped database stays stopped (DATABASE_OFFLINE), but
   * an unassigned one, which is never online, can be read; without a server its folder is worked on directly.
   */
  async holdData(name: string, access: Access): Promise<Hold> {
    if (this.address !== null) {
      const { type } = await this.control(name);
      if (type !== 'unassigned' || access === 'write') this.requireOnline(name);
    }
    return this.hold(name, access);
  }

  async useData<T>(name: string, access: Access, task: (held: Held) => Promise<T>): Promise<T> {
    const held = await this.holdData(name, access);
    try {
      return await task(held);
    } finally {
      await held.release();
    }
  }

  /** Opens an offline database. The caller has the turn, and closes it. */
  async open(name: string, access: Access): Promise<Database> {
    const { type, instance, fence } = await this.control(name);
    if (access === 'write') {
      requireWritable(name, type);
      if (this.address === null) await requireNotTakenOver(this, { name, type, instance, fence });
    }
    const database = await Database.open(this.folder(name), { env: this.env, access });
    // A crash in the middle of a rename left the old name inside.
    if (database.control.name !== name) await database.updateControl({ name });
    return database;
  }

  /** As `open`, closed after the task. */
  async opened<T>(
    name: string,
    access: Access,
    task: (database: Database) => Promise<T>,
  ): Promise<T> {
    const database = await this.open(name, access);
    try {
      return await task(database);
    } finally {
      await database.close();
    }
  }

  /** The master's server, found by the directory. NAME_NOT_FOUND. */
  link(master: string): Promise<MasterLink> {
    return MasterLink.find(validateName(master), this.directory, this);
  }

  #holdOnline(name: string): Hold | null {
    const online = this.online.get(name);
    if (online === undefined) return null;
    const release = online.use();
    return { database: online.database, online, release: () => Promise.resolve(release()) };
  }
}

function requireWritable(name: string, type: Control['type']): void {
  if (type === 'normal') return;
  if (type === 'replica') throw new PaminaError('REPLICA_READ_ONLY', `${name} is a replica`);
  throw new PaminaError(
    'DATABASE_TYPE',
    `${name} is unassigned: neither normal nor a replica yet`,
    {
      hint: `Make it normal for good with \`pamina start ${name}\`, or a replica with \`pamina replicate ${name} --master MASTER\`.`,
    },
  );
}

function isName(name: string): boolean {
  try {
    validateName(name);
    return true;
  } catch (error) {
    // The folder is somebody else's.
    if (isPaminaError(error, 'NAME_INVALID')) return false;
    throw error;
  }
}
