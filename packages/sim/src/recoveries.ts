// Recoveries to targets of every kind and from every place: on a machine of their own, looked at there,
// and written down with what the place held by then.

import {
  archivePlace,
  folderPlace,
  hashState,
  holdLogs,
  planRecovery,
  recoverTo,
  type RecoveryPlace,
  type RecoveryTarget,
} from '@pamina/backup';
import { Database } from '@pamina/engine';
import { toPaminaError, type Timeline } from '@pamina/format';
import type { ArchiveHost } from './archive-host.js';
import { backupsFolder } from './backups.js';
import type { History, PlaceContent, Point, RecoverySource, State } from './history.js';
import { placeOf, stateOf } from './observe.js';
import { contentOfBackups, contentOfDatabase } from './place-content.js';
import { drawTarget } from './recovery-target.js';
import { ProcessEnded, type Site } from './site.js';
import type { Host } from './world/host.js';
import type { Prng } from './world/prng.js';
import type { World } from './world/world.js';

export interface Recoveries {
  readonly world: World;
  readonly history: History;
  readonly archive: ArchiveHost | null;
}

/** Of its own files only while it is open: what others read of it goes through its process. */
export function sourcesOf(site: Site, archive: ArchiveHost | null): RecoverySource[] {
  const own: readonly RecoverySource[] = site.database === null ? [] : ['own', 'own', 'backups'];
  return archive === null ? [...own] : [...own, 'archive', 'archive', 'archive'];
}

/** A target is drawn where none is given. */
export async function recoverAside(
  recoveries: Recoveries,
  site: Site,
  source: RecoverySource,
  wanted: Prng | RecoveryTarget,
): Promise<void> {
  const { history, world } = recoveries;
  const database = site.name;
  const content = readPlace(recoveries, site, source);
  const timelines = timelinesOf(history, database);
  const target = 'kind' in wanted ? wanted : drawTarget(wanted, content, timelines);
  const host = world.newHost(`aside-${history.events.length}`);
  try {
    const work = recoverOn(host, target, () => placeFor(recoveries, site, source, host));
    // An archive needs nobody else.
    const reached = await (source === 'archive' ? work : site.wait(work));
    history.add({ type: 'target-reached', database, source, target, content, ...reached });
  } catch (error) {
    if (error instanceof ProcessEnded) return;
    const { code, message } = toPaminaError(error);
    const contents = [content, readPlace(recoveries, site, source)];
    history.add({ type: 'target-refused', database, source, target, contents, code, message });
    history.add({ type: 'reported', database, by: 'verify', code, message });
  }
}

/** What is there by its files, which is also written down. */
export function readPlace(
  { archive, history }: Recoveries,
  site: Site,
  source: RecoverySource,
): PlaceContent {
  if (source === 'archive') return archive?.observe(history, site.name) ?? nothing;
  const { disk } = site.host;
  const known = history.knownRecords;
  const content =
    source === 'own'
      ? contentOfDatabase(disk, site.folder, known, site.database?.durable().seq)
      : contentOfBackups(disk, backupsFolder(site), known);
  history.add({ type: 'place-read', database: site.name, source, content });
  return content;
}

const nothing: PlaceContent = { backups: [], records: [] };

async function placeFor(
  { archive }: Recoveries,
  site: Site,
  source: RecoverySource,
  host: Host,
): Promise<RecoveryPlace> {
  const { database } = site;
  if (source === 'archive' && archive !== null) {
    return archivePlace(await archive.open(host), { name: site.name, pattern: null });
  }
  if (database === null) throw new ProcessEnded(site.name);
  const { env } = site.host;
  if (source === 'backups') return folderPlace(env, backupsFolder(site));
  return folderPlace(env, site.folder, {
    pin: (fromSeq) => database.log.pin(fromSeq),
    settledSeq: () => database.log.durable.seq,
  });
}

async function recoverOn(
  { env, name }: Host,
  target: RecoveryTarget,
  openPlace: () => Promise<RecoveryPlace>,
): Promise<{ readonly point: Point; readonly state: State; readonly stateHash: string }> {
  const folder = `/data/${name}`;
  const place = await openPlace();
  const release = holdLogs(place, 0);
  try {
    const plan = await planRecovery({ place, target });
    await recoverTo({ env, plan, folder, name });
  } finally {
    release();
  }
  const database = await Database.open(folder, { env, access: 'read' });
  const { point, snapshot } = await database.stateSnapshot();
  const state = await stateOf(snapshot);
  const { stateHash } = await hashState(snapshot);
  await snapshot.close();
  await database.close();
  return { point: placeOf(point), state, stateHash };
}

function timelinesOf(history: History, name: string): readonly Timeline[] {
  const last = history.events.findLast(
    (event) => 'timelines' in event && event.database === name && event.timelines.length > 0,
  );
  return last !== undefined && 'timelines' in last ? last.timelines : [];
}
