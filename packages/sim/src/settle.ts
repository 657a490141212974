// When faults are over: until every commit has its answer, and every replica and the archive are where their
// master is.

import type { Cluster } from './cluster.js';
import type { Site } from './site.js';
import { isFromArchive } from './sources.js';

/** P16: connect timeouts, silence and the longest wait between two attempts, each a few times. */
export const convergeMs = 240_000;
export const answerMs = 60_000;

/** Until every commit has its answer and every replica is where its master is. */
export async function settle(cluster: Cluster): Promise<void> {
  const { world, history, writers } = cluster;
  await world.run(() => writers.every(({ pending }) => pending === 0), answerMs);
  for (const writer of writers) {
    if (writer.pending > 0) history.add({ type: 'stuck', what: `${writer.pending} commits` });
  }
  const isUp = (site: Site): boolean => cluster.gone.has(site) || site.isOpen;
  await world.run(() => cluster.sites.every(isUp), convergeMs);
  if (cluster.gone.has(cluster.master)) return;
  await world.run(() => cluster.replicas.every((site) => isConverged(cluster, site)), convergeMs);
  for (const site of cluster.replicas) {
    const reason = isConverged(cluster, site) ? '' : whyNot(cluster, site);
    history.add({
      type: 'settled',
      database: site.name,
      master: cluster.master.name,
      isConverged: reason === '',
      reason,
    });
  }
  await settleArchive(cluster);
}

/** Until all that is durable is in the archive. */
export async function settleArchive({ history, master, world }: Cluster): Promise<void> {
  const { archiver, database } = master;
  if (archiver === null || database === null) return;
  const isDone = (): boolean => {
    const { archivedSeq, state } = archiver.status();
    return archivedSeq === database.durable().seq && (state === 'idle' || state === 'waiting');
  };
  await world.run(() => isDone() || master.archiver !== archiver, convergeMs);
  if (master.archiver !== archiver) return;
  const { archivedSeq, problem, state } = archiver.status();
  const reason = `${archivedSeq} of ${database.durable().seq}, ${state} ${problem?.message ?? ''}`;
  history.add({
    type: 'settled',
    database: `the archive of ${master.name}`,
    master: master.name,
    isConverged: isDone(),
    reason: isDone() ? '' : reason,
  });
  master.observeArchived();
}

export function isConverged(cluster: Cluster, site: Site): boolean {
  const { database } = cluster.master;
  if (!site.isOpen || site.database === null || !cluster.master.isOpen || database === null) {
    return false;
  }
  const [mine, wanted] = [site.database.applied(), database.durable()];
  // A master that is there is followed, whatever the archive has.
  if (isFromArchive(site)) return false;
  return mine.seq === wanted.seq && database.applied().seq === wanted.seq;
}

function whyNot(cluster: Cluster, site: Site): string {
  if (!cluster.master.isOpen) return `${cluster.master.name} is not up`;
  if (!site.isOpen) return `${site.name} is not up`;
  const status = site.follower?.status();
  const at = `${site.database?.applied().seq} of ${cluster.master.database?.durable().seq}`;
  const from = isFromArchive(site) ? 'from the archive, ' : '';
  return `${at}, ${from}${status?.state} ${status?.code ?? ''} ${status?.message ?? ''}`;
}
