// Frozen states together with the exact point that they are the state of: what backups, copies and
// hashes are made from.
import type { MarkBody, Timeline } from '@pamina/format';
import type { DatabaseParts } from './database-parts.js';
import { pointOf, type LogPoint } from './log-point.js';
import { arrived } from './read-value.js';
import type { SessionWriter } from './session-writer.js';
import type { StoreSnapshot } from './state-store.js';

/** A frozen state and the exact point that it is the state of. */
export interface PlacedSnapshot {
  readonly point: LogPoint;
  readonly snapshot: StoreSnapshot;
  readonly session: number;
}

/** Commits a mark and takes the snapshot when the store is exactly there. */
export async function snapshotAtMark(
  parts: DatabaseParts,
  session: SessionWriter,
  timelines: readonly Timeline[],
  bodyAt: (seq: number) => MarkBody,
): Promise<PlacedSnapshot> {
  const { applier, store } = parts;
  const group = session.appendMark(bodyAt);
  const point = pointOf(group.point, timelines);
  let cancel = (): void => undefined;
  const snapshot = new Promise<StoreSnapshot>((resolve, reject) => {
    cancel = applier.atSeq(point.seq, (error) => {
      if (error === null) resolve(store.snapshot());
      else reject(error);
    });
  });
  snapshot.catch(() => {
    // It fails together with the commit, which says so.
  });
  try {
    await group.done;
  } catch (error) {
    // A mark that is rejected leaves its number to another record.
    cancel();
    throw error;
  }
  return { point, snapshot: await snapshot, session: session.number };
}

/** The visible state, without a record of its own. `baseSession` is the session before the log begins. */
export function snapshotNow(
  parts: DatabaseParts,
  timelines: readonly Timeline[],
  baseSession: number,
): Promise<PlacedSnapshot> {
  const { applier, overlay, reader, store } = parts;
  const take = (): PlacedSnapshot => ({
    point: pointOf(applier.applied, timelines),
    snapshot: store.snapshot(),
    session: Math.max(baseSession, store.lastSession),
  });
  return overlay.isEmpty ? applier.between(take) : arrived(reader.exactly(take));
}
