// A replica that is made anew from an archive: by a person or by itself, with its master down, from a backup
// that the log leads on from; never from one that would only stop again, nor from another database.
import { readControl } from '@pamina/engine';
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import type { HostServer } from '../src/server.js';
import { collect, env, eventually, Workbench } from './workbench.js';

let bench: Workbench;
let masterServer: HostServer;
let master: Host;
let address: string;
let host: Host;

const code = (expected: string) => expect.objectContaining({ code: expected });

beforeEach(async () => {
  bench = await Workbench.open();
  address = join(bench.folder, 'archive');
  masterServer = await bench.server();
  master = masterServer.host;
  await master.create('cities');
  await master.set('cities', 'replicationDelayMs', '0');
  await master.addArchive('cities', 'main', { address });
  host = (await bench.server({ data: 'other', directory: join(bench.folder, 'none') })).host;
});
afterEach(() => bench.close());

const source = () => ({ master: 'cities', fromArchive: address, simultaneousQuery: true });
const anew = () => ({ master: 'cities', fromArchive: address, recreate: true });

async function put(key: string, on: Host = master): Promise<string> {
  return (await on.put('cities', key, `${key}-value`)).position;
}

async function followed(position: string, name = 'copy'): Promise<void> {
  await eventually(
    () => host.status(name),
    ({ applied, durable }) => durable === position && applied === position,
  );
}

async function keysOf(name = 'copy'): Promise<string[]> {
  return (await collect(host.exportEntries(name))).map(({ key }) => key).sort();
}

async function eventsOf(name = 'copy'): Promise<string[]> {
  return (await collect(host.jobLog(name, {}))).map(({ event }) => event);
}

async function untilState(state: string, name = 'copy') {
  return eventually(
    () => host.status(name),
    (status) => status.state === state,
  );
}

async function follow(name = 'copy'): Promise<void> {
  await host.replicate(name, source());
  await host.set(name, 'sourceArchivePollMs', '200');
  await host.set(name, 'sourceArchiveAfterMs', '50');
}

async function segments(): Promise<string[]> {
  const [pattern] = (await readdir(join(address, 'cities'))) as [string];
  const log = join(address, 'cities', pattern, 'log');
  const folders = (await readdir(log)).sort();
  const all = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(join(log, folder))).map((file) => join(log, folder, file)).sort(),
    ),
  );
  return all.flat().filter((file) => file.endsWith('.seg'));
}

/** The replica has `a` and `b`, and of what follows in the archive a part is missing before the newest backup. */
async function withGap(): Promise<string> {
  await put('a');
  await master.backup('cities');
  const at = await put('b');
  await master.runArchive('cities', undefined);
  await follow();
  await followed(at);
  await host.stop('copy');
  await put('c');
  await master.backup('cities');
  await put('d');
  await master.backup('cities');
  const last = await put('e');
  await master.runArchive('cities', undefined);
  await rename((await segments()).at(-1) as string, join(bench.folder, 'aside'));
  await masterServer.close();
  return last;
}

