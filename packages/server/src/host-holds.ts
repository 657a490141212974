// What a master's log holds for each of its replicas, as status and `pamina replicas` show it.

import { type Database, holdsOf, type SlotHold } from '@pamina/engine';
import { formatPosition, timelineAt } from '@pamina/format';
import type { ReplicaHold } from '@pamina/wire';

/** Who holds most comes first. */
export async function replicaHolds(database: Database): Promise<ReplicaHold[]> {
  const { control, env, log, slots } = database;
  const settings = database.settings();
  const { holds } = await holdsOf({
    log,
    disk: env.disk,
    clock: env.clock,
    slots,
    settings,
    needs: {
      checkpointSeq: database.applied().seq,
      keepFromSeq: control.keepFromSeq,
      bytesWithoutBackup: settings.logBytesWithoutBackup,
      archiveFromSeqs: (control.archives ?? []).map(({ fromSeq }) => fromSeq),
    },
  });
  const shown: ReplicaHold[] = [];
  for (const hold of holds) shown.push(await shownHold(database, hold));
  return shown.sort((one, other) => other.bytes - one.bytes);
}

async function shownHold(database: Database, hold: SlotHold): Promise<ReplicaHold> {
  const { bytes, pastCap, slot, state } = hold;
  const { timeline } = timelineAt(database.timelines, slot.durable);
  return {
    replica: slot.name,
    state,
    position: formatPosition({ timeline, seq: slot.durable }),
    bytes: state === 'lost' ? 0 : bytes,
    since: slot.lost?.at ?? (state === 'lost' ? null : await heldSince(database, slot.durable)),
    cap: slot.lost?.cap ?? pastCap,
  };
}

/** When the oldest segment that it needs was begun; null when it needs no closed one. */
async function heldSince({ log }: Database, durable: number): Promise<number | null> {
  const oldest = log.segments().find(({ closed, lastSeq }) => closed && (lastSeq ?? 0) > durable);
  return oldest === undefined ? null : (await log.header(oldest)).startTime;
}
