// How the database of a replica is made: from a backup of its master, or, by the server's steps, from an archive
// alone.

import {
  backupToFollow,
  beginningSource,
  findArchivePlace,
  layLogBeginning,
  restore,
} from '@pamina/backup';
import { Database, readControl, type SourceArchive } from '@pamina/engine';
import { toPaminaError } from '@pamina/format';
import type { ArchiveHost } from './archive-host.js';
import { copyOf, fullBackups } from './backups.js';
import { ProcessEnded, type Site } from './site.js';

export interface Replication {
  /** Beside the master; null for a replica that has none. */
  readonly source: SourceArchive | null;
  /** Name of the database that is followed. */
  readonly master: string;
  readonly applyDelayMs: number;
}

/** Lays the database of a replica out from the newest backup of `from` that is good. False if there is none. */
export async function layOutReplica(
  site: Site,
  from: Site,
  replication: Replication,
): Promise<boolean> {
  const { env } = site.host;
  await site.wait(env.disk.removeTree(site.folder));
  for (const id of fullBackups(from).reverse()) {
    try {
      const source = copyOf(from, id);
      await site.wait(restore({ env, source, folder: site.folder, name: site.databaseName }));
    } catch (error) {
      if (error instanceof ProcessEnded || toPaminaError(error).code !== 'BACKUP_INVALID')
        throw error;
      continue;
    }
    await becomeReplica(site, replication);
    return true;
  }
  return false;
}

/** With its master down. Throws what a person would be told, BACKUP_NOT_FOUND where nothing leads on. */
export async function layOutFromArchive(
  site: Site,
  archive: ArchiveHost,
  replication: Replication & { readonly source: SourceArchive },
): Promise<void> {
  const { env } = site.host;
  const { folder } = site;
  await site.wait(env.disk.removeTree(folder));
  const { signal } = new AbortController();
  const opened = await site.wait(archive.open(site.host));
  const about = { name: replication.source.database, pattern: null, signal };
  const place = await site.wait(findArchivePlace(opened, about));
  const backup = await site.wait(backupToFollow(opened, place, signal));
  const { databaseName: name } = site;
  await site.wait(restore({ env, source: backup.source, folder, name }));
  const control = await site.wait(readControl(env.disk, folder));
  if (control === null) throw new Error(`${site.name} has no control file`);
  const timelineIds = new Set(control.timelines.map(({ id }) => id));
  const around = { seq: control.base.seq, timelineIds };
  const beginning = beginningSource(opened, place, around, signal);
  await site.wait(layLogBeginning({ env, folder, source: beginning }));
  await becomeReplica(site, replication);
}

async function becomeReplica(
  site: Site,
  { applyDelayMs, master, source: sourceArchive }: Replication,
): Promise<void> {
  const { env } = site.host;
  const database = await site.wait(Database.open(site.folder, { env, access: 'read' }));
  const apply =
    applyDelayMs === 0 ? null : { delayMs: applyDelayMs, paused: false, since: env.clock.now() };
  const change = { type: 'replica', master, simultaneousQuery: true, apply } as const;
  await site.wait(
    database.updateControl(sourceArchive === null ? change : { ...change, sourceArchive }),
  );
  await site.wait(database.close());
}
