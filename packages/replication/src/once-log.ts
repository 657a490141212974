// A job log that does not say the same again: of a master that is asked over and over while an archive is
// followed, each thing is worth one line.
import type { JobLogWriter } from './contract.js';

/** Lines that are remembered at most. */
const rememberedMax = 64;

export class OnceLog implements JobLogWriter {
  readonly #jobLog: JobLogWriter;
  readonly #isRepeating: () => boolean;
  readonly #said = new Set<string>();

  constructor(jobLog: JobLogWriter, isRepeating: () => boolean) {
    this.#jobLog = jobLog;
    this.#isRepeating = isRepeating;
  }

  write(
    level: 'info' | 'warning' | 'error',
    event: string,
    message: string,
    fields?: Record<string, unknown>,
  ): void {
    const line = `${event} ${message}`;
    if (!this.#isRepeating()) this.#said.clear();
    else if (this.#said.has(line)) return;
    if (this.#said.size < rememberedMax) this.#said.add(line);
    this.#jobLog.write(level, event, message, fields);
  }
}
