// A replica of a database of the simulated world on the same machine, fed by hand: what its transactions see is
// what is asked here, not how log comes to it.
import { backupsFolderOf, folderSource, restore, takeBackup } from '@pamina/backup';
import { Database } from '@pamina/engine';
import type { Env } from '@pamina/env';

export const replicaName = 'copy';
const chunkBytesMax = 65_536;

/** Level with its master in the end. The log says from then on what the master's transactions hold. */
export async function openReplica(env: Env, master: Database, folder: string): Promise<Database> {
  await master.permit(replicaName, { simultaneousQuery: true });
  // Compression is done by threads of the real machine, which no simulation can order.
  const { id } = await takeBackup(master, { compression: 'none' });
  const source = folderSource(env, `${backupsFolderOf(master.folder)}/${id}`);
  await restore({ env, source, folder, name: replicaName });
  const aside = await Database.open(folder, { env, access: 'read' });
  await aside.updateControl({
    type: 'replica',
    master: master.control.name,
    simultaneousQuery: true,
  });
  await aside.close();
  const replica = await Database.open(folder, { env });
  await level(master, replica);
  return replica;
}

/** Carries all that is durable on the master. */
export async function carry(master: Database, replica: Database): Promise<void> {
  const at = replica.resumePoint().segment;
  const next = { seq: replica.durable().seq + 1 };
  const cursor =
    at === null
      ? await master.log.openCursor(next)
      : await master.log.openCursorAt(at.name, at.offset);
  try {
    for (;;) {
      const chunk = await cursor.next(chunkBytesMax);
      if (chunk === null) return;
      await replica.receive({ name: chunk.name, offset: chunk.offset, bytes: chunk.bytes });
    }
  } finally {
    await cursor.close();
  }
}

/** Nobody writes to the master, and nobody reads under locks here. */
export async function level(master: Database, replica: Database): Promise<void> {
  await carry(master, replica);
  await replica.whenApplied(replica.durable().seq);
}