describe('log-gone, with the master down', () => {
  it('P16 a replica is made anew from the newest backup in the archive, and keeps what a person has set', async () => {
    const last = await withGap();
    await host.start('copy');
    const stopped = await untilState('log-gone');
    expect(stopped.message).toContain('--from-archive');
    await host.replicate('copy', anew());
    await followed(last);
    expect(await keysOf()).toEqual(['a', 'b', 'c', 'd', 'e']);
    const events = await collect(host.jobLog('copy', {}));
    const line = events.find(({ event }) => event === 'recreated');
    expect(line?.message).toContain(`of cities in the archive ${address}`);
    const kept = await readControl(env.disk, String(line?.fields?.['kept']));
    expect(kept?.type).toBe('replica');
    const { replaced } = await host.status('copy');
    expect(replaced).toEqual([{ path: line?.fields?.['kept'], sizeBytes: expect.any(Number) }]);
    expect(replaced?.[0]?.sizeBytes).toBeGreaterThan(1000);
    const { master: now } = await host.status('copy');
    expect(now).toMatchObject({ name: 'cities', archive: { pollMs: 200, afterMs: 50 } });
  });

  it('P10 it does so by itself where it is told to, and that counts against the limit', async () => {
    const last = await withGap();
    await host.start('copy');
    await host.set('copy', 'onTerminal', 'recreate');
    await followed(last);
    expect(await keysOf()).toEqual(['a', 'b', 'c', 'd', 'e']);
    const control = await readControl(env.disk, join(bench.folder, 'other', 'copy'));
    expect(control?.onTerminal?.recreatedAt).toHaveLength(1);
    const lines = await collect(host.jobLog('copy', {}));
    const { message } = lines.find(({ event }) => event === 'recreated') ?? {};
    expect(message).toContain('its master cannot be had: ');
  });

  it('P9 nothing is changed where no backup leads on, and that counts as no attempt', async () => {
    await put('a');
    await master.backup('cities');
    const at = await put('b');
    await master.runArchive('cities', undefined);
    await follow();
    await followed(at);
    await host.stop('copy');
    await put('c');
    await master.backup('cities', { incremental: true });
    await put('d');
    await master.backup('cities', { incremental: true });
    await put('e');
    await master.runArchive('cities', undefined);
    await masterServer.close();
    await rename((await segments()).at(-1) as string, join(bench.folder, 'aside'));
    await host.start('copy');
    await untilState('log-gone');
    const failed = host.replicate('copy', anew());
    await expect(failed).rejects.toThrow(code('BACKUP_NOT_FOUND'));
    await expect(failed).rejects.toThrow(/leads on .* from record \d+ on/);
    await host.set('copy', 'onTerminal', 'recreate');
    await eventually(eventsOf, (events) => events.includes('recreate-failed'));
    // Looked at again and again, it is tried again when a person says so.
    await host.set('copy', 'onTerminal', 'recreate');
    const tries = async () => (await eventsOf()).filter((event) => event === 'recreate-failed');
    await eventually(tries, ({ length }) => length === 2);
    const control = await readControl(env.disk, join(bench.folder, 'other', 'copy'));
    expect(control).toMatchObject({ type: 'replica', onTerminal: { recreatedAt: [] } });
    expect((await keysOf()).slice(0, 2)).toEqual(['a', 'b']);
  });
});

describe('diverged', () => {
  it('P11 a replica behind a fork is made anew on the new timeline, from no backup of the left branch', async () => {
    await master.backup('cities');
    const standby = (await bench.server({ data: 'standby' })).host;
    await standby.replicate('standby', { master: 'cities' });
    const fork = await put('a');
    await eventually(
      () => standby.status('standby'),
      ({ durable }) => durable === fork,
    );
    await standby.stop('standby');
    // Further than the new timeline will go.
    for (let number = 0; number < 9; number += 1) await put(`lost-${number}`);
    await master.backup('cities');
    await master.runArchive('cities', undefined);
    await follow();
    await followed((await master.status('cities')).position as string);
    await masterServer.close();
    await standby.start('standby');
    await standby.reset('standby');
    await standby.rename('standby', 'cities');
    await standby.addArchive('cities', 'main', { address });
    const last = await put('new', standby);
    await standby.runArchive('cities', undefined);
    await untilState('diverged');
    await host.set('copy', 'onTerminal', 'recreate');
    await followed(last);
    expect(last).toMatch(/^2\//);
    expect(await keysOf()).toEqual(['a', 'new']);
    // What the left branch has behind the fork is no gap in this one.
    expect(await untilState('waiting')).toMatchObject({ durable: last });
  });
});

it('P5 another database that bore the name there is never put in its place', async () => {
  await put('a');
  await master.backup('cities');
  await master.runArchive('cities', undefined);
  await follow();
  await masterServer.close();
  const stranger = (await bench.server({ data: 'stranger', directory: `${bench.folder}/own` }))
    .host;
  await stranger.create('cities');
  await stranger.addArchive('cities', 'main', { address });
  await stranger.backup('cities');
  await put('strange', stranger);
  await stranger.runArchive('cities', undefined);
  await host.replicate('copy', anew());
  await eventually(keysOf, (keys) => keys.length > 0);
  expect(await keysOf()).toEqual(['a']);
  const { pattern } = await stranger.status('cities');
  const other = { ...anew(), fromArchive: `${address}#${pattern}` };
  await expect(host.replicate('copy', other)).rejects.toThrow(code('PATTERN_MISMATCH'));
});
