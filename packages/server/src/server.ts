// A server: one data folder, one port. Locks the folder, listens, tells where, opens what is there.

import { validateAddress } from '@pamina/directory';
import { Pamina, type PaminaOptions } from '@pamina/engine';
import type { Env, HttpListener } from '@pamina/env';
import { bytesToHex, PaminaError } from '@pamina/format';
import type { ServerAnswer } from '@pamina/wire';
import { Access, validateToken } from './access.js';
import { Host } from './host.js';
import { httpApplication } from './http-application.js';
import { addressOf, isLoopbackAddress, type ListenAddress, parseListen } from './listen-address.js';
import { lockData, removeServerFile, writeServerFile } from './server-file.js';

export interface ServeOptions {
  readonly env: Env;
  /** Made if it is missing. */
  readonly dataFolder: string;
  /** By default `directory.json` in the data folder. */
  readonly directoryFile?: string | undefined;
  /** `HOST:PORT`; port 0 takes a free one. */
  readonly listen: string;
  /** Lets in everywhere, and is sent to other servers. Without one only loopback is served. */
  readonly token?: string | undefined;
  /** Sent to other servers instead: that of a user there. */
  readonly peerToken?: string | undefined;
  /** Of each user, of the server's token, and of each address without one; 0 = no limit. Default 10,000. */
  readonly requestsPerSecond?: number | undefined;
  /** `http://host:port` as others reach it, for the directory; by default from `listen`. */
  readonly advertise?: string | undefined;
  /** Where credentials of archives may stand; by default the process's own. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
}

/** What concerns the face and not the database behind it: encodings, and what its calls ask for by default. */
export type FaceOptions<K, V> = Pick<
  PaminaOptions<K, V>,
  'durability' | 'keyEncoding' | 'maxStalenessMs' | 'valueEncoding'
>;

export interface PaminaServer {
  /** `http://host:port` */
  readonly address: string;
  readonly host: Host;
  /**
   * A database of this server for the program that runs it, with the interface of `level`: both use
   * the one that is open here. DATABASE_NOT_FOUND, DATABASE_OFFLINE.
   */
  open<K = string, V = string>(name: string, options?: FaceOptions<K, V>): Pamina<K, V>;
  /** Closes the databases, withdraws their names and lets go of the data folder. Never rejects twice. */
  close(): Promise<void>;
}

/** Serves a data folder. TOKEN_REQUIRED, TOKEN_INVALID, DATA_IN_USE, LISTEN_FAILED, ADDRESS_INVALID. */
export async function serve(options: ServeOptions): Promise<PaminaServer> {
  const { env } = options;
  const listen = parseListen(options.listen);
  requireToken(listen, options.token);
  const advertised =
    options.advertise === undefined ? undefined : validateAddress(options.advertise);
  const host = await Host.open({
    ...options,
    token: options.peerToken ?? options.token,
    ownToken: options.token,
  });
  const unlock = await lockData(env, host.dataFolder);
  const listener = env.network.createHttpServer();
  const identity: ServerAnswer = {
    product: 'pamina',
    instance: bytesToHex(env.random.bytes(16)),
    startedAt: env.clock.now(),
  };
  try {
    const { requestsPerSecond, token } = options;
    const access = new Access({
      token,
      requestsPerSecond,
      users: host.userTables,
      clock: env.clock,
    });
    await httpApplication({ env, listener, served: host, access, identity });
    const bound = await listenAt(listener, listen);
    requireBoundAsAsked(bound, listen);
    const published = bound.isWildcard ? env.network.hostName() : listen.host;
    const address = advertised ?? addressOf(published, bound.port);
    // Others on this machine use the address that surely reaches this process.
    const local = addressOf(bound.isWildcard ? '127.0.0.1' : listen.host, bound.port);
    const { startedAt } = identity;
    await writeServerFile(env, host.dataFolder, { address: local, pid: process.pid, startedAt });
    await host.goOnline(address);
    return new RunningServer(env, host, listener, unlock, address);
  } catch (error) {
    await host.close();
    await listener.close();
    await removeServerFile(env, host.dataFolder);
    await unlock();
    throw error;
  }
}

class RunningServer implements PaminaServer {
  readonly address: string;
  readonly host: Host;
  readonly #env: Env;
  readonly #listener: HttpListener;
  readonly #unlock: () => Promise<void>;
  #closing: Promise<void> | null = null;

  constructor(
    env: Env,
    host: Host,
    listener: HttpListener,
    unlock: () => Promise<void>,
    address: string,
  ) {
    this.#env = env;
    this.host = host;
    this.#listener = listener;
    this.#unlock = unlock;
    this.address = address;
  }

  open<K = string, V = string>(name: string, options: FaceOptions<K, V> = {}): Pamina<K, V> {
    const database = this.host.database(name);
    return new Pamina<K, V>(database.folder, { ...options, database });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      // Requests under way end by the databases going offline; then nobody is left to answer.
      await this.host.close();
    } finally {
      await this.#listener.close();
      await removeServerFile(this.#env, this.host.dataFolder);
      await this.#unlock();
    }
  }
}

/** P14: the one gate between an open port and a missing token. */
function requireToken(listen: ListenAddress, token: string | undefined): void {
  if (token !== undefined) validateToken(token);
  else if (!listen.isLoopback) {
    throw new PaminaError('TOKEN_REQUIRED', `others than this machine can reach ${listen.host}`);
  }
}

interface Bound {
  readonly host: string;
  readonly port: number;
  readonly isWildcard: boolean;
}

function listenAt(listener: HttpListener, { host, port }: ListenAddress): Promise<Bound> {
  const { server } = listener;
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => {
      const message = `cannot listen on ${host}:${port}: ${cause.message}`;
      reject(new PaminaError('LISTEN_FAILED', message, { cause, context: { host, port } }));
    };
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.off('error', failed);
      const bound = server.address();
      if (bound === null || typeof bound === 'string') failed(new Error('no address was bound'));
      else {
        const isWildcard = bound.address === '::' || bound.address === '0.0.0.0';
        resolve({ host: bound.address, port: bound.port, isWildcard });
      }
    });
  });
}

/** What was judged by its text is judged again by what the system made of it. */
function requireBoundAsAsked(bound: Bound, listen: ListenAddress): void {
  if (listen.isLoopback && !isLoopbackAddress(bound.host)) {
    throw new PaminaError(
      'LISTEN_FAILED',
      `${listen.host} became ${bound.host}, which is not loopback`,
    );
  }
}
