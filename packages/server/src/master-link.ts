// What a host asks other servers: those that its directory names, for bootstrap and for checks.

import type { Directory, DirectoryEntry } from '@pamina/directory';
import type { Control } from '@pamina/engine';
import type { Env, Network } from '@pamina/env';
import { isPaminaError, PaminaError } from '@pamina/format';
import {
  backupAnswer,
  backupsAnswer,
  type BackupSummary,
  type DatabaseStatus,
  doneAnswer,
  fenceAnswer,
  type FenceAnswer,
  HttpBackupSource,
  HttpCaller,
  HttpLogSource,
  listAnswer,
  path,
  type Progress,
  replicasAnswer,
  statusAnswer,
  takeOverAnswer,
  type TakeOverReport,
  type TakeOverRequest,
} from '@pamina/wire';

/** An address that does not answer so soon is taken for dead; timelines fence what that gets wrong. */
const aliveWithinMs = 3_000;

export interface PeerOptions {
  readonly env: Env;
  /** Over which other servers are called, and nobody else. */
  readonly peerNetwork: Network;
  readonly token: string | undefined;
  /** Ends what is asked of another server. */
  readonly signal?: AbortSignal | undefined;
}

/** One database on another server (or on this one: the way is the same). */
export class MasterLink {
  readonly name: string;
  readonly address: string;
  readonly #caller: HttpCaller;
  readonly #peer: PeerOptions;
  readonly #signal: AbortSignal | undefined;

  constructor(name: string, address: string, peer: PeerOptions) {
    this.name = name;
    this.address = address;
    this.#caller = callerOf(address, peer);
    this.#peer = peer;
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

  /** Null where it is not there, or does not answer within a few seconds. */
  async statusSoon(): Promise<DatabaseStatus | null> {
    try {
      return await callerOf(this.address, this.#peer, aliveWithinMs).call(
        { method: 'GET', path: path`/databases/${this.name}`, signal: this.#signal },
        statusAnswer,
      );
    } catch (error) {
      if (isPaminaError(error)) return null;
      throw error;
    }
  }

  /** It takes no writes any more, and says where it ended. */
  fence(successor: string): Promise<FenceAnswer> {
    return this.#task('fence', { successor }, fenceAnswer);
  }

  async unfence(): Promise<void> {
    await this.#task('unfence', {}, statusAnswer);
  }

  takeOver(request: TakeOverRequest): Promise<TakeOverReport> {
    return this.#task('take-over', request, takeOverAnswer);
  }

  /** It follows another master from now on. */
  async follow(master: string): Promise<void> {
    await this.#task('replicate', { master }, statusAnswer);
  }

  #task<T extends Parameters<HttpCaller['task']>[1]>(verb: string, body: object, answer: T) {
    const target = `${path`/databases/${this.name}`}/${verb}`;
    return this.#caller.task({ method: 'POST', path: target, body, signal: this.#signal }, answer);
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
    const { instance, master, online, takeover, type } = status;
    if (entry.instance !== null && entry.instance !== instance) return false;
    // It has been renamed and is about to go online.
    const claimant = { master: master?.name ?? null, takeover, type };
    return online || (entry.instance !== null && isClaim(name, claimant));
  } catch (error) {
    // Nobody there, or something else there; every other answer is that of a server that lives, as is
    // what may have refused this one's certificate, or has one that is not trusted here.
    if (!isPaminaError(error) || !goneCodes.has(error.code)) return true;
    if (error.context['isCut'] === true) return true;
    return error.code === 'DATABASE_NOT_FOUND' && (await isClaimedThere(name, entry, caller));
  }
}

/** The name is that of a replica that is about to take over, which bears another until then. */
async function isClaimedThere(
  name: string,
  { instance }: DirectoryEntry,
  caller: HttpCaller,
): Promise<boolean> {
  const statusOf = (one: string): Promise<DatabaseStatus> =>
    caller.call({ method: 'GET', path: path`/databases/${one}` }, statusAnswer);
  try {
    const all = await caller.call({ method: 'GET', path: '/databases' }, listAnswer);
    for (const one of all) {
      const status = await orGone(statusOf(one.name));
      if (status === null || status.instance !== instance) continue;
      const { master, takeover, type } = status;
      if (isClaim(name, { master: master?.name ?? null, takeover, type })) return true;
    }
    // It may have been renamed to that name while it was looked for under the other.
    return (await orGone(statusOf(name)))?.instance === instance;
  } catch (error) {
    if (isPaminaError(error) && goneCodes.has(error.code)) return false;
    throw error;
  }
}

async function orGone(asked: Promise<DatabaseStatus>): Promise<DatabaseStatus | null> {
  try {
    return await asked;
  } catch (error) {
    if (isPaminaError(error, 'DATABASE_NOT_FOUND')) return null;
    throw error;
  }
}

/** What has the entry of its own master, or of the one whose place it is taking, has claimed it. */
export function isClaim(
  name: string,
  { master, takeover, type }: Pick<Control, 'master' | 'takeover' | 'type'>,
): boolean {
  if (type === 'replica') return master === name;
  return takeover?.of === name && !takeover.finished;
}

const goneCodes: ReadonlySet<string> = new Set([
  'CONNECT_FAILED',
  'DATABASE_NOT_FOUND',
  'MESSAGE_INVALID',
  'TIMEOUT',
]);

export function callerOf(address: string, peer: PeerOptions, timeoutMs?: number): HttpCaller {
  const { env, peerNetwork: network, token } = peer;
  return new HttpCaller({ address, network, clock: env.clock, token, timeoutMs });
}
