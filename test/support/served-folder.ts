// A data folder served by the built command in a process of its own: started, stopped, killed and
// started again on the same port, and administered over HTTP.
import { readFileSync } from 'node:fs';
import { RemoteAdministration } from '@pamina/client';
import { type ClientTls, nodeEnv, securedNetwork } from '@pamina/env';
import { requireBuild, commandFile } from '../lib/built-package.js';
import { commandEnvironment, pamina, paminaJson, type CommandResult } from './command.js';
import { freePort } from './free-port.js';
import type { RunningProcess } from './running-process.js';
import type { Scene } from './scene.js';

/** Paths of PEM files. */
export interface ServedTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Asks its clients for certificates that these signed. */
  readonly clientCa?: string | undefined;
}

export interface ServedOptions {
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly tls?: ServedTls | undefined;
  /** Further words of its command line. */
  readonly words?: readonly string[] | undefined;
  /** Where it listens; other than loopback it needs a token. */
  readonly host?: string | undefined;
  /** A command that runs the command behind it, elsewhere: `nsenter --net=FILE`. */
  readonly within?: readonly string[] | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

const env = nodeEnv();

export class ServedFolder {
  readonly dataFolder: string;
  readonly address: string;
  readonly administration: RemoteAdministration;
  readonly #scene: Scene;
  readonly #name: string;
  readonly #options: ServedOptions;
  #process: RunningProcess | null = null;

  private constructor(scene: Scene, name: string, port: number, options: ServedOptions) {
    this.#scene = scene;
    this.#name = name;
    this.#options = options;
    this.dataFolder = scene.path(name);
    const { host = '127.0.0.1', tls, token } = options;
    this.address = `${tls === undefined ? 'http' : 'https'}://${host}:${port}`;
    const own = tls === undefined ? null : bytesOf(tls);
    const network = securedNetwork(env.network, { tls: () => own });
    const world = { ...env, network };
    this.administration = new RemoteAdministration({ env: world, address: this.address, token });
    scene.atEnd(() => this.administration.close());
  }

  /** `name` is the data folder below the scene's folder. It is not started yet. */
  static async of(scene: Scene, name: string, options: ServedOptions = {}): Promise<ServedFolder> {
    requireBuild();
    return new ServedFolder(scene, name, await freePort(), options);
  }

  static async started(
    scene: Scene,
    name: string,
    options: ServedOptions = {},
  ): Promise<ServedFolder> {
    const served = await ServedFolder.of(scene, name, options);
    await served.start();
    return served;
  }

  get process(): RunningProcess {
    if (this.#process === null) throw new Error(`${this.#name} was not started`);
    return this.#process;
  }

  /** Resolves when it listens and has opened its databases. */
  async start(): Promise<void> {
    const process = this.launch();
    await process.line('that it listens', (line) => (line.includes('"listening"') ? line : null));
  }

  /** Starts the process and waits for nothing. */
  launch(): RunningProcess {
    const listen = this.address.replace(/^https?:\/\//, '');
    const { environment, within = [] } = this.#options;
    const words = ['serve', '--listen', listen, '--json', ...wordsOf(this.#options)];
    const [command = '', ...args] = [...within, process.execPath, commandFile, ...words];
    const env = { ...commandEnvironment(this.#scene, { data: this.#name }), ...environment };
    this.#process = this.#scene.start(`server of ${this.#name}`, args, { command, env });
    return this.#process;
  }

  async kill(): Promise<void> {
    await this.process.kill('SIGKILL');
  }

  /** As an administrator ends it. */
  async stop(): Promise<void> {
    const { status, signal } = await this.process.kill('SIGTERM');
    if (status !== 0) {
      throw new Error(`ended with ${status ?? signal}: ${this.process.describe()}`);
    }
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** The command on this data folder. */
  pamina(...args: string[]): Promise<CommandResult> {
    return pamina(this.#scene, args, { data: this.#name });
  }

  json<T = Record<string, unknown>>(...args: string[]): Promise<T> {
    return paminaJson<T>(this.#scene, args, { data: this.#name });
  }
}

function wordsOf({ host = '127.0.0.1', tls, tokenFile, words = [] }: ServedOptions): string[] {
  const token = tokenFile === undefined ? [] : ['--token-file', tokenFile];
  if (tls === undefined) {
    // A network of this test alone.
    const insecure = host.startsWith('127.') ? [] : ['--insecure'];
    return [...token, ...insecure, ...words];
  }
  const { ca, cert, clientCa, key } = tls;
  const mutual = clientCa === undefined ? [] : ['--tls-client-ca', clientCa];
  const files = ['--tls-ca', ca, '--tls-cert', cert, '--tls-key', key];
  return [...token, ...files, ...mutual, ...words];
}

function bytesOf({ ca, cert, key }: ServedTls): ClientTls {
  return { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) };
}
