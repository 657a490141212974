// Physical backups of databases that write no log: replicas, replicas of replicas, databases that are
// stopped. Copies and new replicas are made from each of them.

import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import { env, eventually, Workbench } from './workbench.js';

let bench: Workbench;
let master: Host;
let other: Host;
let third: Host;

beforeEach(async () => {
  bench = await Workbench.open();
  master = (await bench.server()).host;
  other = (await bench.server({ data: 'other' })).host;
  third = (await bench.server({ data: 'third' })).host;
  await master.create('cities');
  await master.set('cities', 'replicationDelayMs', '0');
  for (let i = 0; i < 50; i++) await master.put('cities', `key-${i}`, `${i} `.repeat(400));
  await other.replicate('copy', { master: 'cities' });
  await sameAsMaster(other, 'copy');
});
afterEach(() => bench.close());

async function sameAsMaster(host: Host, name: string): Promise<void> {
  const { position } = await master.status('cities');
  const status = await eventually(
    () => host.status(name),
    ({ applied, state }) => applied === position || /failed|diverged|gone|mismatch/.test(state),
  );
  expect(status).toMatchObject({ applied: position });
  const hashes = await Promise.all([master.hash('cities'), host.hash(name)]);
  expect(hashes[1]).toMatchObject({ stateHash: hashes[0].stateHash });
}

const backupFolder = (data: string, name: string, id: string): string =>
  join(bench.folder, data, name, 'backups', id);

/** What the backup is restored to, by its folder alone. */
async function restored(folder: string): Promise<{ position: string; stateHash: string }> {
  await third.create('restored', { fromBackup: folder });
  const { position, stateHash } = await third.hash('restored');
  await third.delete('restored', { keepBackups: false });
  return { position, stateHash };
}

/** In three steps, as a person makes it from a backup that is not the master's own. */
async function replicaFrom(folder: string, name: string, follows: string): Promise<void> {
  await third.create(name, { fromBackup: folder });
  await master.allow('cities', name);
  await third.replicate(name, { master: follows });
}

it('P3 a replica and a replica of a replica give physical backups of exactly their position', async () => {
  await replicaFrom(
    backupFolder('data', 'cities', (await master.backup('cities')).id),
    'last',
    'copy',
  );
  await master.put('cities', 'in the middle', 'of a segment');
  await sameAsMaster(other, 'copy');
  await sameAsMaster(third, 'last');
  const { position, stateHash } = await master.hash('cities');
  const taken = [
    { data: 'other', name: 'copy', ...(await other.backup('copy', { form: 'physical' })) },
    { data: 'third', name: 'last', ...(await third.backup('last', { form: 'physical' })) },
  ];
  for (const { data, id, name, ...backup } of taken) {
    expect(backup).toMatchObject({ form: 'physical', position, problem: null });
    expect(await restored(backupFolder(data, name, id))).toEqual({ position, stateHash });
  }
  expect((await master.status('cities')).position).toBe(position);
});

it('P3 P5 a new replica from a physical backup of a replica, in the middle of a segment, follows the master', async () => {
  await master.put('cities', 'in the middle', 'of a segment');
  await sameAsMaster(other, 'copy');
  const { id } = await other.backup('copy', { form: 'physical' });
  await master.put('cities', 'behind', 'the backup');
  await replicaFrom(backupFolder('other', 'copy', id), 'new', 'cities');
  await sameAsMaster(third, 'new');
  // What was laid out is log like any other: after a restart it goes on, and a switch closes it.
  await third.stop('new');
  await master.backup('cities');
  await master.put('cities', 'in the next', 'segment');
  await third.start('new');
  await sameAsMaster(third, 'new');
  const logs = await Promise.all([logOf('data', 'cities'), logOf('third', 'new')]);
  expect([...logs[1].keys()].length).toBeGreaterThan(0);
  for (const [name, bytes] of logs[1]) expect(logs[0].get(name), name).toBe(bytes);
});

it('P3 one that follows a replica, made from that replica’s own backup, in three steps and made anew', async () => {
  await master.put('cities', 'in the middle', 'of a segment');
  await sameAsMaster(other, 'copy');
  const { id } = await other.backup('copy', { form: 'physical' });
  await master.put('cities', 'behind', 'the backup');
  await replicaFrom(backupFolder('other', 'copy', id), 'last', 'copy');
  await sameAsMaster(third, 'last');
  await third.replicate('last', { master: 'copy', recreate: true });
  await master.put('cities', 'later', 'still');
  await sameAsMaster(third, 'last');
});

it('P3 stopped, a master and a replica are backed up in this form, and copies follow', async () => {
  await master.stop('cities');
  await other.stop('copy');
  const ofMaster = await master.backup('cities', { form: 'physical' });
  const ofReplica = await other.backup('copy', { form: 'physical' });
  const { position, stateHash } = await master.hash('cities');
  expect(ofMaster).toMatchObject({ form: 'physical', position, stateHash: null });
  expect(await restored(backupFolder('data', 'cities', ofMaster.id))).toEqual({
    position,
    stateHash,
  });
  const { stateHash: before } = await other.hash('copy');
  expect(await restored(backupFolder('other', 'copy', ofReplica.id))).toMatchObject({
    position: ofReplica.position,
    stateHash: before,
  });
  await master.start('cities');
  await replicaFrom(backupFolder('data', 'cities', ofMaster.id), 'of-master', 'cities');
  await replicaFrom(backupFolder('other', 'copy', ofReplica.id), 'of-replica', 'cities');
  await master.put('cities', 'after', 'the start');
  await sameAsMaster(third, 'of-master');
  await sameAsMaster(third, 'of-replica');
});

/** The closed segments of a database, by name. */
async function logOf(data: string, name: string): Promise<Map<string, string>> {
  const host = data === 'data' ? master : third;
  const { log } = host.database(name);
  const found = new Map<string, string>();
  for (const segment of log.segments().filter(({ closed }) => closed)) {
    found.set(segment.name, Buffer.from(await env.disk.readFile(segment.path)).toString('hex'));
  }
  return found;
}
