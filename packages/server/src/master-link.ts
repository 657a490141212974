// What a host asks other servers: those that its directory names, for bootstrap and for checks.

import type { Directory, DirectoryEntry } from '@pamina/directory';
import type { Env } from '@pamina/env';
import { isPaminaError, PaminaError } from '@pamina/format';
import {
  backupAnswer,
  backupsAnswer,
  type BackupSummary,
  type DatabaseStatus,
  doneAnswer,
  HttpBackupSource,
  HttpCaller,
  HttpLogSource,
  path,
  type Progress,
  replicasAnswer,
  statusAnswer,
} from '@pamina/wire';

/** An address that does not answer so soon is taken for dead; timelines fence what that gets wrong. */
const aliveWithinMs = 3_000;

export interface PeerOptions {
  readonly env: Env;
  readonly token: string | undefined;
  /** Ends what is asked of another server. */
  readonly signal?: AbortSignal | undefined;
}

/** One database on another server (or on this one: the way is the same). */
export class MasterLink {
  readonly name: string;
  readonly address: string;
  readonly #caller: HttpCaller;
  readonly #signal: AbortSignal | undefined;

  constructor(name: string, address: string, peer: PeerOptions) {
    this.name = name;
    this.address = address;
    this.#caller = callerOf(address, peer);
    this.#signal = peer.signal;
  }

  /** NAME_NOT_FOUND when the directory does not know the name. */
  static async find(name: string, directory: Directory, peer: PeerOptions): Promise<MasterLink> {
    const entry = await directory.resolve(name);
    if (entry !== null) return new MasterLink(name, entry.address, peer);
    throw new PaminaError('NAME_NOT_FOUND', `${name} is not in ${directory.describe()}`, {
      context: { name },
    });
  }

  status(): Promise<DatabaseStatus> {
    return this.#caller.call(
      { method: 'GET', path: path`/databases/${this.name}`, signal: this.#signal },
      statusAnswer,
    );
  }

  backups(): Promise<BackupSummary[]> {
    return this.#caller.call(
      { method: 'GET', path: path`/databases/${this.name}/backups`, signal: this.#signal },
      backupsAnswer,
    );
  }

  takeBackup(progress?: Progress): Promise<BackupSummary> {
    return this.#caller.task(
      {
        method: 'POST',
        path: path`/databases/${this.name}/backups`,
        body: {},
        signal: this.#signal,
      },
      backupAnswer,
      progress,
    );
  }

  async allow(replica: string, simultaneousQuery: boolean): Promise<void> {
    await this.#caller.call(
      {
        method: 'PUT',
        path: path`/databases/${this.name}/replicas/${replica}`,
        body: { simultaneousQuery },
        signal: this.#signal,
      },
      doneAnswer,
    );
  }

  /** Names of the replicas that the master permits. */
  async permitted(): Promise<string[]> {
    const replicas = await this.#caller.call(
      { method: 'GET', path: path`/databases/${this.name}/replicas`, signal: this.#signal },
      replicasAnswer,
    );
    return replicas.filter((replica) => replica.permitted).map((replica) => replica.name);
  }

  log(): HttpLogSource {
    return new HttpLogSource(this.#caller, this.name, this.#signal);
  }

  source(backup: string): HttpBackupSource {
    return new HttpBackupSource(this.#caller, this.name, backup, this.#signal);
  }
}

/** Whether the holder of a name in the directory is there and has it online. */
export async function isHolderAlive(
  name: string,
  entry: DirectoryEntry,
  peer: PeerOptions,
): Promise<boolean> {
  const caller = callerOf(entry.address, peer, aliveWithinMs);
  try {
    const status = await caller.call(
      { method: 'GET', path: path`/databases/${name}` },
      statusAnswer,
    );
    return status.online && (entry.instance === null || entry.instance === status.instance);
  } catch (error) {
    // Nobody there, or something else there; every other answer is that of a server that lives.
    if (isPaminaError(error) && goneCodes.has(error.code)) return false;
    return true;
  }
}

const goneCodes: ReadonlySet<string> = new Set([
  'CONNECT_FAILED',
  'DATABASE_NOT_FOUND',
  'MESSAGE_INVALID',
  'TIMEOUT',
]);

export function callerOf(address: string, peer: PeerOptions, timeoutMs?: number): HttpCaller {
  const { clock, network } = peer.env;
  return new HttpCaller({ address, network, clock, token: peer.token, timeoutMs });
}
