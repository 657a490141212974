// Everything that the command writes goes through here: results to stdout with back-pressure,
// notes and errors to stderr, each as text or as JSON. A reader that goes away (EPIPE) ends the
// run quietly.
import type { Io, OutputStream } from './io.js';

/** What a shell reports for a program whose reader went away: 128 + SIGPIPE. */
export const brokenPipeStatus = 141;

export class Output {
  readonly json: boolean;
  /** Aborted when nobody reads stdout any more. */
  readonly broken: AbortSignal;
  readonly #io: Io;
  readonly #breaking = new AbortController();
  /** Another failure of stdout than a reader gone: a full disk behind `> file`. */
  #failure: Error | null = null;
  readonly #onStdoutError = (error: Error): void => {
    if (!isBrokenPipe(error)) this.#failure = error;
    this.#breaking.abort(error);
  };
  /** Nothing is left to tell the user on a stderr that fails; the exit status still does. */
  readonly #onStderrError = (): void => undefined;

  constructor(io: Io, json: boolean) {
    this.#io = io;
    this.json = json;
    this.broken = this.#breaking.signal;
    io.stdout.on('error', this.#onStdoutError);
    io.stderr.on('error', this.#onStderrError);
  }

  get failure(): Error | null {
    return this.#failure;
  }

  /** Progress bars may be drawn. */
  get interactive(): boolean {
    return !this.json && this.#io.stderr.isTTY === true;
  }

  get stderr(): OutputStream {
    return this.#io.stderr;
  }

  /** The result of a verb: one JSON object, or text (nothing when empty). */
  async result(value: unknown, text: () => string): Promise<void> {
    if (this.json) return this.line(JSON.stringify(value));
    const shown = text();
    if (shown !== '') await this.line(shown);
  }

  /** One line (or several) on stdout; resolves when stdout takes more. */
  line(text: string): Promise<void> {
    return this.raw(`${text}\n`);
  }

  /** On stdout as it is. Rejects once nobody reads. */
  async raw(text: string): Promise<void> {
    this.broken.throwIfAborted();
    if (this.#io.stdout.write(text)) return;
    await this.#drained();
    this.broken.throwIfAborted();
  }

  /** For people only: what to do next, warnings. On stderr, nothing with --json. */
  note(text: string): void {
    if (!this.json) this.errorLine(text);
  }

  errorLine(text: string): void {
    this.#io.stderr.write(`${text}\n`);
  }

  /** Resolves when what was written is with the system. */
  async flush(): Promise<void> {
    if (this.broken.aborted) return;
    await new Promise<void>((resolve) => {
      this.#io.stdout.write('', (error) => {
        // The callback comes before the event.
        if (error) this.#onStdoutError(error);
        resolve();
      });
    });
  }

  /** The streams are the process's: only the listeners are taken back. */
  close(): void {
    this.#io.stdout.removeListener('error', this.#onStdoutError);
    this.#io.stderr.removeListener('error', this.#onStderrError);
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#io.stdout.removeListener('drain', done);
        this.broken.removeEventListener('abort', done);
        resolve();
      };
      this.#io.stdout.once('drain', done);
      this.broken.addEventListener('abort', done);
    });
  }
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'EPIPE';
}
