// What happens to the archive of a cluster: its disk fails, fills up, and is expired by hand.

import { toPaminaError } from '@pamina/format';
import type { Cluster } from './cluster.js';
import type { CrashKind } from './site.js';
import { ProcessEnded } from './site.js';
import type { Prng } from './world/prng.js';

/** What a put, a list and a removal in an archive are made of. */
const single = [
  ['write', 'short write'],
  ['write', 'ENOSPC'],
  ['sync', 'lost'],
  ['sync folder', 'EIO'],
  ['create', 'EIO'],
  ['create', 'ENOSPC'],
  ['rename', 'EIO'],
  ['remove', 'EIO'],
  ['read', 'EIO'],
  ['open', 'EIO'],
  ['list', 'EIO'],
] as const;

export function archiveFault(cluster: Cluster, random: Prng): void {
  const { archive } = cluster;
  if (archive === null) return;
  const { disk } = archive.host;
  const note = (what: string): void => {
    cluster.history.add({ type: 'fault', database: 'archive', what });
  };
  const endsAfter = (ms: number, end: () => void): void =>
    cluster.spawn('relief of the archive', () => cluster.pause(ms).then(end));
  switch (random.pick(['once', 'once', 'trouble', 'full'] as const)) {
    case 'once': {
      const [operation, fault] = random.pick(single);
      const skip = random.below(8);
      disk.failNext({ operation }, fault, { skip });
      note(`after ${skip} the next ${operation} fails: ${fault}`);
      if (random.chance(0.5)) crashSoon(cluster, random);
      return;
    }
    case 'trouble': {
      const { rates } = disk.settings;
      const kind = random.pick(['writeError', 'readError', 'syncError', 'nameError'] as const);
      rates[kind] = random.pick([0.02, 0.1]);
      note(`${kind} at ${rates[kind]}`);
      endsAfter(random.between(100, 1_500), () => (rates[kind] = 0));
      return;
    }
    case 'full':
      disk.capacityBytes = disk.usedBytes + random.below(6_000);
      note(`${disk.freeBytes} bytes are left`);
      endsAfter(random.between(200, 4_000), () => (disk.capacityBytes = Infinity));
  }
}

/** Who archives goes down in the middle of it. */
function crashSoon(cluster: Cluster, random: Prng): void {
  const how: CrashKind = random.chance(0.5) ? 'kill' : 'power-cut';
  cluster.spawn('crash after a fault of the archive', async () => {
    await cluster.pause(random.pick([5, 40, 300]) * random.between(0.2, 1));
    if (!cluster.areFaultsOver) cluster.master.crash(how);
  });
}

export function archiveExpire(cluster: Cluster): void {
  const site = cluster.master;
  const { archiver } = site;
  if (archiver === null) return;
  cluster.spawn('expiry of the archive', async () => {
    try {
      await site.wait(archiver.expire());
    } catch (error) {
      if (error instanceof ProcessEnded) return;
      const { code, message } = toPaminaError(error);
      const database = site.name;
      cluster.history.add({ type: 'reported', database, by: 'verify', code, message });
    }
  });
}
