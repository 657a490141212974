// Writer processes (program/writer.ts) of a torture. The next one starts while the present one works:
// starting node is most of what a cycle costs.
import { RunningProcess } from '../../test/support/running-process.js';
import type { Job, Word } from './program/job.js';
import { programFile } from './programs.js';

/** How exactly the moment of a word is seen. */
const everyMs = 1;
const deadlineMs = 60_000;

export interface Refusal {
  readonly code: string;
  readonly message: string;
}

export class Writer {
  readonly process: RunningProcess;

  private constructor(process: RunningProcess) {
    this.process = process;
  }

  static async start(environment: Readonly<Record<string, string>> = {}): Promise<Writer> {
    const program = await programFile('writer');
    return new Writer(new RunningProcess('writer', [program], { env: environment }));
  }

  give(job: Job): void {
    this.process.tell(JSON.stringify(job));
  }

  /** Whatever follows the word, null for nothing; rejects if the process ends without having said it. */
  word(word: Word, after = 0): Promise<{ readonly rest: unknown }> {
    let seen = 0;
    return this.process.line(
      word,
      (line) => {
        const rest = restOf(word, line);
        if (rest === null) return null;
        return seen++ < after ? null : rest;
      },
      deadlineMs,
      everyMs,
    );
  }

  /** What it has said so far, if it has said the word. */
  said(word: Word): { readonly rest: unknown } | null {
    for (const line of this.process.stdout.split('\n').slice(0, -1)) {
      const rest = restOf(word, line);
      if (rest !== null) return rest;
    }
    return null;
  }
}

function restOf(word: Word, line: string): { readonly rest: unknown } | null {
  if (line === word) return { rest: null };
  if (!line.startsWith(`${word} `)) return null;
  return { rest: JSON.parse(line.slice(word.length + 1)) as unknown };
}

export class Crew {
  readonly #environment: Readonly<Record<string, string>>;
  #next: Promise<Writer> | null = null;
  readonly #taken = new Set<Writer>();

  constructor(environment: Readonly<Record<string, string>> = {}) {
    this.#environment = environment;
  }

  /** One that is up, given its job. */
  async take(job: Job): Promise<Writer> {
    const writer = await (this.#next ?? Writer.start(this.#environment));
    this.#next = null;
    await writer.word('ready');
    writer.give(job);
    this.#taken.add(writer);
    void writer.process.exited.then(() => this.#taken.delete(writer));
    this.#next = Writer.start(this.#environment);
    return writer;
  }

  /** After a fault: nobody holds a file any more. */
  async killTaken(): Promise<void> {
    await Promise.all([...this.#taken].map(({ process }) => process.kill('SIGKILL')));
  }

  async close(): Promise<void> {
    await this.killTaken();
    const next = await this.#next;
    await next?.process.kill('SIGKILL');
  }
}
