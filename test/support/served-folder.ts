// A data folder served by the built command in a process of its own: started, stopped, killed and
// started again on the same port, and administered over HTTP.
import { RemoteAdministration } from '@pamina/client';
import { nodeEnv } from '@pamina/env';
import { requireBuild, commandFile } from '../lib/built-package.js';
import { commandEnvironment, pamina, paminaJson, type CommandResult } from './command.js';
import { freePort } from './free-port.js';
import type { RunningProcess } from './running-process.js';
import type { Scene } from './scene.js';

export interface ServedOptions {
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
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
    const { host = '127.0.0.1', token } = options;
    this.address = `http://${host}:${port}`;
    this.administration = new RemoteAdministration({ env, address: this.address, token });
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
    const listen = this.address.slice('http://'.length);
    const { environment, tokenFile, within = [] } = this.#options;
    const token = tokenFile === undefined ? [] : ['--token-file', tokenFile];
    const [command, ...args] = [
      ...within,
      ...[process.execPath, commandFile, 'serve', '--listen', listen, '--json', ...token],
    ];
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
