// The end of a run: no more faults, everything comes up, every replica reaches its master, and all that
// is there is looked at once more.

import { Database } from '@pamina/engine';
import { toPaminaError } from '@pamina/format';
import { leadByArchive } from './archive-alone.js';
import { backUp, fullBackups, recover, restoreAside, verifyAll } from './backups.js';
import type { Cluster } from './cluster.js';
import { answerMs, convergeMs, settle } from './settle.js';
import { readPlace, recoverAside, sourcesOf } from './recoveries.js';
import type { Rivalry, Succession } from './plan.js';
import { Rivals } from './rivals.js';
import { ProcessEnded, type Site } from './site.js';
import { TakeOver } from './take-over.js';

/** How long clients read after a succession. */
const readMs = 800;

export async function conclude(cluster: Cluster): Promise<void> {
  const { rivalry, succession } = cluster.plan;
  if (succession !== null && cluster.replicas.length > 0) await succeed(cluster, succession);
  else if (rivalry !== null && cluster.replicas.length > 0) await rival(cluster, rivalry);
  else if (cluster.plan.endsWithFailover && cluster.replicas.length > 0) await failOver(cluster);
  else {
    heal(cluster);
    cluster.stopClients();
    await settle(cluster);
    if (cluster.plan.source !== null) {
      await leadByArchive(cluster, cluster.plan.source.alone);
      await settle(cluster);
    }
    if (cluster.plan.endsWithPromotion && cluster.replicas.length > 0) await promote(cluster);
  }
  await settle(cluster);
  await cluster.world.finish(lookAtAll(cluster), convergeMs);
  cluster.end();
  for (const site of cluster.sites) {
    if (site.database === null) continue;
    await cluster.world.finish(cluster.closeSite(site), convergeMs);
    if (!cluster.gone.has(site)) site.observeLog();
  }
  await cluster.world.run(() => cluster.underWay.length === 0, answerMs);
  for (const what of cluster.underWay) cluster.history.add({ type: 'stuck', what });
}

/** A replica takes over the master's name under load, and the old master becomes a replica of it. */
async function succeed(cluster: Cluster, plan: Succession): Promise<void> {
  const { archive, history, world } = cluster;
  const { name } = cluster.master;
  cluster.stopClients();
  heal(cluster);
  cluster.startWriters();
  const taking = new TakeOver(cluster, plan);
  cluster.spawn('succession', () => taking.run());
  await world.run(() => taking.isDone, convergeMs);
  if (!taking.isDone) {
    const reason = 'it is not done';
    const about = { database: `the succession of ${name}`, master: name, reason };
    history.add({ type: 'settled', ...about, isConverged: false });
    taking.giveUp();
    await world.run(() => taking.isDone, answerMs);
  }
  cluster.startReaders();
  await world.settle(readMs);
  cluster.stopClients();
  if (archive !== null && !cluster.gone.has(cluster.master)) {
    await world.finish(backUp(history, cluster.master), convergeMs);
  }
}

/** Failovers of the master meet, or one is cut short and goes on, under load. */
async function rival(cluster: Cluster, plan: Rivalry): Promise<void> {
  const { history, world } = cluster;
  cluster.stopClients();
  heal(cluster);
  await settle(cluster);
  if (cluster.gone.size > 0) return;
  const rivals = new Rivals(cluster, plan);
  cluster.spawn('failovers', () => rivals.run());
  await world.run(() => rivals.isDone, convergeMs);
  if (!rivals.isDone) {
    const about = { database: 'the failovers', master: cluster.master.name };
    history.add({ type: 'settled', ...about, isConverged: false, reason: 'they are not done' });
    rivals.giveUp();
    await world.run(() => rivals.isDone, answerMs);
  }
}

/** The master is lost under load and its replicas crash beside it: nobody is brought level with anybody. */
async function failOver(cluster: Cluster): Promise<void> {
  const { master, world } = cluster;
  const random = cluster.random.fork('failover');
  cluster.gone.add(master);
  master.crash('kill');
  for (const site of cluster.replicas) {
    if (random.chance(0.7)) site.crash(random.pick(['kill', 'power-cut']));
  }
  cluster.stopClients();
  heal(cluster);
  const isUp = (site: Site): boolean => cluster.gone.has(site) || site.isOpen;
  await world.run(() => cluster.replicas.every(isUp), convergeMs);
  await promote(cluster);
}

function heal(cluster: Cluster): void {
  const { world, sites, history, downUntil } = cluster;
  world.network.links.heal();
  for (const site of sites) {
    site.lie(false);
    site.host.disk.heal();
    cluster.calm(site);
    downUntil.delete(site);
  }
  cluster.archive?.host.disk.heal();
  cluster.areFaultsOver = true;
  history.add({ type: 'healed' });
}

