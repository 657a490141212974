// What every invariant is given, and the excuses that more than one of them must know: a disk that
// lied, or a file that was damaged on purpose.

import type { DamagedPart, HistoryEvent, Recorded } from '../history.js';
import { eventsOf } from '../history.js';
import { Ledger } from '../ledger.js';

export const invariantNames = [
  'agreement',
  'chain',
  'bytes',
  'gap',
  'durability',
  'shipping',
  'replicated',
  'fence',
  'winner',
  'timelines',
  'rejoin',
  'rejection',
  'atomicity',
  'order',
  'apply',
  'state',
  'read',
  'backup',
  'target',
  'archive',
  'recovery',
  'resume',
  'sources',
  'retention',
  'convergence',
  'liveness',
  'honesty',
] as const;
export type InvariantName = (typeof invariantNames)[number];

export interface Violation {
  readonly invariant: InvariantName;
  readonly message: string;
  /** Of the event that shows it. */
  readonly index: number;
}

/** Codes that say: what is on the disk is not what was written there. */
export const damageCodes: ReadonlySet<string> = new Set([
  'LOG_DAMAGED',
  'STORE_DAMAGED',
  'STORE_AHEAD',
  'STORE_DIVERGED',
  'CONTROL_INVALID',
  'SEGMENT_INVALID',
  'FORMAT_UNKNOWN',
  'RECORD_INVALID',
  'BODY_INVALID',
  'BACKUP_INVALID',
  'MANIFEST_INVALID',
  'STATE_HASH_MISMATCH',
  'TIMELINES_INVALID',
]);

/** Codes that a sound program never gives, whatever the disk does. */
export const faultCodes: ReadonlySet<string> = new Set(['INTERNAL', 'RECORD_GAP']);

export class Context {
  readonly events: readonly Recorded[];
  readonly ledger: Ledger;
  readonly #lied: readonly { readonly database: string; readonly index: number }[];
  readonly #byType = new Map<HistoryEvent['type'], readonly Recorded[]>();
  readonly #corrupted: readonly Extract<Recorded, { type: 'corrupted' }>[];

  constructor(events: readonly Recorded[]) {
    this.events = events;
    this.ledger = new Ledger(events);
    this.#lied = eventsOf(events, 'lied');
    this.#corrupted = eventsOf(events, 'corrupted');
  }

  /** Whether faults had ended by then. */
  isHealed(index: number): boolean {
    return this.of('healed').some((event) => event.index < index);
  }

  of<T extends HistoryEvent['type']>(type: T): readonly Extract<Recorded, { type: T }>[] {
    let found = this.#byType.get(type);
    if (found === undefined) this.#byType.set(type, (found = eventsOf(this.events, type)));
    return found as Extract<Recorded, { type: T }>[];
  }

  /**
   * Whether the disk of `database`, or any, may have lost what it said to have synced: it lied, or its
   * log was damaged beside a power cut, which takes the notes that tell a damaged end from a torn one.
   */
  mayHaveLost(index: number, database?: string): boolean {
    return (
      this.hasLied(index, database) ||
      this.#corrupted.some(
        (event) =>
          event.part === 'log' &&
          event.index <= index &&
          (database === undefined || event.database === database) &&
          this.#hasLostPowerAround(event, index),
      )
    );
  }

  /** Between the last opening before the damage and the first one after it. */
  #hasLostPowerAround(
    damage: { readonly database: string; readonly index: number },
    index: number,
  ): boolean {
    const own = this.events.filter(
      (event) => 'database' in event && event.database === damage.database,
    );
    const isOpening = (event: Recorded): boolean => event.type === 'opened';
    const from = own.findLast((event) => isOpening(event) && event.index < damage.index);
    const to = own.find((event) => isOpening(event) && event.index > damage.index);
    return own.some(
      (event) =>
        event.type === 'crashed' &&
        event.how === 'power-cut' &&
        event.index > (from?.index ?? 0) &&
        event.index <= Math.min(to?.index ?? Infinity, index),
    );
  }

  /** Whether a disk had lied by then: that of `database`, or any. */
  hasLied(index: number, database?: string): boolean {
    return this.#lied.some(
      (event) => event.index <= index && (database === undefined || event.database === database),
    );
  }

  /** Whether something had been damaged on purpose by then. */
  isCorrupted(index: number, database?: string, part?: DamagedPart): boolean {
    return this.#corrupted.some(
      (event) =>
        event.index <= index &&
        (database === undefined || event.database === database) &&
        (part === undefined || event.part === part),
    );
  }

  /** A history that cannot be expected to be whole: the disk lied or was damaged. */
  isExcused(index: number, database?: string): boolean {
    return this.hasLied(index, database) || this.isCorrupted(index, database);
  }
}

export type Invariant = (context: Context) => Violation[];
