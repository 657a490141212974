// What a run of the command is given by its process. Tests give streams and a record of their own,
// so every verb can be run inside one process.
import type { Env } from '@pamina/env';
import type { TargetFinder } from './target.js';

export interface OutputStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

export interface Io {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Read only where a verb is told to (`import NAME -`). */
  readonly stdin?: AsyncIterable<Uint8Array> | undefined;
  /** Environment variables: PAMINA_DATA, PAMINA_DIRECTORY. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths of the command line are below this folder. */
  readonly cwd: string;
  /** Aborted to end the run: `serve` and `job-log --follow` end well, other verbs are interrupted. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Who ends in steps hears of every signal behind the first one, and ends the process by the function that comes
   * with it; while nobody listens a second signal does. Returns how to listen no more.
   */
  readonly onFurtherSignal?: ((listener: (end: () => void) => void) => () => void) | undefined;
}

/** What stands behind the command; each has its real default. Tests replace them. */
export interface Parts {
  readonly env?: Env | undefined;
  readonly findTarget?: TargetFinder | undefined;
}

/** Why a run was ended from outside; the status is what a shell reports for such a signal. */
export class Interrupted extends Error {
  readonly exitStatus: number;

  constructor(signalName: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
    super(`interrupted by ${signalName}`);
    this.name = 'Interrupted';
    this.exitStatus = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signalName];
  }
}
