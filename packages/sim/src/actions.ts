// What happens to a cluster: one function for each action of a plan. Faults that last undo themselves.

import { archiveExpire, archiveFault } from './archive-actions.js';
import { backUp, expire, fullBackups, restoreAside, verifyAll, recover } from './backups.js';
import { masterAway, replicaAway } from './away-action.js';
import type { Cluster } from './cluster.js';
import type { Action, ActionName } from './plan.js';
import { recoverAside, sourcesOf } from './recoveries.js';
import type { CrashKind, Site } from './site.js';
import { ProcessEnded } from './site.js';
import type { DiskFault, DiskOperation } from './world/disk/disk-faults.js';
import { Prng } from './world/prng.js';

type Act = (cluster: Cluster, random: Prng) => void;

const operations: readonly DiskOperation[] = [
  'write',
  'write',
  'sync',
  'sync',
  'read',
  'truncate',
  'sync folder',
  'create',
  'rename',
  'remove',
  'open',
];
const places = [
  undefined,
  '/log/',
  '/log/',
  '/store/',
  'control.json',
  'checkpoint.json',
  '/backups/',
];

function aSite(cluster: Cluster, random: Prng): Site {
  const [first, ...others] = cluster.sites as [Site, ...Site[]];
  return others.length === 0 || random.chance(0.6) ? first : random.pick(others);
}

function note(cluster: Cluster, site: Site, what: string): void {
  cluster.history.add({ type: 'fault', database: site.name, what });
}

function crash(cluster: Cluster, random: Prng, how: CrashKind): void {
  const site = aSite(cluster, random);
  const downMs = random.pick([0, 20, 300, 3_000]);
  cluster.downUntil.set(site, cluster.world.nowMs + downMs);
  site.crash(how);
}

/** One operation fails; more often than not the process, or the power, goes soon after. */
function diskFault(cluster: Cluster, random: Prng): void {
  const site = aSite(cluster, random);
  const isOfLog = random.chance(0.5);
  const operation = isOfLog
    ? random.pick(['write', 'sync', 'sync'] as const)
    : random.pick(operations);
  const path = isOfLog ? '.seg' : random.pick(places);
  const fault = faultOf(operation, random);
  const skip = random.below(isOfLog ? 3 : 8);
  site.host.disk.failNext({ operation, path }, fault, { skip });
  const where = path === undefined ? '' : ` in ${path}`;
  note(cluster, site, `after ${skip} the next ${operation}${where} fails: ${fault}`);
  if (random.chance(0.4)) return;
  const how: CrashKind = random.chance(0.35) ? 'kill' : 'power-cut';
  cluster.spawn('crash after a fault', async () => {
    await cluster.pause(random.pick([10, 60, 700]) * random.between(0.2, 1));
    if (!cluster.areFaultsOver) site.crash(how);
  });
}

function faultOf(operation: DiskOperation, random: Prng): DiskFault {
  if (operation === 'sync') return 'lost';
  if (operation === 'write') return random.pick(['short write', 'ENOSPC']);
  return operation === 'create' || operation === 'truncate'
    ? random.pick(['EIO', 'ENOSPC'])
    : 'EIO';
}

function diskTrouble(cluster: Cluster, random: Prng): void {
  const site = aSite(cluster, random);
  const { rates } = site.host.disk.settings;
  const rate = random.pick([0.005, 0.02, 0.1]);
  const kind = random.pick(['writeError', 'readError', 'syncError', 'nameError', 'stall'] as const);
  rates[kind] = kind === 'stall' ? rate * 4 : rate;
  note(cluster, site, `${kind} at ${rates[kind]}`);
  cluster.spawn('relief', async () => {
    await cluster.pause(random.between(100, 1_500));
    site.host.disk.settings.rates[kind] = 0;
    cluster.calm(site);
  });
}

function diskFull(cluster: Cluster, random: Prng): void {
  const site = aSite(cluster, random);
  const { disk } = site.host;
  disk.capacityBytes = disk.usedBytes + random.below(6_000);
  note(cluster, site, `${disk.freeBytes} bytes are left`);
  cluster.spawn('relief', async () => {
    await cluster.pause(random.between(200, 6_000));
    disk.capacityBytes = Infinity;
  });
}

