// Recovery from an archive across a promotion: before the fork, at it, behind it on the new timeline, and what
// only the old master had; from an archive of the replica's own, and from one that it took over.
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import type { HostServer } from '../src/server.js';
import { collect, eventually, Workbench } from './workbench.js';

let bench: Workbench;
let masterServer: HostServer;
let master: Host;
let standby: Host;
let address: string;

beforeEach(async () => {
  bench = await Workbench.open();
  address = join(bench.folder, 'archive');
  masterServer = await bench.server();
  master = masterServer.host;
  standby = (await bench.server({ data: 'other' })).host;
  await master.create('cities');
  await master.set('cities', 'replicationDelayMs', '0');
});
afterEach(() => bench.close());

async function put(host: Host, name: string, key: string): Promise<string> {
  return (await host.put(name, key, `${key}-value`)).position;
}

async function caughtUp(): Promise<string> {
  const { position } = await master.status('cities');
  await eventually(
    () => standby.status('standby'),
    ({ durable, applied }) => durable === position && applied === position,
  );
  return String(position);
}

async function keysOf(host: Host, name: string): Promise<string[]> {
  return (await collect(host.exportEntries(name))).map(({ key }) => key).sort();
}

/** What a third machine gets from the archive alone. */
async function restored(name: string, options: object): Promise<[string, string[]]> {
  const data = join(bench.folder, `restored-${Math.random().toString(36).slice(2)}`);
  const host = await bench.host({ dataFolder: data });
  const { position } = await host.restore(name, { from: address, ...options });
  return [position, await keysOf(host, name)];
}

const seqOf = (position: string): number => Number(position.split('/')[1]);

it('P3 P11 an archive of a replica goes on over its promotion, and every position is recovered from it', async () => {
  await put(master, 'cities', 'a');
  await standby.replicate('standby', { master: 'cities' });
  await standby.addArchive('standby', 'main', { address });
  await caughtUp();
  await standby.backup('standby');
  const before = await put(master, 'cities', 'b');
  await caughtUp();
  // A part of the open segment is there under the old timeline.
  await standby.runArchive('standby', undefined);
  await put(master, 'cities', 'c');
  const fork = await caughtUp();
  await masterServer.close();
  await standby.reset('standby');
  const first = await put(standby, 'standby', 'd');
  const last = await put(standby, 'standby', 'e');
  expect(first).toMatch(/^2\//);
  const [run] = await standby.runArchive('standby', undefined);
  expect(run).toMatchObject({ archived: last, problem: null });
  expect(await restored('standby', { untilPosition: before })).toEqual([before, ['a', 'b']]);
  expect(await restored('standby', { untilPosition: fork })).toEqual([fork, ['a', 'b', 'c']]);
  const atFork = `2/${seqOf(fork)}`;
  expect((await restored('standby', { untilPosition: atFork }))[1]).toEqual(['a', 'b', 'c']);
  expect(await restored('standby', { untilPosition: first })).toEqual([
    first,
    ['a', 'b', 'c', 'd'],
  ]);
  expect(await restored('standby', {})).toEqual([last, ['a', 'b', 'c', 'd', 'e']]);
  const report = await standby.verify('standby', { from: address, deep: true });
  expect(report.checks.filter(({ verdict }) => verdict !== 'verified')).toEqual([]);
  // And an incremental and a full backup behind it.
  await standby.backup('standby', { incremental: true });
  await standby.backup('standby');
  await standby.runArchive('standby', undefined);
  const again = await standby.verify('standby', { from: address });
  expect(again.checks.filter(({ verdict }) => verdict !== 'verified')).toEqual([]);
});

it('P11 an archive that a promoted replica takes over from its master holds both histories', async () => {
  await master.addArchive('cities', 'main', { address });
  await put(master, 'cities', 'a');
  await standby.replicate('standby', { master: 'cities' });
  const before = await put(master, 'cities', 'b');
  const fork = await caughtUp();
  await standby.stop('standby');
  const lost = await put(master, 'cities', 'lost');
  await master.runArchive('cities', undefined);
  await masterServer.close();
  await standby.start('standby');
  await standby.reset('standby');
  await standby.rename('standby', 'cities');
  const first = await put(standby, 'cities', 'd');
  await standby.addArchive('cities', 'main', { address });
  await standby.backup('cities');
  const last = await put(standby, 'cities', 'e');
  const [run] = await standby.runArchive('cities', undefined);
  expect(run).toMatchObject({ archived: last, problem: null });
  expect(await restored('cities', { untilPosition: before })).toEqual([before, ['a', 'b']]);
  expect(await restored('cities', { untilPosition: fork })).toEqual([fork, ['a', 'b']]);
  expect(await restored('cities', { untilPosition: first })).toEqual([first, ['a', 'b', 'd']]);
  expect(await restored('cities', { untilPosition: lost })).toEqual([lost, ['a', 'b', 'lost']]);
  expect(await restored('cities', {})).toEqual([last, ['a', 'b', 'd', 'e']]);
  const report = await standby.verify('cities', { from: address, deep: true });
  expect(report.checks.filter(({ verdict }) => verdict === 'damaged')).toEqual([]);
});
