// When a commit is acknowledged (P1): at the sync of its record while the store follows closely, with
// the store when it is too far behind, and before the sync for a commit that asks for no more.
import { PaminaError, unappliedBytesMax, unsyncedBytesMax } from '@pamina/format';
import type { Appender, Group } from '@pamina/log';
import type { DatabaseParts } from './database-parts.js';

/**
 * `disk`: the record is synced. `memory`: it is encoded and visible; a crash or a failure of the disk
 * can lose it, and with it all later ones. `{ replicas: n }` is not to be had yet.
 */
export type Durability = 'disk' | 'memory' | { readonly replicas: number };

/** TypeError for what is no durability, DURABILITY_UNAVAILABLE for replicas. */
export function checkDurability(durability: Durability): 'disk' | 'memory' {
  if (durability === 'disk' || durability === 'memory') return durability;
  const replicas = (durability as { replicas?: unknown } | null)?.replicas;
  if (typeof replicas !== 'number' || !Number.isSafeInteger(replicas) || replicas < 1) {
    throw new TypeError("durability is 'disk', 'memory' or { replicas: 1 or more }");
  }
  const message = `a commit cannot wait for ${replicas} replicas in this version`;
  throw new PaminaError('DURABILITY_UNAVAILABLE', message, { context: { replicas } });
}

export class Acknowledgement {
  readonly #parts: DatabaseParts;
  readonly #appender: () => Appender;
  /** Durable, and not acknowledged until the store is nearer. */
  readonly #held: Group[] = [];
  /** Records acknowledged before their sync, by the last of them. */
  #memorySeq = 0;

  constructor(parts: DatabaseParts, appender: () => Appender) {
    this.#parts = parts;
    this.#appender = appender;
  }

  /** A group is on disk: visible, acknowledged, and on its way into the store. */
  durable(group: Group): void {
    const { overlay, applier } = this.#parts;
    if (group.point.seq > this.#memorySeq) overlay.show(group, group.end, group.point.seq);
    this.#held.push(group);
    this.#acknowledgeNear();
    applier.push(group, (error) => {
      // Reads go on from the overlay: its bytes stay.
      if (error !== null) {
        group.fail(unknownOutcome(error));
        return;
      }
      overlay.drop(group);
      if (this.#held[0] === group) this.#held.shift();
      group.complete();
      this.#acknowledgeNear();
      this.#appender().release(group);
    });
  }

  /** Makes what is encoded so far visible. False if too much of it waits for the disk already. */
  early(): boolean {
    const { unsynced } = this.#appender();
    const bytes = unsynced.reduce((sum, group) => sum + group.end, 0);
    if (bytes > unsyncedBytesMax) return false;
    for (const group of unsynced) {
      if (group.point.seq > this.#memorySeq) {
        this.#parts.overlay.show(group, group.end, group.point.seq);
      }
    }
    this.#memorySeq = this.#appender().encoded.seq;
    return true;
  }

  /** Whether records that did not reach the disk can be rejected: not if one was acknowledged. */
  get mayTakeBack(): boolean {
    return this.#memorySeq <= this.#parts.log.durable.seq;
  }

  /** The log has failed: what is not on disk is visible no more. The error, with what that takes away. */
  failed(error: PaminaError): PaminaError {
    const { overlay, applier, log } = this.#parts;
    const { seq } = log.durable;
    const lost = Math.max(this.#memorySeq - seq, 0);
    overlay.retract(seq);
    applier.giveUpBeyond(seq, error);
    if (lost === 0) return error;
    const message = `${error.message}; ${lost} commits that were acknowledged from memory are lost`;
    return new PaminaError(error.code, message, { cause: error, context: { lost } });
  }

  #acknowledgeNear(): void {
    const { overlay } = this.#parts;
    while (this.#held.length > 0 && overlay.bytes <= unappliedBytesMax) {
      this.#held.shift()!.complete();
    }
  }
}

function unknownOutcome(cause: PaminaError): PaminaError {
  const message =
    'the commit is in the log but could not be applied; it is there after the next open';
  return new PaminaError('COMMIT_UNKNOWN', message, { cause });
}