function diskLies(cluster: Cluster, random: Prng): void {
  const site = aSite(cluster, random);
  site.lie(true);
  note(cluster, site, 'its syncs do nothing');
  cluster.spawn('relief', async () => {
    await cluster.pause(random.between(50, 800));
    site.lie(false);
  });
}

/** In a file of the log, of a backup or of the archive; what LevelDB's own files do is FACTS' matter, not a promise. */
function flipBit(cluster: Cluster, random: Prng): void {
  const site = aSite(cluster, random);
  const part = random.pick(['log', 'log', 'backup', 'archive'] as const);
  if (part === 'archive') {
    flipBitOfArchive(cluster, random);
    return;
  }
  const folder = `${site.folder}/${part === 'log' ? 'log' : 'backups'}`;
  const { disk } = site.host;
  const paths = disk
    .files(folder)
    .filter((path) => (part === 'log' ? path.endsWith('.seg') : !path.includes('/initial/')));
  const last = paths.at(-1);
  if (last === undefined) return;
  const isTail = part === 'log' && random.chance(0.5);
  const path = isTail ? last : random.pick(paths);
  const size = endOfContent(disk.durableBytes(path) ?? new Uint8Array(0));
  if (size === 0) return;
  const offset = isTail ? Math.max(0, size - 1 - random.below(600)) : random.below(size);
  disk.flipBit(path, offset, { bit: random.below(8) });
  cluster.history.add({ type: 'corrupted', database: site.name, path: `${path}:${offset}`, part });
  // Damage at the end shows when what is there is taken for the whole.
  if (isTail && random.chance(0.7)) site.crash('kill');
}

function flipBitOfArchive({ archive, history }: Cluster, random: Prng): void {
  if (archive === null) return;
  const { disk } = archive.host;
  const path = random.pick(disk.files(archive.folder));
  const size = disk.durableBytes(path)?.length ?? 0;
  if (size === 0) return;
  const offset = random.below(size);
  disk.flipBit(path, offset, { bit: random.below(8) });
  const what = `${path}:${offset}`;
  history.add({ type: 'corrupted', database: 'archive', path: what, part: 'archive' });
}

