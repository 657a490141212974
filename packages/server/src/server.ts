// A server: one data folder, one port. Locks the folder, listens, tells where, opens what is there.

import { type Database, Pamina, type PaminaOptions } from '@pamina/engine';
import { type ClientTls, type Env, type HttpListener, securedNetwork } from '@pamina/env';
import { bytesToHex, PaminaError, type StopMode, stopTimeoutMsDefault } from '@pamina/format';
import type { Administration, ServerAnswer } from '@pamina/wire';
import { Access } from './access.js';
import { AllowedAddresses } from './allowed-addresses.js';
import type { Certificate } from './certificate.js';
import { Certificates, type ServerTlsFiles } from './certificates.js';
import {
  advertisedAddress,
  requireGuarded,
  requireSecureCall,
  serverNameAt,
  tellNames,
} from './exposure.js';
import { Host } from './host.js';
import { httpApplication } from './http-application.js';
import { addressOf, isLoopbackAddress, type ListenAddress, parseListen } from './listen-address.js';
import type { Notice } from './notice.js';
import { originCheck } from './origin.js';
import { RequestFigures } from './request-figures.js';
import { lockData, removeServerFile, writeServerFile } from './server-file.js';
import { type LogOptions, noLog, type ServerLog, serverLog } from './server-log.js';
import { StopPace } from './stop-pace.js';

export interface ServeOptions {
  readonly env: Env;
  /** Made if it is missing. */
  readonly dataFolder: string;
  /** The path of a file, by default `directory.json` in the data folder; or `etcd://HOST:PORT`. */
  readonly directory?: string | undefined;
  /** `HOST:PORT`; port 0 takes a free one. */
  readonly listen: string;
  /** Lets in everywhere, and is sent to other servers. Without one only loopback is served. */
  readonly token?: string | undefined;
  /** Sent to other servers instead: that of a user there. */
  readonly peerToken?: string | undefined;
  /** Of each user, of the server's token, and of each address without one; 0 = no limit. Default 10,000. */
  readonly requestsPerSecond?: number | undefined;
  /** With `cert` and `key` it serves https and nothing else. They are read again when they change. */
  readonly tls?: ServerTlsFiles | undefined;
  /** Others than this machine may be served, or called, without TLS, though not without a token. */
  readonly insecure?: boolean | undefined;
  /** `HOST` or `HOST:PORT` of the servers that this one may call; by default all. */
  readonly allowMaster?: readonly string[] | undefined;
  /** `http://host:port` as others reach it, for the directory; by default from `listen`. */
  readonly advertise?: string | undefined;
  /** Where credentials of archives may stand; by default the process's own. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** What concerns the server and none of its databases. */
  readonly onNotice?: ((notice: Notice) => void) | undefined;
  /** Where lines of JSON about its requests go; none are written without it. */
  readonly log?: LogOptions | undefined;
}

export interface CloseOptions {
  /** What becomes of open transactions and of calls under way. Default `rollback`. */
  readonly mode?: StopMode | undefined;
  /** How long `normal` waits for open transactions. Default 5 minutes. */
  readonly timeoutMs?: number | undefined;
  /** Told how many are waited for, whenever that has changed. */
  readonly onOpen?: ((open: number) => void) | undefined;
}

/** What concerns the face and not the database behind it: encodings, and what its calls ask for by default. */
export type FaceOptions<K, V> = Pick<
  PaminaOptions<K, V>,
  'durability' | 'keyEncoding' | 'maxStalenessMs' | 'valueEncoding'
>;

/** The databases of a server for the program that runs it. */
export interface HostedDatabases extends Administration {
  /** One that is online. DATABASE_NOT_FOUND, DATABASE_OFFLINE. */
  database(name: string): Database;
}

export interface PaminaServer {
  /** `http://host:port`, or https. */
  readonly address: string;
  readonly host: HostedDatabases;
  /**
   * A database of this server for the program that runs it, with the interface of `level`: both use
   * the one that is open here. DATABASE_NOT_FOUND, DATABASE_OFFLINE.
   */
  open<K = string, V = string>(name: string, options?: FaceOptions<K, V>): Pamina<K, V>;
  /**
   * Closes the databases, withdraws their names and lets go of the data folder. Called again with a harder mode it
   * ends sooner. STOP_TIMEOUT: all of that is done, and what was waited for in vain was rolled back.
   */
  close(options?: CloseOptions): Promise<void>;
}

/** With all of its host, for what is built on this package. */
export interface HostServer extends PaminaServer {
  readonly host: Host;
}

/**
 * Serves a data folder. TOKEN_REQUIRED, TOKEN_INVALID, TLS_REQUIRED, TLS_INVALID, DATA_IN_USE,
 * LISTEN_FAILED, ADDRESS_INVALID.
 */
