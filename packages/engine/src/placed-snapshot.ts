// Frozen states together with the exact point that they are the state of: what backups, copies and
// hashes are made from.
import type { MarkBody, Timeline } from '@pamina/format';
import type { Applier } from './applier.js';
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

/** What runs while the files of the store hold exactly the state of a snapshot. */
export type WhileThere = (() => Promise<void>) | undefined;

/** Commits a mark and takes the snapshot when the store is exactly there. */
export async function snapshotAtMark(
  parts: DatabaseParts,
  session: SessionWriter,
  timelines: readonly Timeline[],
  bodyAt: (seq: number) => MarkBody,
  whileThere?: WhileThere,
): Promise<PlacedSnapshot> {
  const { applier, store } = parts;
  const group = session.appendMark(bodyAt);
  const point = pointOf(group.point, timelines);
  let cancel = (): void => undefined;
  const taken = new Promise<Taken>((resolve, reject) => {
    cancel = applier.atSeq(point.seq, (error) => {
      if (error !== null) reject(error);
      else resolve({ snapshot: store.snapshot(), done: holdDuring(applier, whileThere) });
    });
  });
  taken.catch(() => {
    // It fails together with the commit, which says so.
  });
  try {
    await group.done;
  } catch (error) {
    // A mark that is rejected leaves its number to another record.
    cancel();
    throw error;
  }
  return { point, snapshot: await finished(await taken), session: session.number };
}

/** The visible state, without a record of its own. `baseSession` is the session before the log begins. */
export async function snapshotNow(
  parts: DatabaseParts,
  timelines: readonly Timeline[],
  baseSession: number,
  whileThere?: WhileThere,
): Promise<PlacedSnapshot> {
  const { applier, overlay, reader, store } = parts;
  const take = (): Taken & Omit<PlacedSnapshot, 'snapshot'> => ({
    point: pointOf(applier.applied, timelines),
    snapshot: store.snapshot(),
    session: Math.max(baseSession, store.lastSession),
    done: holdDuring(applier, whileThere),
  });
  const due = overlay.isEmpty
    ? { promise: applier.between(take), cancel: () => undefined }
    : reader.exactly((_, behind) => {
        if (behind !== null) throw behind.why;
        return take();
      });
  const { point, session, ...taken } = await arrived(due);
  return { point, snapshot: await finished(taken), session };
}

interface Taken {
  readonly snapshot: StoreSnapshot;
  readonly done: Promise<void>;
}

/** The applier stands between two records: it stays there until `whileThere` is done. */
function holdDuring(applier: Applier, whileThere: WhileThere): Promise<void> {
  if (whileThere === undefined) return Promise.resolve();
  const done = whileThere();
  applier.hold(done);
  return done;
}

async function finished({ snapshot, done }: Taken): Promise<StoreSnapshot> {
  try {
    await done;
    return snapshot;
  } catch (error) {
    await snapshot.close();
    throw error;
  }
}
