// Servers that share no file find each other, and clients find them, by a directory in etcd.
import { connect } from '../../packages/pamina/src/connect.js';
import { describe, expect, it } from 'vitest';
import { EtcdServer, isEtcdLacking } from '../support/etcd.js';
import { createMaster, createReplica, statusOf } from '../support/following.js';
import { inScene, type Scene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';
import { until } from '../support/until.js';

const timeout = 120_000;

async function etcdOf(scene: Scene): Promise<EtcdServer> {
  const etcd = await EtcdServer.start();
  scene.atEnd(() => etcd.close());
  return etcd;
}

function served(scene: Scene, name: string, etcd: EtcdServer): Promise<ServedFolder> {
  return ServedFolder.started(scene, name, { environment: { PAMINA_DIRECTORY: etcd.address } });
}

describe.skipIf(isEtcdLacking)('servers with a directory in etcd', { timeout }, () => {
  it(
    'P11 a failover moves the name, clients follow it, and the old master does not write',
    inScene(async (scene) => {
      const etcd = await etcdOf(scene);
      const [first, second] = [
        await served(scene, 'first', etcd),
        await served(scene, 'second', etcd),
      ];
      const master = await createMaster(first, 'orders');
      await createReplica(second, 'orders-replica', master);
      const db = connect('pamina://orders', { directory: etcd.address, timeoutMs: 60_000 });
      scene.atEnd(() => db.close());
      await db.put('before', '1');

      await first.kill();
      // The entry of who crashed stays.
      expect(await etcd.keys('pamina/names/')).toEqual([
        'pamina/names/orders',
        'pamina/names/orders-replica',
      ]);
      await second.administration.failover('orders');
      await db.put('after', '2');
      expect(await db.getMany(['before', 'after'])).toEqual(['1', '2']);
      expect(await etcd.read('pamina/names/orders')).toContain(second.address);

      await first.start();
      await expect(first.administration.put('orders', 'x', 'y')).rejects.toMatchObject({
        code: expect.stringMatching(/^(DATABASE_OFFLINE|FENCED)$/) as string,
      });
    }),
  );

  it(
    'a database that is stopped in order is in it no more, and is again when it is started',
    inScene(async (scene) => {
      const etcd = await etcdOf(scene);
      const first = await served(scene, 'first', etcd);
      await createMaster(first, 'orders');
      expect(await etcd.keys('pamina/')).toHaveLength(2);
      await first.stop();
      expect(await etcd.keys('pamina/')).toEqual([]);
      await first.start();
      await until('it is entered', async () => (await etcd.keys('pamina/')).length === 2);
    }),
  );

  it(
    'a database comes up while etcd is away, and is entered once it is back',
    inScene(async (scene) => {
      const etcd = await etcdOf(scene);
      const first = await served(scene, 'first', etcd);
      const master = await createMaster(first, 'orders');
      await first.stop();
      await etcd.kill();
      await first.start();
      await first.administration.put('orders', 'a', '1');
      expect((await statusOf(master)).state).toBe('open');
      await etcd.start();
      await until('it is entered', async () => {
        const text = await etcd.read('pamina/names/orders');
        return text?.includes(first.address) ?? false;
      });
    }),
  );
});
