// A master that is away for so long that an archive is followed instead; and a replica that is away while its master takes backups and lets older ones go: what is kept then of the log
// is kept for the replica alone, up to the cap of the run.

import { backUp, expire } from './backups.js';
import type { Cluster } from './cluster.js';
import type { Prng } from './world/prng.js';

const awayMs = 6_000;
const masterAwayMs = [1_500, 4_000, 12_000];
/** More than are kept. */
const backups = 4;

/** It is up again long before anybody would give it up for good. */
export function masterAway(cluster: Cluster, random: Prng): void {
  const site = cluster.master;
  cluster.downUntil.set(site, cluster.world.nowMs + random.pick(masterAwayMs));
  site.crash(random.pick(['kill', 'power-cut']));
}

export function replicaAway(cluster: Cluster, random: Prng): void {
  if (cluster.replicas.length === 0) return;
  const site = random.pick(cluster.replicas);
  cluster.downUntil.set(site, cluster.world.nowMs + awayMs);
  site.crash('kill');
  cluster.spawn('replica away', async () => {
    for (let count = 0; count < backups; count++) {
      await cluster.pause(random.between(100, 900));
      const { areFaultsOver, history, master } = cluster;
      // Nobody takes away a backup that is being looked at in the end.
      if (areFaultsOver) return;
      master.observeLog();
      await backUp(history, master);
      await expire(history, master);
    }
  });
}
