// Where a run takes place: one folder and the processes that it starts. Whatever happens, also Ctrl-C,
// all of them are gone and the folder with them when it ends.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export interface StartOptions {
  readonly cwd?: string | undefined;
  /** A user of the system, for servers that refuse to run as root. */
  readonly user?: { readonly uid: number; readonly gid: number } | null | undefined;
  /** What ends it at once, with all that it has started itself. */
  readonly endSignal?: NodeJS.Signals | undefined;
}

export interface Started {
  readonly child: ChildProcess;
  /** The last of what it wrote to both streams. */
  readonly output: () => string;
  /** Resolves to its exit status, null after a signal. Never rejects. */
  readonly ended: Promise<number | null>;
}

const outputLengthMax = 64 * 1024;
const folderModeOthersMayPass = 0o711;

export class Stage {
  readonly folder: string;
  /** Aborted when a signal ends the run. */
  readonly signal: AbortSignal;
  /** Of the signal that ended the run, if one did. */
  endingStatus: number | null = null;
  readonly #running = new Map<ChildProcess, NodeJS.Signals>();

  private constructor(folder: string, signal: AbortSignal) {
    this.folder = folder;
    this.signal = signal;
  }

  static async open(parent: string | null): Promise<Stage> {
    const under = resolve(parent ?? tmpdir());
    await mkdir(under, { recursive: true });
    const folder = await mkdtemp(join(under, 'pamina-bench-'));
    // PostgreSQL runs as a user of its own.
    await chmod(folder, folderModeOthersMayPass);
    const ending = new AbortController();
    const stage = new Stage(folder, ending.signal);
    for (const [signal, status] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      process.once(signal, () => {
        console.error(`ended by ${signal}; everything is taken away`);
        stage.endingStatus = status;
        ending.abort(new Error(`ended by ${signal}`));
        void stage.close().finally(() => process.exit(status));
      });
    }
    // The last resort, for an end that nobody foresaw.
    process.once('exit', () => {
      stage.#killAll();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    });
    return stage;
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** Its stdin and stdout are pipes. */
  start(command: string, args: readonly string[], options: StartOptions = {}): Started {
    const { cwd = this.folder, endSignal = 'SIGKILL', user } = options;
    const child = spawn(command, args, {
      cwd,
      stdio: ['pipe', 'pipe', 'pipe'],
      // Ctrl-C is for the bench alone, which ends them in its own order.
      detached: true,
      env: { ...process.env, NODE_OPTIONS: '' },
      ...user,
    });
    let output = '';
    const keep = (text: string): void => {
      output = (output + text).slice(-outputLengthMax);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    // Its exit says more than a pipe that nobody reads.
    child.stdin.on('error', () => undefined);
    this.#running.set(child, endSignal);
    const ended = this.#whenEnded(child, keep);
    return { child, output: () => output, ended };
  }

  /** Starts a command and waits for its end; what it wrote to stdout. */
  async run(command: string, args: readonly string[], options: StartOptions = {}): Promise<string> {
    const started = this.start(command, args, options);
    let stdout = '';
    started.child.stdout?.on('data', (text: string) => {
      stdout += text;
    });
    started.child.stdin?.end();
    const status = await started.ended;
    this.signal.throwIfAborted();
    if (status === 0) return stdout;
    throw new Error(`${command} ended with ${status}: ${started.output()}`);
  }

  /** Ends it now, with all that it has started itself. */
  async end({ child, ended }: Started): Promise<void> {
    child.kill(this.#running.get(child));
    await ended;
  }

  /** A folder of the stage and all that is in it. */
  async remove(path: string): Promise<void> {
    await rm(path, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Ends every process and empties the folder: what a row that failed has left. */
  async clear(): Promise<void> {
    const ends = [...this.#running.keys()].map((child) => once(child, 'close'));
    this.#killAll();
    await Promise.all(ends);
    for (const name of await readdir(this.folder)) await this.remove(this.path(name));
  }

  async close(): Promise<void> {
    await this.clear();
    await this.remove(this.folder);
  }

  #killAll(): void {
    for (const [child, endSignal] of this.#running) child.kill(endSignal);
  }

  async #whenEnded(child: ChildProcess, keep: (text: string) => void): Promise<number | null> {
    try {
      const [status] = (await once(child, 'close')) as [number | null];
      return status;
    } catch (error) {
      // It could not be started at all.
      keep(String(error));
      return 127;
    } finally {
      this.#running.delete(child);
    }
  }
}