/** The master is gone for good; the replica that has most of it takes its place, and is written to. */
async function promote(cluster: Cluster): Promise<void> {
  const { history, world } = cluster;
  const old = cluster.master;
  cluster.gone.add(old);
  old.observeLog();
  await world.finish(cluster.closeSite(old), convergeMs);
  if (old.host.isRunning) old.crash('kill');
  const candidates = cluster.replicas.filter((site) => site.database !== null);
  const [first] = candidates.sort((one, other) => durableSeq(other) - durableSeq(one));
  const database = first?.database;
  if (first === undefined || database === undefined || database === null) return;
  let seq = 0;
  const become = (): Promise<void> => {
    ({ seq } = database.durable());
    return database.becomeNormal('the master is gone');
  };
  try {
    await world.finish(first.atRest(become), convergeMs);
  } catch (error) {
    // What it received is damaged: that is said, and nobody takes the master's place.
    const { code, message } = toPaminaError(error);
    history.add({ type: 'open-failed', database: first.name, code, message });
    history.add({ type: 'reported', database: first.name, by: 'error', code, message });
    cluster.gone.add(first);
    return;
  }
  const { timelines } = database;
  const among = candidates.map(({ name }) => name);
  history.add({ type: 'promoted', database: first.name, seq, among, timelines });
  cluster.master = first;
  cluster.upstreams.delete(first);
  for (const site of cluster.replicas) cluster.upstreams.set(site, first);
  if (cluster.archive !== null) await archiveAnew(cluster, first);
  for (const site of cluster.replicas) await world.finish(follow(cluster, site, first), convergeMs);
  cluster.startClients();
  await world.settle(1_500);
  cluster.stopClients();
}

/** Who took the master's place has a place of its own in the archive, which begins with a backup. */
async function archiveAnew({ history, world }: Cluster, site: Site): Promise<void> {
  try {
    await world.finish(site.startArchiver(), convergeMs);
  } catch (error) {
    const { message: reason } = toPaminaError(error);
    const archive = `the archive of ${site.name}`;
    const { name: master } = site;
    history.add({ type: 'settled', database: archive, master, isConverged: false, reason });
  }
  await world.finish(backUp(history, site), convergeMs);
}

function durableSeq(site: Site): number {
  return site.database?.durable().seq ?? 0;
}

/** From now on `site` follows `master`. */
async function follow(cluster: Cluster, site: Site, master: Site): Promise<void> {
  cluster.downUntil.set(site, Infinity);
  try {
    if (master.database !== null) {
      await master.wait(master.database.permit(site.name, { simultaneousQuery: true }));
    }
    await cluster.closeSite(site);
    const { env } = site.host;
    const database = await site.wait(Database.open(site.folder, { env, access: 'read' }));
    await site.wait(database.updateControl({ master: master.name }));
    await site.wait(database.close());
  } catch (error) {
    if (error instanceof ProcessEnded) return;
    const { code, message } = toPaminaError(error);
    cluster.history.add({ type: 'open-failed', database: site.name, code, message });
  } finally {
    cluster.downUntil.delete(site);
  }
}

async function lookAtAll(cluster: Cluster): Promise<void> {
  const { history, world, plan } = cluster;
  for (const site of cluster.sites) {
    if (cluster.gone.has(site) || site.database === null) continue;
    await site.observeState();
    await readThroughLog(cluster, site);
    site.observeLog();
  }
  const { archive, master } = cluster;
  const first = cluster.sites[0] as Site;
  if (archive !== null && cluster.gone.has(first)) {
    // Of a machine that is lost the archive is what there is.
    await recoverAside(cluster, first, 'archive', { kind: 'all' });
  }
  if (cluster.gone.has(master)) return;
  await verifyAll(history, master);
  for (const source of ['own', 'backups'] as const) readPlace(cluster, master, source);
  if (plan.endsWithRecovery) await recover(history, master);
  const random = cluster.random.fork('targets');
  for (let count = 0; count < plan.targetsInTheEnd; count++) {
    const source = random.pick(sourcesOf(master, archive));
    await recoverAside(cluster, master, source, random);
  }
  const id = fullBackups(master).at(-1);
  if (id !== undefined && plan.endsWithRestore) await restoreAside(world, history, master, id);
}

/** The program's own verification of every record that is still there. */
async function readThroughLog(cluster: Cluster, site: Site): Promise<void> {
  const { database } = site;
  if (database === null) return;
  try {
    const records = database.log.records(database.log.firstSeq);
    for (;;) {
      const step = await site.wait(records.next());
      if (step.done === true) break;
    }
    cluster.history.add({ type: 'verified', database: site.name, what: 'log' });
  } catch (error) {
    if (error instanceof ProcessEnded) return;
    const { code, message } = toPaminaError(error);
    cluster.history.add({ type: 'reported', database: site.name, by: 'verify', code, message });
  }
}
