// The file that a server writes its log to: lines are gathered while the disk writes. It is opened anew for each
// piece, so that a rotated file is followed by a new one.
import type { Env } from '@pamina/env';
import { toPaminaError } from '@pamina/format';

/** Lines that the disk has not taken yet; beyond that new ones are left out, and their number told. */
const waitingCharactersMax = 4 * 1024 * 1024;

export class LogFile {
  readonly #disk: Env['disk'];
  readonly #path: string;
  readonly #onFailure: (text: string) => void;
  #waiting: string[] = [];
  #characters = 0;
  #leftOut = 0;
  #writing: Promise<void> | null = null;
  #isFailing = false;

  /** `onFailure` is told once for each time that the file cannot be written. */
  constructor(disk: Env['disk'], path: string, onFailure: (text: string) => void) {
    this.#disk = disk;
    this.#path = path;
    this.#onFailure = onFailure;
  }

  /** ACCESS_DENIED and the like: told before a server starts, not with its first line. */
  async prove(): Promise<void> {
    await this.#disk.appendFile(this.#path, new Uint8Array(), { sync: false });
  }

  write(line: string): void {
    if (this.#characters + line.length > waitingCharactersMax) {
      this.#leftOut += 1;
      return;
    }
    this.#characters += line.length;
    this.#waiting.push(line);
    this.#writing ??= this.#drain();
  }

  /** Resolves when what was written is with the system, or could not be. */
  async flush(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  async #drain(): Promise<void> {
    // Lines of one moment are written at once.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const text = this.#waiting.splice(0).join('') + this.#leftOutText();
      this.#characters = 0;
      await this.#append(text);
    }
    this.#writing = null;
  }

  async #append(text: string): Promise<void> {
    try {
      await this.#disk.appendFile(this.#path, new TextEncoder().encode(text), { sync: false });
      this.#isFailing = false;
    } catch (error) {
      // Requests are not refused because nobody can write about them.
      if (!this.#isFailing) this.#onFailure(`${this.#path}: ${toPaminaError(error).message}`);
      this.#isFailing = true;
    }
  }

  #leftOutText(): string {
    const count = this.#leftOut;
    this.#leftOut = 0;
    return count === 0
      ? ''
      : `${JSON.stringify({ level: 'warn', msg: 'lines left out', count })}\n`;
  }
}
