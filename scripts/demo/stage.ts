// Where the demo plays: a temporary folder and the processes that it starts. Whatever happens, also
// Ctrl-C, all of them are gone and the folder with them when it ends.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../../packages/pamina/dist/command.js', import.meta.url));

const outputLengthMax = 1024 * 1024;

export interface Started {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  /** Both streams. */
  readonly output: () => string;
  /** Resolves to the exit status, null after a signal. */
  readonly ended: Promise<number | null>;
}

export class Stage {
  readonly folder: string;
  /** Of the signal that ended the demo, if one did. */
  endingStatus: number | null = null;
  readonly #running = new Set<ChildProcess>();

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<Stage> {
    const stage = new Stage(await mkdtemp(join(tmpdir(), 'pamina-demo-')));
    for (const [signal, status] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      process.once(signal, () => {
        stage.endingStatus = status;
        console.log(`\nended by ${signal}; everything is taken away`);
        void stage.close().finally(() => process.exit(status));
      });
    }
    // The last resort, for an end that nobody foresaw.
    process.once('exit', () => stage.#clear());
    return stage;
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** With `stdoutFile` what it prints goes there; else it is kept, up to a limit. */
  start(args: readonly string[], data: string, stdoutFile?: string): Started {
    const file = stdoutFile === undefined ? null : openSync(stdoutFile, 'w');
    const child = spawn(process.execPath, args, {
      cwd: this.folder,
      env: {
        ...process.env,
        PAMINA_DATA: this.path(data),
        PAMINA_DIRECTORY: this.path('directory.json'),
      },
      stdio: ['pipe', file ?? 'pipe', 'pipe'],
    });
    if (file !== null) closeSync(file);
    const printed = { stdout: '', output: '' };
    const keep = (text: string): void => {
      printed.output = (printed.output + text).slice(-outputLengthMax);
    };
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      printed.stdout = (printed.stdout + text).slice(-outputLengthMax);
      keep(text);
    });
    child.stderr?.setEncoding('utf8').on('data', keep);
    // Its exit status says more than a pipe that nobody reads.
    child.stdin?.on('error', () => undefined);
    this.#running.add(child);
    const ended = once(child, 'close').then(([status]: unknown[]) => {
      this.#running.delete(child);
      return status as number | null;
    });
    return { child, stdout: () => printed.stdout, output: () => printed.output, ended };
  }

  /** `pamina ARGS… --json` on a data folder of the stage. */
  async pamina<T>(data: string, ...args: string[]): Promise<T> {
    const { ended, output, stdout } = this.start([command, ...args, '--json'], data);
    const status = await ended;
    if (status !== 0) throw new Error(`pamina ${args.join(' ')} (${status}): ${output()}`);
    return JSON.parse(stdout()) as T;
  }

  /** `pamina ARGS…` with its output in a file. */
  async paminaTo(file: string, data: string, ...args: string[]): Promise<void> {
    const { ended, output } = this.start([command, ...args], data, file);
    const status = await ended;
    if (status !== 0) throw new Error(`pamina ${args.join(' ')} (${status}): ${output()}`);
  }

  /** Starts a server on a free port; resolves when it listens. */
  async serve(data: string): Promise<Started & { readonly address: string }> {
    const server = this.start([command, 'serve', '--listen', '127.0.0.1:0', '--json'], data);
    const listening = await until(`the server of ${data} listened`, () => {
      if (server.child.exitCode !== null) throw new Error(server.output());
      return /\{"listening":"([^"]+)"/.exec(server.output())?.[1] ?? null;
    });
    return { ...server, address: listening };
  }

  async close(): Promise<void> {
    const ends = [...this.#running].map((child) => once(child, 'close'));
    for (const child of this.#running) child.kill('SIGKILL');
    await Promise.all(ends);
    this.#clear();
  }

  #clear(): void {
    for (const child of this.#running) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

const deadlineMs = 60_000;

/** Asks until the answer is something else than null. */
export async function until<T>(
  what: string,
  ask: () => T | null | Promise<T | null>,
  everyMs = 25,
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
