// What a host says of a store that is known to be damaged, and of backups that nobody proved.

import { decodeManifest } from '@pamina/format';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import { collect, Workbench } from './workbench.js';

let bench: Workbench;
let host: Host;

beforeEach(async () => {
  bench = await Workbench.open();
  host = (await bench.server()).host;
  await host.create('cities');
  for (let at = 0; at < 50; at++) await host.put('cities', `city-${at}`, `${at}`);
});
afterEach(() => bench.close());

const lose = (): Promise<void> =>
  host.database('cities').store.level.del(Buffer.from('\u0002city-7'));

it('P9 a store that verify refutes is damaged in status and job log, also offline, until it is rebuilt', async () => {
  await host.backup('cities');
  expect((await host.status('cities')).damage).toBeNull();
  await lose();
  await host.put('cities', 'later', '1');
  expect(await host.verify('cities', { deep: true })).toMatchObject({ verdict: 'damaged' });
  const damage = {
    found: 'content',
    message: expect.stringContaining('1 keys') as string,
    hint: expect.stringContaining('pamina rebuild cities') as string,
  };
  expect((await host.status('cities')).damage).toMatchObject(damage);
  await expect(host.backup('cities', { form: 'physical' })).rejects.toMatchObject({
    code: 'STORE_REFUTED',
  });
  await host.backup('cities', { incremental: true });
  await host.stop('cities');
  expect((await host.status('cities')).damage).toMatchObject(damage);
  await host.rebuild('cities', {});
  await host.start('cities');
  expect((await host.status('cities')).damage).toBeNull();
  await host.backup('cities');
  const events = await collect(host.jobLog('cities'));
  expect(events.find(({ event }) => event === 'store-damaged')).toMatchObject({ level: 'error' });
});

it('P9 a store that hash refutes is damaged too', async () => {
  await host.backup('cities');
  await lose();
  expect(await host.hash('cities')).toMatchObject({ verified: false });
  expect((await host.status('cities')).damage).toMatchObject({ found: 'backup' });
});

it('P9 a restore in the place of a damaged one is not damaged', async () => {
  const { id } = await host.backup('cities');
  await lose();
  await host.hash('cities');
  expect((await host.status('cities')).damage).not.toBeNull();
  await host.restore('cities', { backup: id, recover: 'all', stop: true });
  expect((await host.status('cities')).damage).toBeNull();
});

it('P9 a backup that is not proved is listed as that, and told when its database comes up, until verify proves it', async () => {
  await host.backup('cities');
  await host.put('cities', 'later', '1');
  await host.set('cities', 'backupAudit', 'false');
  const { id } = await host.backup('cities', { form: 'physical' });
  const first = async () => (await host.backups('cities'))[0];
  const told = async (): Promise<number> => {
    const events = await collect(host.jobLog('cities'));
    return events.filter(({ event }) => event === 'backup-unproved').length;
  };
  expect(await first()).toMatchObject({ id, unproved: 'no hash of its state was recorded' });
  const why = 'its state is being read, or the process ended meanwhile';
  await noteSkipped(join(bench.data, 'cities', 'backups', id), why);
  await host.stop('cities');
  await host.start('cities');
  expect(await first()).toMatchObject({ id, unproved: why, isDoubted: false });
  expect(await told()).toBe(1);
  expect(await host.verify('cities', { backup: id, deep: true })).toMatchObject({
    verdict: 'verified',
  });
  expect(await first()).toMatchObject({ id, unproved: null });
  await host.stop('cities');
  await host.start('cities');
  expect(await told()).toBe(1);
});

/** As an audit does that is cut off by a kill. */
async function noteSkipped(folder: string, skipped: string): Promise<void> {
  const { chain, id, position } = decodeManifest(await readFile(join(folder, 'manifest')));
  const about = { version: 1, backup: id, seq: position.seq, chain, stateHash: null };
  const content = { ...about, skipped, isDoubted: false };
  const checksum = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  await writeFile(join(folder, 'audit.json'), JSON.stringify({ checksum, ...content }));
}
