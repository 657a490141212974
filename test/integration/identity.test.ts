// Who may follow whom: what is not this master's history is refused, loudly, and nothing is applied.
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  createMaster,
  createReplica,
  expectEqualStates,
  seqOf,
  statusOf,
  untilLevel,
  untilState,
  type Place,
} from '../support/following.js';
import { filesBelow } from '../support/damage.js';
import { inScene, type Scene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';

interface Pair {
  readonly here: ServedFolder;
  readonly there: ServedFolder;
}

async function twoServers(scene: Scene): Promise<Pair> {
  return {
    here: await ServedFolder.started(scene, 'main'),
    there: await ServedFolder.started(scene, 'standby'),
  };
}

/** Refused by code, and the database is what it was before. */
async function expectRefused(replica: Place, master: string, code: string): Promise<void> {
  const before = await statusOf(replica);
  const refused = replica.served.administration.replicate(replica.name, { master });
  await expect(refused).rejects.toMatchObject({ code });
  const shell = await replica.served.pamina('replicate', replica.name, '--master', master);
  expect(shell.status).not.toBe(0);
  expect(shell.stderr).toMatch(new RegExp(`^${code}: .+\\. .+`));
  const { durable, type } = await statusOf(replica);
  expect({ durable, type }).toEqual({ durable: before.durable, type: before.type });
}

it(
  'P5 a replica made from the backup of another database is refused by the pattern',
  inScene(async (scene) => {
    const { here, there } = await twoServers(scene);
    await createMaster(here, 'cities');
    await createMaster(here, 'towns');
    await here.administration.backup('towns');
    await here.administration.allow('cities', 'cities-replica');
    await there.administration.create('cities-replica', { fromBackup: 'pamina://towns' });
    const replica = { served: there, name: 'cities-replica' };
    await expectRefused(replica, 'cities', 'PATTERN_MISMATCH');
  }),
);

it(
  'P5 a replica whose master was exchanged for another database of the same name stops with pattern-mismatch',
  inScene(async (scene) => {
    const { here, there } = await twoServers(scene);
    const master = await createMaster(here, 'cities');
    await here.administration.put('cities', 'paris', 'FR');
    const replica = await createReplica(there, 'cities-replica', master);
    const { applied } = await statusOf(replica);
    await here.administration.stop('cities');
    await here.administration.delete('cities');
    await createMaster(here, 'cities');
    await here.administration.allow('cities', 'cities-replica');
    for (let i = 0; i < 20; i += 1) await here.administration.put('cities', `other-${i}`, 'x');
    const stopped = await untilState(replica, ['pattern-mismatch']);
    expect(stopped.applied).toBe(applied);
    expect(stopped.message).not.toBeNull();
  }),
);

it(
  'P5 no replica is made from an initial backup',
  inScene(async (scene) => {
    const { here, there } = await twoServers(scene);
    await createMaster(here, 'cities');
    await here.administration.allow('cities', 'cities-replica');
    const initial = join(here.dataFolder, 'cities/backups/initial');
    await there.administration.create('cities-replica', { fromBackup: initial });
    const replica = { served: there, name: 'cities-replica' };
    await expectRefused(replica, 'cities', 'BACKUP_INITIAL');
  }),
);

it(
  'P5 P14 a replica whose name is not permitted is refused, follows when it is, and stops when it no longer is',
  inScene(async (scene) => {
    const { here, there } = await twoServers(scene);
    const master = await createMaster(here, 'cities');
    await here.administration.backup('cities');
    await there.administration.create('cities-replica', { fromBackup: 'pamina://cities' });
    const replica = { served: there, name: 'cities-replica' };
    await expectRefused(replica, 'cities', 'NOT_PERMITTED');

    await here.administration.allow('cities', 'cities-replica');
    await there.administration.replicate('cities-replica', { master: 'cities' });
    await here.administration.put('cities', 'paris', 'FR');
    await untilLevel(replica, master);
    await expectEqualStates(master, replica);

    await here.administration.deny('cities', 'cities-replica');
    const stopped = await untilState(replica, ['not-permitted']);
    expect(stopped.message).not.toBeNull();
    await here.administration.put('cities', 'vienna', 'AT');
    expect(seqOf((await statusOf(master)).position)).toBeGreaterThan(seqOf(stopped.applied));

    await here.administration.allow('cities', 'cities-replica');
    await there.administration.replicate('cities-replica', { master: 'cities' });
    await untilLevel(replica, master);
    await expectEqualStates(master, replica);
  }),
);

it(
  'P3 P5 a master restored from a backup without recovery is noticed by its replica, which stops as diverged and can be made anew',
  inScene(async (scene) => {
    const { here, there } = await twoServers(scene);
    const master = await createMaster(here, 'cities');
    const replica = await createReplica(there, 'cities-replica', master);
    await here.administration.put('cities', 'paris', 'FR');
    const { id } = await here.administration.backup('cities');
    for (let i = 0; i < 10; i += 1) await here.administration.put('cities', `lost-${i}`, 'x');
    await untilLevel(replica, master);
    const { applied } = await statusOf(replica);
    const kept = scene.path('kept-backup');
    await cp(join(here.dataFolder, 'cities/backups', id), kept, { recursive: true });

    await here.administration.stop('cities');
    await here.administration.delete('cities');
    await here.administration.create('cities', { fromBackup: kept });
    await here.administration.start('cities');
    for (let i = 0; i < 30; i += 1) await here.administration.put('cities', `new-${i}`, 'y');

    const stopped = await untilState(replica, ['diverged']);
    expect(stopped.applied).toBe(applied);
    expect(stopped.message).toContain('--recreate');
    await there.administration.replicate('cities-replica', { master: 'cities', recreate: true });
    await untilLevel(replica, master);
    await expectEqualStates(master, replica);
  }),
);

it(
  'P4 P10 log that a replica needs is kept for it; deleted under it the replica stops with log-gone, not with a gap',
  inScene(async (scene) => {
    const { here, there } = await twoServers(scene);
    const master = await createMaster(here, 'cities');
    const replica = await createReplica(there, 'cities-replica', master);
    const { applied } = await statusOf(replica);
    await there.stop();
    // Each backup switches the log, and with one generation nothing but the replica needs the old.
    await here.administration.set('cities', 'backupGenerations', '2');
    for (let i = 0; i < 4; i += 1) {
      await here.administration.put('cities', `away-${i}`, 'x');
      await here.administration.backup('cities');
    }
    await here.administration.put('cities', 'after', 'x');
    const { firstSeq } = (await statusOf(master)).log;
    expect(firstSeq).toBeLessThanOrEqual(seqOf(applied) + 1);

    await here.stop();
    const segments = await filesBelow(join(here.dataFolder, 'cities/log'), '.seg');
    expect(segments.length).toBeGreaterThan(3);
    for (const path of segments.slice(0, -2)) await rm(path);
    await here.start();
    expect((await statusOf(master)).state).toBe('open');
    await there.start();
    const stopped = await untilState(replica, ['log-gone']);
    expect(stopped.applied).toBe(applied);
    expect(stopped.message).toContain('--recreate');

    await there.administration.replicate('cities-replica', { master: 'cities', recreate: true });
    await untilLevel(replica, master);
    await expectEqualStates(master, replica);
  }),
);
