// How hard something is stopped. While it goes on it may become harder, never softer: who has waited long enough
// says so once more.

import { type StopMode, stopModes } from '@pamina/format';

export class StopPace {
  readonly #rollback = new AbortController();
  readonly #abort = new AbortController();

  constructor(mode: StopMode) {
    this.raise(mode);
  }

  /** Aborted from the moment at which no open transaction is waited for any more. */
  get rollback(): AbortSignal {
    return this.#rollback.signal;
  }

  /** Aborted from the moment at which nothing is waited for any more. */
  get abort(): AbortSignal {
    return this.#abort.signal;
  }

  raise(mode: StopMode): void {
    const hardness = stopModes.indexOf(mode);
    if (hardness >= stopModes.indexOf('rollback')) this.#rollback.abort();
    if (hardness >= stopModes.indexOf('abort')) this.#abort.abort();
  }
}
