// What a feed and a follower do between two databases of one process: the master's log, carried over.
import type { Database } from '@pamina/engine';

/** Carries everything durable, in chunks of about `bytesMax`; each is applied before the next one comes. */
export async function carryLog(
  master: Database,
  replica: Database,
  bytesMax: number,
): Promise<void> {
  const at = replica.resumePoint().segment;
  const cursor =
    at === null
      ? await master.log.openCursor({ seq: replica.durable().seq + 1 })
      : await master.log.openCursorAt(at.name, at.offset);
  try {
    for (;;) {
      const chunk = await cursor.next(bytesMax);
      if (chunk === null) return;
      await replica.receive({ name: chunk.name, offset: chunk.offset, bytes: chunk.bytes });
      await replica.whenApplied(replica.durable().seq);
    }
  } finally {
    await cursor.close();
  }
}
