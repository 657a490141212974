// A program that is measured: started with its configuration, told what to do line by line.
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Stage, Started } from './stage.js';

const folder = fileURLToPath(new URL('./program', import.meta.url));

export type Answer = Readonly<Record<string, unknown>>;

export class Program {
  readonly #name: string;
  readonly #stage: Stage;
  readonly #started: Started;
  readonly #answers: AsyncIterator<string>;

  private constructor(name: string, stage: Stage, started: Started) {
    this.#name = name;
    this.#stage = stage;
    this.#started = started;
    const { stdout } = started.child;
    if (stdout === null) throw new Error(`${name} has no stdout`);
    this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** Resolves when it is ready, to what it says then. */
  static async start<T extends Answer>(
    stage: Stage,
    name: string,
    configuration: object,
  ): Promise<{ program: Program; ready: T }> {
    stage.signal.throwIfAborted();
    const file = `${folder}/${name}.mjs`;
    const started = stage.start(process.execPath, [file, JSON.stringify(configuration)]);
    const program = new Program(name, stage, started);
    return { program, ready: await program.#answer<T>() };
  }

  get isRunning(): boolean {
    const { exitCode, signalCode } = this.#started.child;
    return exitCode === null && signalCode === null;
  }

  async ask<T extends Answer>(command: string, details: object = {}): Promise<T> {
    this.#started.child.stdin?.write(`${JSON.stringify({ do: command, ...details })}\n`);
    return this.#answer<T>();
  }

  /** It closes what it has open, then ends. */
  async finish(): Promise<void> {
    this.#started.child.stdin?.end();
    const status = await this.#started.ended;
    this.#stage.signal.throwIfAborted();
    if (status !== 0) throw this.#failure(status);
  }

  /** kill -9 */
  async kill(): Promise<void> {
    await this.#stage.end(this.#started);
  }

  async #answer<T extends Answer>(): Promise<T> {
    const next = await this.#answers.next();
    this.#stage.signal.throwIfAborted();
    if (next.done !== true) return JSON.parse(next.value) as T;
    throw this.#failure(await this.#started.ended);
  }

  #failure(status: number | null): Error {
    return new Error(`the program ${this.#name} ended with ${status}: ${this.#started.output()}`);
  }
}
