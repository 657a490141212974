// A real process of a test: its output is kept, it can be awaited and killed, and it never outlives
// the test. Its stdin is a pipe, so that helper programs notice when the test is gone.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { until } from './until.js';

export interface Exit {
  readonly status: number | null;
  readonly signal: string | null;
}

export interface StartOptions {
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly command?: string | undefined;
}

const outputLengthMax = 256 * 1024;
const exitDeadlineMs = 30_000;
const running = new Set<ChildProcess>();

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}
process.once('exit', killAll);
process.once('SIGTERM', () => {
  killAll();
  process.exit(143);
});

export class RunningProcess {
  readonly name: string;
  readonly exited: Promise<Exit>;
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  #exit: Exit | null = null;

  constructor(name: string, args: readonly string[], options: StartOptions = {}) {
    this.name = name;
    const child = spawn(options.command ?? process.execPath, args, {
      cwd: options.cwd,
      env: { ...process.env, NODE_OPTIONS: '', VITEST: undefined, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    running.add(child);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout = kept(this.stdout + text);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = kept(this.stderr + text);
    });
    // A process that is gone does not read what it is told; its exit says why it is gone.
    child.stdin.on('error', () => undefined);
    this.exited = this.#awaitExit();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get exit(): Exit | null {
    return this.#exit;
  }

  /** The first line of stdout for which `match` gives something. Fails at once if the process ends. */
  line<T>(
    what: string,
    match: (line: string) => T | null,
    deadlineMs?: number,
    everyMs?: number,
  ): Promise<T> {
    return until(
      `${this.name} printed ${what}`,
      () => {
        const { exit } = this;
        const lines = this.stdout.split('\n');
        if (exit === null) lines.pop();
        for (const line of lines) {
          const found = match(line);
          if (found !== null) return found;
        }
        if (exit !== null) throw new Error(`${this.name} ended before ${what}: ${this.describe()}`);
        return null;
      },
      {
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
        ...(everyMs === undefined ? {} : { everyMs }),
        instead: () => this.describe(),
      },
    ) as Promise<T>;
  }

  /** Writes a line to its stdin. */
  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Resolves when the process is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    if (this.#exit === null) this.#child.kill(signal);
    return this.ended();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Each whole line of stdout from here on, also those that `stdout` does not keep. */
  onLine(listener: (line: string) => void): void {
    let held = '';
    this.#child.stdout?.on('data', (text: string) => {
      const lines = (held + text).split('\n');
      held = lines.pop() ?? '';
      for (const line of lines) listener(line);
    });
  }

  /** Closes stdin: helper programs finish what they are at and end. */
  async finish(deadlineMs?: number): Promise<Exit> {
    this.#child.stdin?.end();
    return this.ended(deadlineMs);
  }

  async ended(deadlineMs = exitDeadlineMs): Promise<Exit> {
    return until(`${this.name} ended`, () => this.#exit, {
      deadlineMs,
      everyMs: 2,
      instead: () => this.describe(),
    });
  }

  describe(): string {
    const state = this.#exit === null ? 'running' : `ended with ${JSON.stringify(this.#exit)}`;
    return `${this.name} ${state}\n${indented('out', this.stdout)}${indented('err', this.stderr)}`;
  }

  async #awaitExit(): Promise<Exit> {
    const child = this.#child;
    try {
      const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
      this.#exit = { status, signal };
    } catch (error) {
      // It could not be started at all.
      this.stderr += String(error);
      this.#exit = { status: 127, signal: null };
    }
    running.delete(child);
    return this.#exit;
  }
}

function kept(text: string): string {
  return text.length <= outputLengthMax ? text : text.slice(-outputLengthMax / 2);
}

function indented(stream: string, text: string): string {
  const shown = text.trimEnd().split('\n').slice(-20);
  if (shown.length === 1 && shown[0] === '') return '';
  return shown.map((line) => `  ${stream}| ${line}\n`).join('');
}
