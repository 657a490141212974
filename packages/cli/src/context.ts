// What a verb works with: where the databases are, the administration of a name, output, progress.
import { isAbsolute, join, resolve } from 'node:path';
import { isEtcdAddress } from '@pamina/directory';
import type { ClientTls, Env } from '@pamina/env';
import { isPaminaError } from '@pamina/format';
import { readClientTls, type TlsFiles } from '@pamina/server';
import type { Administration, Progress } from '@pamina/wire';
import type { Io } from './io.js';
import type { Output } from './output.js';
import { ProgressDisplay } from './progress.js';
import type { TargetFinder } from './target.js';
import { readTokenFile } from './token-file.js';

/** Where a run looks; paths are absolute. `directory` may be the address of etcd. */
export interface Places {
  readonly dataFolder: string;
  readonly directory: string;
  readonly tokenFile: string | null;
  readonly tls?: TlsFiles | undefined;
}

export interface GivenPlaces {
  readonly data?: string | undefined;
  readonly directory?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly tlsCa?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
}

/** An empty environment variable counts as not set. */
export function placesOf(given: GivenPlaces, io: Pick<Io, 'env' | 'cwd'>): Places {
  const data = given.data ?? (io.env['PAMINA_DATA'] || 'pamina-data');
  const dataFolder = resolve(io.cwd, data);
  const directory = given.directory ?? (io.env['PAMINA_DIRECTORY'] || null);
  const file = (option: string | undefined, variable: string): string | undefined => {
    const text = option ?? (io.env[variable] || undefined);
    return text === undefined ? undefined : resolve(io.cwd, text);
  };
  return {
    dataFolder,
    directory:
      directory === null ? join(dataFolder, 'directory.json') : directoryPlace(io.cwd, directory),
    tokenFile: given.tokenFile === undefined ? null : resolve(io.cwd, given.tokenFile),
    tls: {
      ca: file(given.tlsCa, 'PAMINA_TLS_CA'),
      cert: file(given.tlsCert, 'PAMINA_TLS_CERT'),
      key: file(given.tlsKey, 'PAMINA_TLS_KEY'),
    },
  };
}

function directoryPlace(cwd: string, given: string): string {
  return isEtcdAddress(given) ? given : resolve(cwd, given);
}

export class Context {
  readonly io: Io;
  readonly env: Env;
  readonly output: Output;
  readonly places: Places;
  /** The run is to end: a signal came, or nobody reads stdout any more. */
  readonly signal: AbortSignal;
  readonly #findTarget: TargetFinder;
  readonly #open: Administration[] = [];
  #token: Promise<string | null> | null = null;
  #tls: Promise<ClientTls | null> | null = null;

  constructor(io: Io, env: Env, output: Output, places: Places, findTarget: TargetFinder) {
    this.io = io;
    this.env = env;
    this.output = output;
    this.places = places;
    this.signal =
      io.signal === undefined ? output.broken : AbortSignal.any([io.signal, output.broken]);
    this.#findTarget = findTarget;
  }

  path(text: string): string {
    return isAbsolute(text) ? text : resolve(this.io.cwd, text);
  }

  /**
   * What --from and --source name: the name of an archive (a word) or an address as it is; the path of a folder,
   * which has a slash, is meant from where the command was given.
   */
  archive(text: string): string {
    const isPath = /[\\/]/.test(text) && !/^[a-z0-9]+:\/\//i.test(text);
    return isPath ? this.path(text) : text;
  }

  /** From --token-file, null without one. Read once. */
  token(): Promise<string | null> {
    const { tokenFile } = this.places;
    this.#token ??= tokenFile === null ? Promise.resolve(null) : readTokenFile(this.env, tokenFile);
    return this.#token;
  }

  /** From --tls-ca, --tls-cert and --tls-key, null without any. Read once. */
  tls(): Promise<ClientTls | null> {
    this.#tls ??= readClientTls(this.env, this.places.tls ?? {});
    return this.#tls;
  }

  /** The administration that the database `name` is under, wherever it is. DATABASE_NOT_FOUND. */
  administrationOf(name: string): Promise<Administration> {
    return this.#target(name);
  }

  /** The same, or that of this run's data folder, for a database of which only an archive may be left. */
  async administrationOfArchived(name: string): Promise<Administration> {
    try {
      return await this.#target(name);
    } catch (error) {
      if (!isPaminaError(error, 'DATABASE_NOT_FOUND')) throw error;
      return this.#target(null);
    }
  }

  /** The administration of this run's data folder, for names that need not exist yet. */
  administrationHere(): Promise<Administration> {
    return this.#target(null);
  }

  /**
   * Shows progress when the task takes over a second, and gives up waiting for it when the run is
   * to end (what was begun is left as a crash would leave it, which every task survives).
   */
  async during<T>(title: string, task: (progress: Progress) => Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    const display = new ProgressDisplay(this.output, this.env.clock, title);
    const aborted = whenAborted(this.signal);
    try {
      return await Promise.race([task(display.report), aborted.promise]);
    } finally {
      aborted.forget();
      display.stop();
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map((administration) => administration.close()));
  }

  async #target(name: string | null): Promise<Administration> {
    const { env, places } = this;
    const [token, tls] = await Promise.all([this.token(), this.tls()]);
    const administration = await this.#findTarget(name, { env, places, token, tls });
    this.#open.push(administration);
    return administration;
  }
}

function whenAborted(signal: AbortSignal): { promise: Promise<never>; forget: () => void } {
  let forget = (): void => undefined;
  const promise = new Promise<never>((_resolve, reject) => {
    const listener = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', listener, { once: true });
    forget = () => signal.removeEventListener('abort', listener);
  });
  return { promise, forget };
}
