// When a commit is acknowledged (P1): at the sync of its record while the store follows closely, with
// the store when it is too far behind, and before the sync for a commit that asks for no more. What asks for
// replicas waits for them beyond that: synchronous-commits.ts.
import { PaminaError, unappliedBytesMax, unsyncedBytesMax } from '@pamina/format';
import type { Clock } from '@pamina/env';
import type { Appender, Group } from '@pamina/log';
import { CommitBrake } from './commit-brake.js';
import type { DatabaseParts } from './database-parts.js';

/** Whoever has more than this on the way does not wait for his commits: it would not slow him. */
const brakedBytesMax = 16 * 1024 * 1024;

export class Acknowledgement {
  readonly #parts: DatabaseParts;
  readonly #appender: () => Appender;
  readonly #brake: CommitBrake;
  /** Durable and not acknowledged: the store is too far behind, or commits are slowed. */
  readonly #held: Group[] = [];
  #heldBytes = 0;
  /** The last record that is in the store. */
  #appliedSeq = 0;
  /** Records acknowledged before their sync, by the last of them. */
  #memorySeq = 0;

  constructor(parts: DatabaseParts, clock: Clock, appender: () => Appender) {
    this.#parts = parts;
    this.#appender = appender;
    this.#brake = new CommitBrake({
      clock,
      pressure: () => parts.store.pressure,
      onFree: () => this.#acknowledgeNear(),
    });
  }

  /** A group is on disk: visible, acknowledged, and on its way into the store. */
  durable(group: Group): void {
    const { overlay, applier } = this.#parts;
    if (group.point.seq > this.#memorySeq) overlay.show(group, group.end, group.point.seq);
    this.#held.push(group);
    this.#heldBytes += group.end;
    this.#acknowledgeNear();
    applier.push(group, (error) => {
      // Reads go on from the overlay: its bytes stay.
      if (error !== null) {
        group.fail(unknownOutcome(error));
        return;
      }
      overlay.drop(group);
      this.#appliedSeq = group.point.seq;
      this.#acknowledgeNear();
      this.#appender().release(group);
    });
  }

  /** Makes what is encoded so far visible. False if too much of it waits for the disk already, or for the store. */
  early(): boolean {
    // Who commits from memory fills the store as well: he waits where others wait, not at BACKLOG_FULL.
    if (this.#held.length > 0) return false;
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

  /** Nobody commits any more: who waits gets his acknowledgement as soon as it is due. */
  release(): void {
    this.#brake.release();
  }

  /** The log has failed: what is not on disk is visible no more. The error, with what that takes away. */
  failed(error: PaminaError): PaminaError {
    const { overlay, applier, log } = this.#parts;
    const { seq } = log.durable;
    const lost = Math.max(this.#memorySeq - seq, 0);
    this.release();
    overlay.retract(seq);
    applier.giveUpBeyond(seq, error);
    if (lost === 0) return error;
    const message = `${error.message}; ${lost} commits that were acknowledged from memory are lost`;
    return new PaminaError(error.code, message, { cause: error, context: { lost } });
  }

  #acknowledgeNear(): void {
    const { overlay } = this.#parts;
    for (let group = this.#held[0]; group !== undefined; group = this.#held[0]) {
      const isNear = overlay.bytes <= unappliedBytesMax || group.point.seq <= this.#appliedSeq;
      if (!isNear) break;
      if (this.#heldBytes <= brakedBytesMax && !this.#brake.letThrough(group.end)) break;
      this.#held.shift();
      this.#heldBytes -= group.end;
      group.complete();
    }
  }
}

function unknownOutcome(cause: PaminaError): PaminaError {
  const message =
    'the commit is in the log but could not be applied; it is there after the next open';
  return new PaminaError('COMMIT_UNKNOWN', message, { cause });
}
