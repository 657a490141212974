// What commits do without at present: requirements whose replicas did not confirm in time. Said loudly when
// it begins and when it ends, which it does by itself once the replicas are fast enough again.
import type { Clock } from '@pamina/env';
import type { Requirement } from './durability.js';
import type { JobLog } from './job-log.js';
import type { ReplicaPlaces } from './replica-places.js';

export interface DegradedOptions {
  readonly clock: Pick<Clock, 'monotonic' | 'now'>;
  readonly jobLog: Pick<JobLog, 'write'>;
}

export interface DegradedEntry {
  readonly requirement: Requirement;
  /** ms since 1970 */
  readonly since: number;
}

interface Entry extends DegradedEntry {
  /** The end of the log at a moment, and that moment: how long the replicas take to get there is how long a commit would wait. */
  targetSeq: number;
  targetMs: number;
}

/** Of one more requirement it is not remembered, and each of its commits waits for its own time. */
const entriesMax = 64;

export class Degraded {
  readonly #options: DegradedOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: DegradedOptions) {
    this.#options = options;
  }

  has({ key }: Requirement): boolean {
    return this.#entries.size > 0 && this.#entries.has(key);
  }

  entry({ key }: Requirement): DegradedEntry | null {
    return this.#entries.get(key) ?? null;
  }

  /** `durableSeq`: the end of the log here. */
  begin(requirement: Requirement, places: ReplicaPlaces, durableSeq: number): void {
    const { clock, jobLog } = this.#options;
    const { key, replicas, timeoutMs } = requirement;
    const since = clock.now();
    if (this.#entries.size < entriesMax) {
      const target = { targetSeq: durableSeq, targetMs: clock.monotonic() };
      this.#entries.set(key, { requirement, since, ...target });
    }
    const who = wanted(requirement);
    jobLog.write(
      'error',
      'synchronous-degraded',
      `Commits are acknowledged without ${who}: they did not confirm within ${timeoutMs} ms ` +
        `(${places.describe(requirement)}). What is acknowledged now is lost if this machine is.`,
      { replicas, names: requirement.names, timeoutMs, seq: durableSeq },
    );
  }

  /** A replica has said how far it is. */
  look(places: ReplicaPlaces, durableSeq: number): void {
    const nowMs = this.#options.clock.monotonic();
    for (const entry of this.#entries.values()) {
      const reached = places.reached(entry.requirement);
      if (reached < entry.targetSeq) continue;
      if (nowMs - entry.targetMs > entry.requirement.timeoutMs && reached < durableSeq) {
        // It took too long; measured anew from the present end.
        entry.targetSeq = durableSeq;
        entry.targetMs = nowMs;
        continue;
      }
      this.#recover(entry, places);
    }
  }

  /** What nothing asks for any more is not said of it either. */
  keepOnly(isKept: (requirement: Requirement) => boolean): void {
    for (const [key, { requirement }] of this.#entries) {
      if (!isKept(requirement)) this.#entries.delete(key);
    }
  }

  #recover({ requirement, since }: Entry, places: ReplicaPlaces): void {
    const { clock, jobLog } = this.#options;
    const { key, names, replicas } = requirement;
    this.#entries.delete(key);
    const seconds = Math.round(Math.max(0, clock.now() - since) / 100) / 10;
    jobLog.write(
      'info',
      'synchronous-restored',
      `Commits wait for ${wanted(requirement)} again: they have caught up after ${seconds} s ` +
        `(${places.describe(requirement)}).`,
      { replicas, names, seconds },
    );
  }
}

function wanted({ names, replicas }: Requirement): string {
  const many = `${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`;
  return names.length === 0 ? many : `${many} of ${names.join(', ')}`;
}
