// The job log: what an administrator reads. One event a line, plain words with fields, rotated.
// A line that cannot be written never stops the database; it is written with the next one.
import { join } from 'node:path';
import type { Clock, Disk } from '@pamina/env';

export type JobLevel = 'info' | 'warning' | 'error';

export interface JobEvent {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly level: JobLevel;
  /** For programs, in kebab-case. */
  readonly event: string;
  /** For people. */
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

const fileName = 'job.log';
const fileBytesMax = 8 * 1024 * 1024;
const rotatedFiles = 3;
/** Lines that wait while the disk fails; older ones are dropped then. */
const waitingMax = 10_000;
const newLine = 0x0a;

export class JobLog {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #path: string;
  readonly #listeners = new Set<(event: JobEvent) => void>();
  #waiting: string[] = [];
  #writing: Promise<void> | null = null;
  #bytes: number | null = null;
  #failure: unknown = null;

  constructor(disk: Disk, clock: Clock, folder: string) {
    this.#disk = disk;
    this.#clock = clock;
    this.#path = join(folder, fileName);
  }

  /** Why the last line could not be written; null when all is well. */
  get failure(): unknown {
    return this.#failure;
  }

  write(
    level: JobLevel,
    event: string,
    message: string,
    fields?: Readonly<Record<string, unknown>>,
  ): void {
    const time = new Date(this.#clock.now()).toISOString();
    const entry: JobEvent = {
      time,
      level,
      event,
      message,
      ...(fields === undefined ? {} : { fields }),
    };
    this.#waiting.push(`${JSON.stringify(entry)}\n`);
    this.#dropOldest();
    this.#writing ??= this.#drain();
    for (const listener of this.#listeners) listener(entry);
  }

  /** The newest `count` events, oldest first. */
  async tail(count: number): Promise<JobEvent[]> {
    await this.settle();
    const events: JobEvent[] = [];
    for (const path of [this.#path, ...this.#rotatedPaths()]) {
      const bytes = await this.#disk.readFileIfPresent(path);
      if (bytes === null) break;
      events.unshift(...parseLines(bytes));
      if (events.length >= count) break;
    }
    return count > 0 ? events.slice(-count) : [];
  }

  subscribe(listener: (event: JobEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Waits until all lines so far are written or have failed. */
  async settle(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  #rotatedPaths(): string[] {
    return Array.from({ length: rotatedFiles }, (_, index) => `${this.#path}.${index + 1}`);
  }

  #dropOldest(): void {
    if (this.#waiting.length > waitingMax)
      this.#waiting.splice(0, this.#waiting.length - waitingMax);
  }

  async #drain(): Promise<void> {
    let lines: string[] = [];
    try {
      // Lines of one moment are written at once.
      await Promise.resolve();
      while (this.#waiting.length > 0) {
        lines = this.#waiting.splice(0);
        await this.#append(lines.join(''));
        lines = [];
        this.#failure = null;
      }
    } catch (error) {
      // Kept for status(); the lines wait for the next write.
      this.#failure = error;
      this.#waiting.unshift(...lines);
      this.#dropOldest();
    } finally {
      this.#writing = null;
    }
  }

  async #append(text: string): Promise<void> {
    this.#bytes ??= await this.#bytesOnNewLine();
    if (this.#bytes >= fileBytesMax) await this.#rotate();
    const bytes = new TextEncoder().encode(text);
    await this.#disk.appendFile(this.#path, bytes, { sync: false });
    this.#bytes += bytes.length;
  }

  /** Size of the file. A line that a crash cut is ended first, or the next one would be lost with it. */
  async #bytesOnNewLine(): Promise<number> {
    const size = (await this.#disk.stat(this.#path))?.bytes ?? 0;
    if (size === 0) return 0;
    const last = new Uint8Array(1);
    const file = await this.#disk.open(this.#path, 'read');
    try {
      await file.read(last, size - 1);
    } finally {
      await file.close();
    }
    if (last[0] === newLine) return size;
    await this.#disk.appendFile(this.#path, Uint8Array.of(newLine), { sync: false });
    return size + 1;
  }

  async #rotate(): Promise<void> {
    const paths = [this.#path, ...this.#rotatedPaths()];
    for (let index = paths.length - 2; index >= 0; index--) {
      const from = paths[index]!;
      if ((await this.#disk.stat(from)) === null) continue;
      await this.#disk.rename(from, paths[index + 1]!, { replace: true });
    }
    this.#bytes = 0;
  }
}

/** A last line that a crash cut is left out. */
function parseLines(bytes: Uint8Array): JobEvent[] {
  const events: JobEvent[] = [];
  for (const line of new TextDecoder().decode(bytes).split('\n')) {
    if (!line.startsWith('{') || !line.endsWith('}')) continue;
    try {
      events.push(JSON.parse(line) as JobEvent);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return events;
}
