// How many calls came over the channels of calls and how they ended, by verb: what /metrics tells of them. Counted in
// place, for each is a small part of a millisecond.

import { callVerb } from '@pamina/wire';

const size = 1 + Math.max(...Object.values(callVerb));

export interface CallCount {
  readonly verb: string;
  readonly answered: number;
  readonly failed: number;
}

export class CallFigures {
  connections = 0;
  readonly #answered = new Float64Array(size);
  readonly #failed = new Float64Array(size);

  /** `code` is that of a verb. */
  answered(code: number): void {
    this.#answered[code] = (this.#answered[code] ?? 0) + 1;
  }

  failed(code: number): void {
    this.#failed[code] = (this.#failed[code] ?? 0) + 1;
  }

  /** Of verbs that were asked for. */
  get counts(): CallCount[] {
    return Object.entries(callVerb)
      .map(([verb, code]) => ({
        verb,
        answered: this.#answered[code] ?? 0,
        failed: this.#failed[code] ?? 0,
      }))
      .filter(({ answered, failed }) => answered + failed > 0);
  }
}
