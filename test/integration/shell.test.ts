// Both ways to a replica, from the shell alone.
import { expect, it } from 'vitest';
import { expectEqualStates, untilLevel, type Place } from '../support/following.js';
import { inScene, type Scene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';

async function masterByShell(scene: Scene): Promise<Place> {
  const here = await ServedFolder.of(scene, 'main');
  // Created offline, then served.
  await here.json('create', 'cities');
  await here.json('set', 'cities', 'replicationDelayMs=0');
  await here.start();
  await here.json('put', 'cities', 'paris', '{"country":"FR"}');
  return { served: here, name: 'cities' };
}

it(
  'P3 P16 a replica in three steps from the shell: create from a backup, allow, replicate',
  inScene(async (scene) => {
    const master = await masterByShell(scene);
    const there = await ServedFolder.started(scene, 'standby');
    await master.served.json('backup', 'cities', '--tag', 'first');
    const created = await there.json(
      'create',
      'cities-replica',
      '--from-backup',
      'pamina://cities',
    );
    expect(created).toMatchObject({ type: 'unassigned', online: false });
    await master.served.json('allow', 'cities', 'cities-replica');
    const started = await there.json('replicate', 'cities-replica', '--master', 'cities');
    expect(started).toMatchObject({ type: 'replica', online: true });
    await master.served.json('put', 'cities', 'vienna', '{"country":"AT"}');
    const replica = { served: there, name: 'cities-replica' };
    await untilLevel(replica, master);
    await expectEqualStates(master, replica);
    const { replicas } = await master.served.json<{ replicas: unknown[] }>('replicas', 'cities');
    expect(replicas).toMatchObject([{ name: 'cities-replica', permitted: true, connected: true }]);
    const status = await there.pamina('status', 'cities-replica');
    for (const word of ['received', 'durable', 'applied']) expect(status.stdout).toContain(word);
  }),
);

it(
  'P3 P16 a replica in one step from the shell, without a backup before: it asks its master for one',
  inScene(async (scene) => {
    const master = await masterByShell(scene);
    const there = await ServedFolder.started(scene, 'standby');
    await there.json('replicate', 'cities-replica', '--master', 'cities');
    const replica = { served: there, name: 'cities-replica' };
    await untilLevel(replica, master);
    await master.served.json('put', 'cities', 'vienna', '{"country":"AT"}');
    await untilLevel(replica, master);
    await expectEqualStates(master, replica);
    const { backups } = await master.served.json<{ backups: { kind: string }[] }>(
      'backups',
      'cities',
    );
    expect(backups.map(({ kind }) => kind)).toEqual(['full', 'initial']);
  }),
);
