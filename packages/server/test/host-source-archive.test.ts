// A replica that follows an archive: with its master down from the beginning, in its place and back, over a
// promotion, and never what does not continue its own history.
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import type { HostServer } from '../src/server.js';
import { collect, eventually, Workbench } from './workbench.js';

let bench: Workbench;
let masterServer: HostServer;
let master: Host;
let address: string;

beforeEach(async () => {
  bench = await Workbench.open();
  address = join(bench.folder, 'archive');
  masterServer = await bench.server();
  master = masterServer.host;
  await master.create('cities');
  await master.set('cities', 'replicationDelayMs', '0');
  await master.addArchive('cities', 'main', { address });
});
afterEach(() => bench.close());

const source = () => ({ fromArchive: address, simultaneousQuery: true });

async function put(key: string, host: Host = master, name = 'cities'): Promise<string> {
  return (await host.put(name, key, `${key}-value`)).position;
}

async function masterBack(): Promise<void> {
  const { address: before } = masterServer;
  masterServer = await bench.server({ listen: new URL(before).host });
  master = masterServer.host;
}

async function followed(host: Host, name: string, position: string): Promise<void> {
  await eventually(
    () => host.status(name),
    ({ applied, durable }) => durable === position && applied === position,
  );
}

async function keysOf(host: Host, name: string): Promise<string[]> {
  return (await collect(host.exportEntries(name))).map(({ key }) => key).sort();
}

async function linesOf(host: Host): Promise<string[]> {
  return (await collect(host.jobLog('copy', {}))).map(({ event }) => event);
}

async function quick(host: Host, name: string, afterMs = 50): Promise<void> {
  await host.set(name, 'sourceArchivePollMs', '200');
  await host.set(name, 'sourceArchiveAfterMs', String(afterMs));
}

/** A replica that was made from the archive with its master down. */
async function archiveOnly(data = 'other'): Promise<HostServer> {
  const server = await bench.server({ data });
  await server.host.replicate('copy', { master: 'cities', ...source() });
  await quick(server.host, 'copy');
  return server;
}

/** Names of the segments and pieces in the archive. */
async function logObjects(): Promise<string[]> {
  const [pattern] = (await readdir(join(address, 'cities'))) as [string];
  const log = join(address, 'cities', pattern, 'log');
  const files: string[] = [];
  for (const timeline of (await readdir(log)).sort()) {
    for (const file of (await readdir(join(log, timeline))).sort()) {
      files.push(join(log, timeline, file));
    }
  }
  return files;
}