export async function serve(options: ServeOptions): Promise<HostServer> {
  const { env, onNotice = () => undefined } = options;
  const listen = parseListen(options.listen);
  const allowed = new AllowedAddresses(options.allowMaster ?? null);
  requireGuarded(options, listen, onNotice);
  const certificates = await Certificates.open({ env, files: options.tls ?? {}, onNotice });
  const isSecure = certificates.server !== null;
  const advertised = advertisedAddress(options.advertise, isSecure);
  const tls = (): ClientTls | null => certificates.client;
  const peerNetwork = securedNetwork(env.network, {
    tls,
    check: (url) => {
      if (isSecure && options.insecure !== true && URL.canParse(url)) requireSecureCall(url);
      allowed.check(url);
    },
  });
  const listener = env.network.createHttpServer({ tls: certificates.server ?? undefined });
  const host = await Host.open({
    ...options,
    peerNetwork,
    directoryNetwork: securedNetwork(env.network, { tls }),
    token: options.peerToken ?? options.token,
    ownToken: options.token,
  });
  const unlock = await lockData(env, host.dataFolder);
  const identity = identityOf(env, certificates);
  const figures = new RequestFigures();
  const log = options.log === undefined ? noLog : serverLog(env, options.log);
  const ending = new AbortController();
  try {
    const { requestsPerSecond, token } = options;
    const access = new Access({
      token,
      requestsPerSecond,
      users: host.userTables,
      clock: env.clock,
    });
    const origin = originCheck(isSecure);
    const application = { env, listener, served: host, access, origin, identity };
    await httpApplication({ ...application, figures, log, draining: ending.signal });
    const bound = await listenAt(listener, listen);
    requireBoundAsAsked(bound, listen);
    const published = bound.isWildcard ? env.network.hostName() : listen.host;
    const address = advertised ?? addressOf(published, bound.port, isSecure);
    // Others on this machine use the address that surely reaches this process.
    const local = addressOf(bound.isWildcard ? '127.0.0.1' : listen.host, bound.port, isSecure);
    for (const own of [address, local]) allowed.allowOwn(own);
    const note = async (certificate: Certificate | null): Promise<void> => {
      tellNames(address, certificate, onNotice);
      const serverName = serverNameAt(local, address, certificate);
      const { startedAt } = identity;
      const file = { address: local, pid: process.pid, startedAt, serverName };
      await writeServerFile(env, host.dataFolder, file);
    };
    await note(certificates.certificate);
    await certificates.watch((tls) => listener.setTls(tls), note);
    await host.goOnline(address);
    log.write('info', 'listening', { address });
    const parts = { env, host, listener, certificates, unlock, address, log, ending };
    return new RunningServer(parts);
  } catch (error) {
    await host.close();
    await certificates.close();
    await listener.close();
    await removeServerFile(env, host.dataFolder);
    await unlock();
    throw error;
  }
}

function identityOf(env: Env, certificates: Certificates): ServerAnswer {
  return {
    product: 'pamina',
    instance: bytesToHex(env.random.bytes(16)),
    startedAt: env.clock.now(),
    get tls() {
      const { certificate } = certificates;
      return certificate === null ? undefined : { expiresAt: certificate.expiresAt };
    },
  };
}

interface RunningParts {
  readonly env: Env;
  readonly host: Host;
  readonly listener: HttpListener;
  readonly certificates: Certificates;
  readonly unlock: () => Promise<void>;
  readonly address: string;
  readonly log: ServerLog;
  /** Aborted when the server takes no new work any more. */
  readonly ending: AbortController;
}

class RunningServer implements HostServer {
  readonly address: string;
  readonly host: Host;
  readonly #parts: RunningParts;
  #pace: StopPace | null = null;
  #closing: Promise<void> | null = null;

  constructor(parts: RunningParts) {
    this.#parts = parts;
    this.host = parts.host;
    this.address = parts.address;
  }

  open<K = string, V = string>(name: string, options: FaceOptions<K, V> = {}): Pamina<K, V> {
    const database = this.host.database(name);
    return new Pamina<K, V>(database.folder, { ...options, database });
  }

  close(options: CloseOptions = {}): Promise<void> {
    const { mode = 'rollback' } = options;
    this.#pace ??= new StopPace(mode);
    this.#pace.raise(mode);
    this.#closing ??= this.#close(this.#pace, options);
    return this.#closing;
  }

  async #close(pace: StopPace, { mode = 'rollback', ...wait }: CloseOptions): Promise<void> {
    const { certificates, ending, env, listener, log, unlock } = this.#parts;
    const { onOpen, timeoutMs = stopTimeoutMsDefault } = wait;
    log.write('info', 'stopping', { mode });
    // From here on it is not healthy, and who only looks on is let go.
    ending.abort();
    const { rolledBack } = await this.host.operations.drain(pace, { timeoutMs, onOpen });
    // Until now the clients of open transactions had to get in.
    listener.server.close();
    try {
      await certificates.close();
      // Requests under way end by the databases going offline; then nobody is left to answer.
      await this.host.close(pace);
    } finally {
      await listener.close();
      await removeServerFile(env, this.host.dataFolder);
      await unlock();
      log.write(rolledBack > 0 ? 'warn' : 'info', 'stopped', { rolledBack });
      await log.flush();
    }
    if (rolledBack > 0) throw stoppedLate(rolledBack, timeoutMs);
  }
}

function stoppedLate(rolledBack: number, timeoutMs: number): PaminaError {
  const what = rolledBack === 1 ? '1 transaction was' : `${rolledBack} transactions were`;
  return new PaminaError('STOP_TIMEOUT', `${what} still open after ${timeoutMs / 1000} s`);
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
