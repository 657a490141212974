// In the end of some runs a replica has the archive alone to follow: its master is down, has given up the log that
// it needs, or is not there even to make it from.

import { backUp, expire } from './backups.js';
import type { Cluster } from './cluster.js';
import type { AloneKind } from './plan.js';
import { answerMs, convergeMs, isConverged, settleArchive } from './settle.js';
import type { Site } from './site.js';

const writeMs = 400;
/** More than are kept, with what is written between them. */
const backups = 3;
/** What is held for a replica then: less than is written. */
const holdBytes = 200;

export async function leadByArchive(cluster: Cluster, kind: AloneKind): Promise<void> {
  const { history, master, world } = cluster;
  const site = cluster.replicas.at(-1);
  const isSound = history.events.every(({ type }) => type !== 'corrupted' && type !== 'lied');
  if (site === undefined || !isSound || master.archiver === null) return;
  if (!isConverged(cluster, site)) return;
  cluster.downUntil.set(site, Infinity);
  site.crash('kill');
  await write(cluster);
  if (kind === 'log-gone') await giveUp(cluster);
  await settleArchive(cluster);
  const untilSeq = master.archiver?.status().archivedSeq ?? 0;
  if (kind !== 'log-gone') {
    cluster.downUntil.set(master, Infinity);
    await world.finish(cluster.closeSite(master), convergeMs);
  }
  if (kind === 'bootstrap') cluster.makeAnew(site);
  const from = history.events.length;
  cluster.downUntil.delete(site);
  await world.run(() => appliedSeq(site) >= untilSeq, convergeMs);
  const wasMadeAnew = history.events
    .slice(from)
    .some((event) => event.type === 'created' && event.database === site.name);
  history.add({
    type: 'led-by-archive',
    database: site.name,
    untilSeq,
    seq: appliedSeq(site),
    wasMadeAnew: wasMadeAnew && kind !== 'bootstrap',
    reason: reasonOf(site),
  });
  cluster.downUntil.delete(master);
}

function appliedSeq({ database }: Site): number {
  return database?.applied().seq ?? 0;
}

function reasonOf({ database, follower }: Site): string {
  if (database === null) return 'it is not up';
  const status = follower?.status();
  return `${status?.state} ${status?.code ?? ''} ${status?.reason ?? ''}`;
}

async function write(cluster: Cluster): Promise<void> {
  const { world } = cluster;
  cluster.startWriters();
  await world.settle(writeMs);
  cluster.stopClients();
  await world.run(() => cluster.writers.every(({ pending }) => pending === 0), answerMs);
}

/** The log that the replica needs is kept for nobody any more. */
async function giveUp(cluster: Cluster): Promise<void> {
  const { history, master, plan, world } = cluster;
  const { database } = master;
  if (database === null) return;
  const set = async (replicaHoldBytes: number, archiveKeepHours: number): Promise<void> => {
    const setting = database.system.setSettings({ archiveKeepHours, replicaHoldBytes });
    await world.finish(master.wait(setting), convergeMs);
  };
  // The archive lets nothing go meanwhile, though no backup needs it any more.
  await set(holdBytes, 1);
  for (let count = 0; count < backups; count++) {
    await world.finish(backUp(history, master), convergeMs);
    await world.finish(expire(history, master), convergeMs);
    await write(cluster);
  }
  await set(plan.replicaHoldBytes, plan.archiveKeepHours);
}
