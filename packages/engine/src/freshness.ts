// How old what a database shows may be: nothing on a database that takes commits, on a replica what its
// follower can prove by the heartbeats of its master. What nobody can prove is not fresh (P9).
import { PaminaError } from '@pamina/format';
import type { Control } from './control.js';

export type FreshPlace = 'durable' | 'applied';

export interface FreshnessSource {
  /** How many ms behind its master a place is at most; null if that is not known. */
  behindMs(place: FreshPlace): number | null;
}

export class Freshness {
  readonly #control: () => Pick<Control, 'name' | 'type'>;
  #source: FreshnessSource | null = null;

  constructor(control: () => Pick<Control, 'name' | 'type'>) {
    this.#control = control;
  }

  /** Who follows the master of this replica says from now on how old it is; null = nobody follows. */
  follow(source: FreshnessSource | null): void {
    this.#source = source;
  }

  /** At most so many ms old; 0 on a normal database, null if it is not known. */
  behindMs(place: FreshPlace): number | null {
    if (this.#control().type === 'normal') return 0;
    return this.#source?.behindMs(place) ?? null;
  }

  /** A read that wants a state at most `maxStalenessMs` old. REPLICA_STALE, TypeError. */
  require(maxStalenessMs: number): void {
    if (!(maxStalenessMs >= 0)) throw new TypeError('maxStalenessMs is a number of ms, 0 or more');
    const behindMs = this.behindMs('applied');
    if (behindMs !== null && behindMs <= maxStalenessMs) return;
    const { name } = this.#control();
    const how =
      behindMs === null
        ? `it is not known how far ${name} is behind its master`
        : `${name} may be ${Math.ceil(behindMs)} ms behind its master`;
    const message = `${how}, and the read allows ${maxStalenessMs} ms`;
    throw new PaminaError('REPLICA_STALE', message, { context: { behindMs, maxStalenessMs } });
  }
}
