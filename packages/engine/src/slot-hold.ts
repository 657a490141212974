// What each replica's slot holds of the log, and when that is too much (P10): past a cap by size or by
// age nothing is held for it alone. It is lost only when log that it lacks would go.
import { holdGraceMs } from '@pamina/format';
import type { Clock, Disk } from '@pamina/env';
import type { Log } from '@pamina/log';
import { firstSeqAfter, firstSeqToKeep, type RetentionNeeds } from './retention.js';
import type { HoldCap, Slot, SlotTable } from './slots.js';
import type { Settings } from './system-data.js';

const dayMs = 24 * 60 * 60 * 1000;

/**
 * ok: no log stays for it alone. holding: some does. past-cap: none does any more, but what it lacks is
 * still here for others. lost: what it lacks is given up.
 */
export type SlotState = 'ok' | 'holding' | 'past-cap' | 'lost';

export interface SlotHold {
  readonly slot: Slot;
  readonly state: SlotState;
  /** Of the closed segments that hold records behind its durable position. */
  readonly bytes: number;
  /** The cap that this is past; null while it is within both, and of one that is lost. */
  readonly pastCap: HoldCap | null;
}

export interface HoldSource {
  readonly log: Log;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly slots: SlotTable;
  readonly settings: Pick<Settings, 'replicaHoldBytes' | 'replicaHoldDays' | 'replicationDelayMs'>;
  /** What is kept beside that; its slots are not looked at. */
  readonly needs: Omit<RetentionNeeds, 'slots'>;
}

/** The slots, and the first record that is kept for those that hold and for everybody else. */
export interface Holds {
  readonly holds: readonly SlotHold[];
  readonly firstSeq: number;
}

export async function holdsOf(source: HoldSource): Promise<Holds> {
  const { log, slots, needs } = source;
  const judged: (Omit<SlotHold, 'state'> & { readonly isLost: boolean })[] = [];
  for (const slot of slots.list()) {
    const bytes = heldBytes(log, slot.durable);
    const isLost = slot.lost !== undefined || slot.durable + 1 < log.firstSeq;
    const pastCap = isLost ? null : await capPassed(source, slot, bytes);
    judged.push({ slot, bytes, pastCap, isLost });
  }
  const holding = judged.filter(({ isLost, pastCap }) => !isLost && pastCap === null);
  const firstSeq = firstSeqToKeep(log, { ...needs, slots: holding.map(({ slot }) => slot) });
  const forOthers = firstSeqToKeep(log, { ...needs, slots: [] });
  const holds = judged.map(({ slot, bytes, pastCap, isLost }): SlotHold => {
    if (isLost) return { slot, bytes, pastCap, state: 'lost' };
    if (pastCap !== null) return { slot, bytes, pastCap, state: 'past-cap' };
    const state = bytes > 0 && wouldLose(log, slot, forOthers) ? 'holding' : 'ok';
    return { slot, bytes, pastCap, state };
  });
  return { holds, firstSeq };
}

/** Whether deleting what is before record `firstSeq` takes a segment that the replica may need. */
export function wouldLose(log: Pick<Log, 'segments'>, slot: Slot, firstSeq: number): boolean {
  const rest = log.segments().findLast((segment) => segment.firstSeq <= firstSeq);
  return rest !== undefined && rest.firstSeq > slot.durable;
}

function heldBytes(log: Log, durable: number): number {
  const held = log.segments().filter(({ closed, lastSeq }) => closed && (lastSeq ?? 0) > durable);
  return held.reduce((sum, segment) => sum + segment.bytes, 0);
}

async function capPassed(source: HoldSource, slot: Slot, bytes: number): Promise<HoldCap | null> {
  const { replicaHoldBytes, replicaHoldDays } = source.settings;
  const { log } = source;
  // In the middle of a segment that was just closed nobody is far behind, however large it is.
  const lacksWhole = log.segments().some((one) => one.closed && one.firstSeq > slot.durable);
  if (replicaHoldBytes > 0 && lacksWhole && bytes > replicaHoldBytes) return 'bytes';
  return replicaHoldDays > 0 && (await isTooOld(source, slot)) ? 'age' : null;
}

/**
 * It lacks what is older than the cap, and has not come further since. Two of its pulls are granted on top; and
 * who opens a database gives its replicas the time to come back.
 */
async function isTooOld(source: HoldSource, slot: Slot): Promise<boolean> {
  const { clock, disk, log, settings, slots } = source;
  if (clock.monotonic() - slots.openedMs < holdGraceMs) return false;
  const time = clock.now() - settings.replicaHoldDays * dayMs - 2 * settings.replicationDelayMs;
  if ((slot.progressedAt ?? slot.seenAt) > time) return false;
  return slot.durable + 1 < (await firstSeqAfter(log, disk, slot.durable, time));
}
