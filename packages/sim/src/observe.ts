// Looks at one database and writes what it sees into the history.

import { hashState } from '@pamina/backup';
import type { Database } from '@pamina/engine';
import { userPrefix } from '@pamina/format';
import type { History, Point, State } from './history.js';
import { readLogFiles } from './log-files.js';
import { textOf } from './text.js';
import type { HostDisk } from './world/disk/host-disk.js';

interface EntrySource {
  entries(): AsyncIterable<readonly (readonly [Uint8Array, Uint8Array])[]>;
}

/** The user's part of a snapshot, keys without their prefix. */
export async function stateOf(snapshot: EntrySource): Promise<State> {
  const state = new Map<string, string>();
  for await (const entries of snapshot.entries()) {
    for (const [key, value] of entries) {
      if (key[0] === userPrefix) state.set(textOf(key.subarray(1)), textOf(value));
    }
  }
  return state;
}

/** The state of a moment, with the exact point that it stands for. */
export async function observeState(
  history: History,
  name: string,
  database: Database,
): Promise<Point> {
  const { point, snapshot } = await database.stateSnapshot();
  try {
    const state = await stateOf(snapshot);
    const { stateHash } = await hashState(snapshot);
    history.add({ type: 'state', database: name, point: placeOf(point), state, stateHash });
    return placeOf(point);
  } finally {
    await snapshot.close();
  }
}

/** The log as it stands on the disk, up to what is durable; of a closed database all of it. */
export function observeLog(
  history: History,
  name: string,
  disk: HostDisk,
  folder: string,
  database: Database | null,
): void {
  const lastSeq = database?.durable().seq;
  history.add({
    type: 'log-read',
    database: name,
    ...readLogFiles(disk, `${folder}/log`, history.knownRecords, lastSeq),
  });
}

export function placeOf({ timelineId, seq, chain }: Point): Point {
  return { timelineId, seq, chain };
}