describe('with the master down from the beginning', () => {
  it('P3 P16 a replica is made from the archive alone, follows to its end, and says what it follows', async () => {
    await put('a');
    await master.backup('cities');
    await put('b');
    await master.runArchive('cities', undefined);
    const last = await put('c');
    await master.runArchive('cities', undefined);
    const hash = await master.hash('cities');
    await masterServer.close();
    const { host } = await archiveOnly();
    await followed(host, 'copy', last);
    expect(await keysOf(host, 'copy')).toEqual(['a', 'b', 'c']);
    expect((await host.hash('copy')).stateHash).toBe(hash.stateHash);
    const status = await eventually(
      () => host.status('copy'),
      ({ state }) => state === 'waiting',
    );
    expect(status.reason).toContain('the master cannot be reached');
    expect(status.master).toMatchObject({ name: 'cities', source: 'archive', durable: null });
    expect(status.master?.archive).toMatchObject({ position: last, problem: null });
    expect(status.master?.archive?.address).toContain('archive');
    expect(status.master?.lag.applied).toEqual({ records: null, bytes: null, seconds: null });
  });

  it('P16 a folder is watched: what comes is followed whatever the time between two looks', async () => {
    await master.backup('cities');
    const first = await put('a');
    await master.runArchive('cities', undefined);
    const { host } = await bench.server({
      data: 'other',
      directory: join(bench.folder, 'none'),
    });
    await host.replicate('copy', { master: 'cities', ...source() });
    await host.set('copy', 'sourceArchiveAfterMs', '50');
    await host.set('copy', 'sourceArchivePollMs', '86400000');
    await followed(host, 'copy', first);
    await eventually(
      () => host.status('copy'),
      ({ master: followedOne, state }) =>
        state === 'waiting' && followedOne?.archive?.position === first,
    );
    const second = await put('b');
    await master.runArchive('cities', undefined);
    await followed(host, 'copy', second);
  });

  it('P16 what is archived of the open segment is followed as it comes, and a restart goes on where it was', async () => {
    await master.backup('cities');
    const first = await put('a');
    await master.runArchive('cities', undefined);
    const server = await bench.server({ data: 'other', directory: join(bench.folder, 'none') });
    await server.host.replicate('copy', { master: 'cities', ...source() });
    await quick(server.host, 'copy');
    await followed(server.host, 'copy', first);
    expect((await logObjects()).at(-1)).toMatch(/part$/);
    const second = await put('b');
    await master.runArchive('cities', undefined);
    await followed(server.host, 'copy', second);
    await server.close();
    await put('c');
    await master.runArchive('cities', undefined);
    await master.backup('cities');
    const last = await put('d');
    await master.runArchive('cities', undefined);
    const again = await bench.server({
      data: 'other',
      directory: join(bench.folder, 'none'),
    });
    await followed(again.host, 'copy', last);
    expect(await keysOf(again.host, 'copy')).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('beside the master', () => {
  it('P16 follows the master, the archive when the log is gone there, and the master again', async () => {
    const other = await bench.server({ data: 'other' });
    const { host } = other;
    await put('a');
    await host.replicate('copy', { master: 'cities', simultaneousQuery: true });
    await followed(host, 'copy', await put('b'));
    await host.replicate('copy', { master: 'cities', ...source() });
    await eventually(
      () => host.status('copy'),
      ({ state }) => state === 'streaming',
    );
    await host.stop('copy');
    await put('c');
    // The master forgets the replica, and its log up to a new backup.
    await master.deny('cities', 'copy');
    await master.backup('cities');
    await put('d');
    await master.backup('cities');
    await master.backup('cities');
    await master.runArchive('cities', undefined);
    await master.allow('cities', 'copy');
    await put('e');
    await host.start('copy');
    await eventually(
      () => host.status('copy'),
      ({ master: now, state }) => state === 'streaming' && now?.source === 'master',
    );
    expect(await linesOf(host)).toEqual(
      expect.arrayContaining(['source-archive', 'source-master']),
    );
    await put('f');
    await eventually(
      () => keysOf(host, 'copy'),
      (keys) => keys.join('') === 'abcdef',
    );
  });

  it('P16 a master that is out of reach for a while is replaced by the archive until it is back', async () => {
    const { host } = await bench.server({ data: 'other' });
    await master.backup('cities');
    await host.replicate('copy', { master: 'cities' });
    await host.replicate('copy', { master: 'cities', ...source() });
    await quick(host, 'copy', 300);
    await host.stop('copy');
    const missed = await put('b');
    await master.runArchive('cities', undefined);
    await masterServer.close();
    await host.start('copy');
    await followed(host, 'copy', missed);
    const away = await eventually(
      () => host.status('copy'),
      ({ state }) => state === 'waiting',
    );
    expect(away.master?.source).toBe('archive');
    await masterBack();
    await followed(host, 'copy', await put('c'));
    await eventually(
      () => host.status('copy'),
      ({ master: now, state }) => state === 'streaming' && now?.source === 'master',
    );
    expect(await linesOf(host)).toEqual(
      expect.arrayContaining(['source-archive', 'source-master']),
    );
  });
});

describe('what does not continue the replica', () => {
  async function prepared(): Promise<{ server: HostServer; files: string[]; at: string }> {
    await put('a');
    await master.backup('cities');
    const at = await put('b');
    await master.runArchive('cities', undefined);
    const server = await bench.server({ data: 'other', directory: join(bench.folder, 'none') });
    await server.host.replicate('copy', { master: 'cities', ...source() });
    await quick(server.host, 'copy');
    await followed(server.host, 'copy', at);
    await server.host.stop('copy');
    await put('c');
    await master.backup('cities');
    await put('d');
    await master.backup('cities');
    await put('e');
    await master.runArchive('cities', undefined);
    return { server, files: await logObjects(), at };
  }

  it('P5 a spoiled object is refused by name and offset, nothing of it is applied, and it goes on when it is mended', async () => {
    const { files, server } = await prepared();
    const { host } = server;
    const spoiled = files.filter((file) => file.endsWith('.seg')).at(-1) as string;
    const good = await readFile(spoiled);
    const bad = Buffer.from(good);
    bad[Math.floor(bad.length / 2)] = (bad[Math.floor(bad.length / 2)] ?? 0) ^ 0xff;
    await writeFile(spoiled, bad);
    await host.start('copy');
    const status = await eventually(
      () => host.status('copy'),
      ({ reason, state }) => state === 'disconnected' && reason?.includes('.seg') === true,
    );
    expect(status.reason).toMatch(/archive.*\.seg, offset \d+/);
    expect(await keysOf(host, 'copy')).toEqual(['a', 'b', 'c']);
    await writeFile(spoiled, good);
    await followed(host, 'copy', (await master.status('cities')).position as string);
  });

  it('P5 swapped objects are refused', async () => {
    const { at, files, server } = await prepared();
    const { host } = server;
    const [one, other] = files.filter((file) => file.endsWith('.seg')).slice(-2) as [
      string,
      string,
    ];
    await rename(one, `${one}.tmp-0000000000000000`);
    await rename(other, one);
    await rename(`${one}.tmp-0000000000000000`, other);
    await host.start('copy');
    const status = await eventually(
      () => host.status('copy'),
      ({ reason }) => reason?.includes('.seg') === true,
    );
    expect(status).toMatchObject({ state: 'disconnected', durable: at });
    expect(await keysOf(host, 'copy')).toEqual(['a', 'b']);
  });

  it('P5 P9 a gap in the archive is log-gone, with what to do, and closes when the log is there', async () => {
    const { files, server } = await prepared();
    const { host } = server;
    const gone = files.filter((file) => file.endsWith('.seg')).at(-1) as string;
    const bytes = await readFile(gone);
    await rename(gone, join(bench.folder, 'aside'));
    await host.start('copy');
    const status = await eventually(
      () => host.status('copy'),
      ({ state }) => state === 'log-gone',
    );
    expect(status.message).toContain('master');
    await writeFile(gone, bytes);
    await followed(host, 'copy', (await master.status('cities')).position as string);
  });
});

it('P11 a promotion in the archive is followed by a replica before the fork, and refused by one behind it', async () => {
  await master.backup('cities');
  const standby = (await bench.server({ data: 'standby' })).host;
  await standby.replicate('standby', { master: 'cities' });
  const fork = await put('a');
  await followed(standby, 'standby', fork);
  await master.runArchive('cities', undefined);
  const none = { directory: join(bench.folder, 'none') };
  const behind = await bench.server({ data: 'behind', ...none });
  await behind.host.replicate('copy', { master: 'cities', ...source() });
  await quick(behind.host, 'copy');
  await followed(behind.host, 'copy', fork);
  await standby.stop('standby');
  // The archiver sends the open segment by itself: who is to stay before the fork must be gone by then.
  await behind.host.stop('copy');
  const lost = await put('lost');
  const beyond = await bench.server({ data: 'beyond', ...none });
  await beyond.host.replicate('far', { master: 'cities', ...source() });
  await quick(beyond.host, 'far');
  await master.runArchive('cities', undefined);
  await followed(beyond.host, 'far', lost);
  await masterServer.close();
  await standby.start('standby');
  await standby.reset('standby');
  await standby.rename('standby', 'cities');
  await standby.addArchive('cities', 'main', { address });
  await standby.backup('cities');
  const last = await put('d', standby);
  await standby.runArchive('cities', undefined);
  await behind.host.start('copy');
  await followed(behind.host, 'copy', last);
  expect(last).toMatch(/^2\//);
  expect(await keysOf(behind.host, 'copy')).toEqual(['a', 'd']);
  const refused = await eventually(
    () => beyond.host.status('far'),
    ({ state }) => state === 'diverged',
  );
  expect(refused.durable).toBe(lost);
  expect(refused.reason).toContain('archive');
});

it('P9 no property of an archive is taken where there is none, and none ends it', async () => {
  await master.backup('cities');
  await put('a');
  await master.runArchive('cities', undefined);
  const { host } = await bench.server({ data: 'other' });
  await expect(master.set('cities', 'sourceArchivePollMs', '200')).rejects.toThrow(
    expect.objectContaining({ code: 'DATABASE_TYPE' }),
  );
  await host.replicate('copy', { master: 'cities', ...source() });
  const set = await host.set('copy', 'sourceArchivePollMs', '300');
  expect(set).toMatchObject({ sourceArchivePollMs: 300, sourceArchiveAfterMs: 15_000 });
  await host.set('copy', 'sourceArchive', 'none');
  expect((await host.status('copy')).master).toMatchObject({ source: 'master', archive: null });
});
