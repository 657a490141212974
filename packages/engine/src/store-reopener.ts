// LevelDB takes no write after an error of its disk until it is opened again. This waits for space, if
// that was what it lacked, and opens it inside; reads go on until then. Commits wait meanwhile.
import { PaminaError, isPaminaError, toPaminaError } from '@pamina/format';
import type { Clock, Disk } from '@pamina/env';
import type { ChainPoint } from '@pamina/log';
import type { JobLog } from './job-log.js';
import type { StateStore } from './state-store.js';

const pollMs = 1000;

export interface StoreReopenerOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly jobLog: JobLog;
}

export class StoreReopener {
  readonly #options: StoreReopenerOptions;
  readonly #store: StateStore;
  readonly #stopping = new AbortController();

  constructor(store: StateStore, options: StoreReopenerOptions) {
    this.#store = store;
    this.#options = options;
  }

  /**
   * Null when the store takes writes again and holds exactly the state at `applied`; else why it does
   * not: the next opening of the database replays the log.
   */
  async reopen(error: PaminaError, applied: ChainPoint): Promise<PaminaError | null> {
    const { jobLog } = this.#options;
    try {
      if (isDiskFull(error)) {
        const message = `The disk is full: commits wait until there is space again (${error.message}).`;
        jobLog.write('error', 'store-disk-full', message);
        await this.#waitForSpace();
      }
      while (!(await this.#isOpenedAgain())) await this.#waitForSpace();
      const now = await this.#store.applied();
      if (now?.seq !== applied.seq || now.chain !== applied.chain) {
        const message = `the store was at record ${applied.seq} and came back at ${now?.seq}`;
        return new PaminaError('STORE_ERROR', message, { cause: error });
      }
      jobLog.write('warning', 'store-reopened', `LevelDB was opened again after: ${error.message}`);
      return null;
    } catch (thrown) {
      return this.#stopping.signal.aborted ? error : toPaminaError(thrown);
    }
  }

  /** False where others have taken the space meanwhile. */
  async #isOpenedAgain(): Promise<boolean> {
    this.#stopping.signal.throwIfAborted();
    try {
      await this.#store.reopen();
      return true;
    } catch (error) {
      if (isDiskFull(error)) return false;
      throw error;
    }
  }

  /** The database is being closed: nothing is waited for any more. */
  stop(): void {
    this.#stopping.abort();
  }

  /** Opening writes what stands in LevelDB's logs into a table. */
  async #waitForSpace(): Promise<void> {
    const { disk, clock } = this.#options;
    do await clock.sleep(pollMs, this.#stopping.signal);
    while ((await disk.freeBytes(this.#store.folder)) < (await this.#store.reopenBytes()));
  }
}

/** LevelDB gives the words of the system and no code. */
export function isDiskFull(error: unknown): boolean {
  if (!isPaminaError(error, 'STORE_ERROR')) return false;
  const { cause, message } = error;
  return /no space left|quota exceeded/i.test(
    `${message} ${(cause as Error | undefined)?.message}`,
  );
}