/** Without the zeros that are reserved behind it. */
function endOfContent(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

function networkTrouble(cluster: Cluster, random: Prng): void {
  const { links } = cluster.world.network;
  const { defaults } = links;
  Object.assign(defaults, {
    delayMs: random.pick([
      [0.1, 1],
      [1, 30],
      [20, 400],
    ]),
    loss: random.pick([0, 0.02, 0.2]),
    reorder: random.pick([0, 0.1, 0.4]),
    duplicate: random.pick([0, 0.1]),
  });
  const { loss, reorder, duplicate, delayMs } = defaults;
  const what = `delay ${delayMs.join(' to ')} ms, loss ${loss}, reordering ${reorder}, duplicates ${duplicate}`;
  cluster.history.add({ type: 'network', what });
}

function between(cluster: Cluster, random: Prng): [string, string] | null {
  const [one, ...others] = cluster.sites.map(({ name }) => name);
  if (one === undefined || others.length === 0) return null;
  const other = random.pick(others);
  return random.chance(0.5) ? [one, other] : [other, one];
}

function partition(cluster: Cluster, random: Prng): void {
  const ends = between(cluster, random);
  if (ends === null) return;
  const [from, to] = ends;
  const { links } = cluster.world.network;
  const isOneWay = random.chance(0.4);
  if (isOneWay) links.block(from, to);
  else links.partition(from, to);
  const what = `nothing goes from ${from} to ${to}${isOneWay ? '' : ' or back'}`;
  cluster.history.add({ type: 'network', what });
  cluster.spawn('relief', async () => {
    await cluster.pause(random.between(100, 5_000));
    links.unblock(from, to);
    links.unblock(to, from);
    cluster.history.add({ type: 'network', what: `${from} and ${to} hear each other again` });
  });
}

function halfOpen(cluster: Cluster, random: Prng): void {
  const ends = between(cluster, random);
  if (ends === null) return;
  const [host, peer] = ends;
  const isReset = random.chance(0.3);
  if (isReset) cluster.world.network.reset(host, peer);
  else cluster.world.network.forget(host, peer);
  const what = isReset
    ? `connections of ${host} and ${peer} are reset`
    : `${host} forgets its connections to ${peer}`;
  cluster.history.add({ type: 'network', what });
}

function clock(cluster: Cluster, random: Prng): void {
  const site = aSite(cluster, random);
  if (random.chance(0.3)) {
    site.host.clock.drift(random.between(0.9, 1.1));
    note(cluster, site, 'its clock drifts');
    return;
  }
  const ms = Math.round(random.pick([50, 5_000, 3_600_000]) * random.between(-1, 1));
  site.host.clock.jump(ms);
  note(cluster, site, `its clock jumps by ${ms} ms`);
}

function restart(cluster: Cluster, random: Prng): void {
  const site = aSite(cluster, random);
  const downMs = random.pick([0, 500]);
  cluster.spawn(`restart of ${site.name}`, async () => {
    cluster.downUntil.set(site, cluster.world.nowMs + downMs);
    await cluster.closeSite(site);
  });
}

function settings(cluster: Cluster, random: Prng): void {
  const { database } = cluster.master;
  if (database?.isWriter !== true) return;
  const site = cluster.master;
  cluster.spawn('settings', async () => {
    const replicationDelayMs = random.pick([0, 0, 200, 1_500]);
    try {
      if (random.chance(0.6)) await site.wait(database.system.setSettings({ replicationDelayMs }));
      else await site.wait(database.permit('somebody', { simultaneousQuery: random.chance(0.5) }));
    } catch (error) {
      if (error instanceof ProcessEnded) return;
      cluster.history.add({
        type: 'fault',
        database: site.name,
        what: `settings: ${String(error)}`,
      });
    }
  });
}

const onMaster =
  (what: string, work: (cluster: Cluster, site: Site, random: Prng) => Promise<void>): Act =>
  (cluster, random) => {
    const site = cluster.master;
    if (site.database !== null) cluster.spawn(what, () => work(cluster, site, random));
  };

const acts: Readonly<Record<ActionName, Act>> = {
  wait: () => undefined,
  kill: (cluster, random) => crash(cluster, random, 'kill'),
  'power-cut': (cluster, random) => crash(cluster, random, 'power-cut'),
  restart,
  'disk-fault': diskFault,
  'disk-trouble': diskTrouble,
  'disk-full': diskFull,
  'disk-lies': diskLies,
  'flip-bit': flipBit,
  'network-trouble': networkTrouble,
  partition,
  'half-open': halfOpen,
  clock,
  backup: onMaster('backup', ({ history }, site, random) =>
    backUp(history, site, { isTagged: random.chance(0.2) }),
  ),
  incremental: onMaster('incremental backup', ({ history }, site, random) =>
    backUp(history, site, { isIncremental: true, isTagged: random.chance(0.4) }),
  ),
  recover: (cluster, random) => {
    const sources = sourcesOf(cluster.master, cluster.archive);
    if (sources.length === 0) return;
    const source = random.pick(sources);
    cluster.spawn('recovery', () => recoverAside(cluster, cluster.master, source, random));
  },
  'archive-fault': archiveFault,
  'archive-expire': archiveExpire,
  restore: (cluster, random) => {
    const ids = fullBackups(cluster.master);
    if (ids.length === 0) return;
    const id = random.pick(ids);
    const { history, master, world } = cluster;
    cluster.spawn('restore', () => restoreAside(world, history, master, id));
  },
  verify: onMaster('verify', async ({ history }, site) => {
    await verifyAll(history, site);
    await recover(history, site);
  }),
  expire: onMaster('expire', ({ history }, site) => expire(history, site)),
  retention: onMaster('retention', async (_cluster, site) => {
    site.observeLog();
    await site.wait(site.database?.applyRetention() ?? Promise.resolve());
  }),
  settings,
  'replica-away': replicaAway,
  'master-away': masterAway,
  observe: (cluster, random) => {
    const site = random.pick(cluster.sites);
    if (site.database === null) return;
    site.observeLog();
    cluster.spawn('observe', () => site.observeState());
  },
};

export function act(cluster: Cluster, { name, seed }: Action): void {
  acts[name](cluster, new Prng(`action ${seed}`));
}
