// The end of a run: no more faults, everything comes up, every replica reaches its master, and all that
// is there is looked at once more.

import { Database } from '@pamina/engine';
import { toPaminaError } from '@pamina/format';
import { backUp, fullBackups, recover, restoreAside, verifyAll } from './backups.js';
import type { Cluster } from './cluster.js';
import { readPlace, recoverAside, sourcesOf } from './recoveries.js';
import type { Succession } from './plan.js';
import { ProcessEnded, type Site } from './site.js';
import { TakeOver } from './take-over.js';

/** P16: connect timeouts, silence and the longest wait between two attempts, each a few times. */
const convergeMs = 240_000;
const answerMs = 60_000;
/** How long clients read after a succession. */
const readMs = 800;

export async function conclude(cluster: Cluster): Promise<void> {
  const { succession } = cluster.plan;
  if (succession !== null && cluster.replicas.length > 0) await succeed(cluster, succession);
  else if (cluster.plan.endsWithFailover && cluster.replicas.length > 0) await failOver(cluster);
  else {
    heal(cluster);
    cluster.stopClients();
    await settle(cluster);
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

/** Until every commit has its answer and every replica is where its master is. */
async function settle(cluster: Cluster): Promise<void> {
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
async function settleArchive({ history, master, world }: Cluster): Promise<void> {
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

function isConverged(cluster: Cluster, site: Site): boolean {
  const { database } = cluster.master;
  if (!site.isOpen || site.database === null || !cluster.master.isOpen || database === null) {
    return false;
  }
  const [mine, wanted] = [site.database.applied(), database.durable()];
  return mine.seq === wanted.seq && database.applied().seq === wanted.seq;
}

function whyNot(cluster: Cluster, site: Site): string {
  if (!cluster.master.isOpen) return `${cluster.master.name} is not up`;
  if (!site.isOpen) return `${site.name} is not up`;
  const status = site.follower?.status();
  const at = `${site.database?.applied().seq} of ${cluster.master.database?.durable().seq}`;
  return `${at}, ${status?.state} ${status?.code ?? ''} ${status?.message ?? ''}`;
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
