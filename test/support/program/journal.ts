// The journal of a writer: what was acknowledged to it, one line a commit, in a file that outlives
// every kill. A line is with the system before the writer's next commit begins.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

export interface JournalLine {
  readonly writer: string;
  /** The writer's commits are numbered 1, 2, 3… */
  readonly number: number;
  readonly position: string;
}

export class Journal {
  readonly #descriptor: number;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'a');
  }

  append({ writer, number, position }: JournalLine): void {
    writeSync(this.#descriptor, `${writer} ${number} ${position}\n`);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** In the order of acknowledgement. A last line that a kill cut off is left out. */
export function readJournal(path: string): JournalLine[] {
  const text = readIfPresent(path);
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  lines.pop();
  return lines.map((line) => {
    const [writer = '', number = '', position = ''] = line.split(' ');
    return { writer, number: Number(number), position };
  });
}

/** The last acknowledged number of each writer. */
export function lastNumbers(lines: readonly JournalLine[]): Map<string, number> {
  const last = new Map<string, number>();
  for (const { writer, number } of lines) last.set(writer, number);
  return last;
}

function readIfPresent(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
