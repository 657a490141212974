// A change of masters over several servers with one directory: planned, forced, by two at once, cut short;
// and the way back of the old master.

import { type Env, nodeEnv } from '@pamina/env';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import type { HostServer } from '../src/server.js';
import { eventually, Workbench } from './workbench.js';

let bench: Workbench;
let first: HostServer;
let master: Host;
let second: Host;
let third: Host;

const code = (expected: string) => expect.objectContaining({ code: expected });

beforeEach(async () => {
  bench = await Workbench.open();
  first = await bench.server();
  master = first.host;
  second = (await bench.server({ data: 'second' })).host;
  third = (await bench.server({ data: 'third' })).host;
  await master.create('cities');
  await master.set('cities', 'replicationDelayMs', '0');
  await master.put('cities', 'a', '1');
  await second.replicate('cities-2', { master: 'cities' });
  await third.replicate('cities-3', { master: 'cities' });
});
afterEach(() => bench.close());

async function caughtUp(host: Host, name: string, source: Host = master): Promise<void> {
  await eventually(
    async () => [await source.status('cities'), await host.status(name)] as const,
    ([top, status]) => status.applied === top.applied && status.state === 'streaming',
  );
}

async function expectEqual(host: Host, name: string, source: Host): Promise<void> {
  await caughtUp(host, name, source);
  const [one, other] = [await source.hash('cities'), await host.hash(name)];
  expect(other).toMatchObject({ position: one.position, stateHash: one.stateHash });
}

/** The old master's data folder behind a new server. */
async function firstAgain(options: { directory?: string } = {}): Promise<Host> {
  first = await bench.server(options);
  return first.host;
}

function countedStores(): { env: Env; opened: () => number } {
  const env = nodeEnv();
  let count = 0;
  const stores: Env['stores'] = {
    ...env.stores,
    open: (folder, options) => {
      count += 1;
      return env.stores.open(folder, options);
    },
  };
  return { env: { ...env, stores }, opened: () => count };
}

describe('P11 a planned failover', () => {
  it('loses nothing, and the others follow by the name that moves', async () => {
    await master.put('cities', 'last', 'x');
    const report = await second.failover('cities', { to: 'cities-2' });
    expect(report).toMatchObject({
      successor: 'cities-2',
      fenced: true,
      lost: { records: 0, isCertain: true },
      oldMaster: null,
    });
    expect(await second.get('cities', 'last')).toBe('x');
    await second.put('cities', 'new', 'y');
    const { timeline } = await second.status('cities');
    expect(timeline).toMatchObject({ timeline: 2, why: 'takeover of cities by cities-2' });
    await expectEqual(third, 'cities-3', second);
    await eventually(
      () => master.status('cities'),
      ({ fence, online }) => !online && fence?.takenOver === true,
    );
    await expect(master.put('cities', 'a', '2')).rejects.toThrow(code('DATABASE_OFFLINE'));
    await expect(master.start('cities')).rejects.toThrow(code('FENCED'));
  });

  it('refuses what cannot take over, and says why, with nothing changed', async () => {
    await third.set('cities-3', 'readOnly', 'true');
    await second.stop('cities-2');
    const plan = second.failover('cities');
    await expect(plan).rejects.toThrow(code('FAILOVER_IMPOSSIBLE'));
    await expect(plan).rejects.toThrow(/cities-3: it is read-only/);
    await expect(second.failover('cities', { to: 'nobody' })).rejects.toThrow(
      code('FAILOVER_IMPOSSIBLE'),
    );
    await master.put('cities', 'a', '2');
  });

  it('gives up when the replica does not get the rest in time: the master takes writes again', async () => {
    await third.set('cities-3', 'readOnly', 'true');
    await master.put('cities', 'late', 'x');
    const late = third.failover('cities', { to: 'cities-3', timeoutMs: 200 });
    await expect(late).rejects.toThrow(code('FAILOVER_TIMEOUT'));
    await master.put('cities', 'later', 'y');
    expect(await master.status('cities')).toMatchObject({ fence: null, online: true });
    expect(await third.status('cities-3')).toMatchObject({ type: 'replica' });
  });

  it('applies what the replica had received and held back', async () => {
    await second.set('cities-2', 'applyPaused', 'true');
    await master.put('cities', 'held', 'x');
    await eventually(
      async () => [await master.status('cities'), await second.status('cities-2')] as const,
      ([top, status]) => status.durable === top.durable,
    );
    const { applied, durable } = await second.status('cities-2');
    expect(applied).not.toBe(durable);
    await second.failover('cities', { to: 'cities-2' });
    expect(await second.get('cities', 'held')).toBe('x');
    await expectEqual(third, 'cities-3', second);
  });

  it('opens the store of the successor once', async () => {
    const { env, opened } = countedStores();
    const fourth = (await bench.server({ data: 'fourth', env })).host;
    await fourth.replicate('cities-4', { master: 'cities' });
    await caughtUp(fourth, 'cities-4');
    const before = opened();
    await fourth.failover('cities', { to: 'cities-4' });
    expect(opened() - before).toBe(1);
    await fourth.put('cities', 'new', 'y');
  });

  it('in a dry run changes nothing and names every replica', async () => {
    const plan = await second.failover('cities', { dryRun: true });
    expect(plan.candidates.map(({ name }) => name).sort()).toEqual(['cities-2', 'cities-3']);
    expect(plan).toMatchObject({ dryRun: true, fenced: true, lost: { isCertain: true } });
    await master.put('cities', 'a', '2');
  });

  it('with both in one data folder leaves the old master under another name', async () => {
    await master.replicate('cities-here', { master: 'cities' });
    const report = await master.failover('cities', { to: 'cities-here' });
    expect(report.oldMaster).toBe('cities-old');
    await master.put('cities', 'new', 'y');
    expect(await master.status('cities-old')).toMatchObject({ online: false, state: 'failed' });
    const rejoined = await master.rejoin('cities-old');
    expect(rejoined).toMatchObject({ name: 'cities-old', way: 'followed', unshipped: 0 });
    await expectEqual(master, 'cities-old', master);
  });

  it('points replicas of the successor at its new name', async () => {
    const fourth = (await bench.server({ data: 'fourth' })).host;
    await fourth.create('cities-4', { fromBackup: 'pamina://cities' });
    await master.allow('cities', 'cities-4');
    await caughtUp(second, 'cities-2');
    await fourth.replicate('cities-4', { master: 'cities-2' });
    const report = await second.failover('cities', { to: 'cities-2' });
    expect(report.followers).toEqual([{ name: 'cities-4', problem: null }]);
    await second.put('cities', 'new', 'y');
    await expectEqual(fourth, 'cities-4', second);
  });
});

describe('P11 a failover without the master', () => {
  it('takes the most advanced replica, and says what is known to be lost', async () => {
    await caughtUp(second, 'cities-2');
    await second.set('cities-2', 'readOnly', 'true');
    await master.put('cities', 'b', '2');
    await caughtUp(third, 'cities-3');
    await first.close();
    await second.set('cities-2', 'readOnly', 'false');
    await eventually(
      () => second.status('cities-2'),
      ({ state }) => state === 'disconnected' || state === 'connecting',
    );
    await expect(second.failover('cities', { to: 'cities-2' })).rejects.toThrow(
      code('FAILOVER_BEHIND'),
    );
    const report = await second.failover('cities');
    expect(report).toMatchObject({ successor: 'cities-3', fenced: false });
    expect(report.lost.isCertain).toBe(false);
    expect(await third.get('cities', 'b')).toBe('2');
    await third.put('cities', 'new', 'y');
    await expectEqual(second, 'cities-2', third);
  });

  it('lets only one of two through at once, and the other replica follows it', async () => {
    await caughtUp(second, 'cities-2');
    await caughtUp(third, 'cities-3');
    await first.close();
    const ends = await Promise.allSettled([
      second.failover('cities', { to: 'cities-2', acceptLoss: true }),
      third.failover('cities', { to: 'cities-3', acceptLoss: true }),
    ]);
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const isSecond = ends[0]?.status === 'fulfilled';
    const [won, lost] = isSecond ? [second, third] : [third, second];
    await won.put('cities', 'new', 'y');
    await expectEqual(lost, isSecond ? 'cities-3' : 'cities-2', won);
  });

  it('keeps an old master that comes back from writing, with and without the directory', async () => {
    await caughtUp(second, 'cities-2');
    await first.close();
    await second.failover('cities', { to: 'cities-2' });
    const again = await firstAgain();
    await expect(again.start('cities')).rejects.toThrow(code('FENCED'));
    await expect(again.put('cities', 'a', 'mine')).rejects.toThrow(code('DATABASE_OFFLINE'));
    await first.close();
    const alone = await firstAgain({ directory: `${bench.folder}/nobody-knows.json` });
    await expect(alone.start('cities')).rejects.toThrow(code('FENCED'));
    await expect(alone.put('cities', 'a', 'mine')).rejects.toThrow(code('DATABASE_OFFLINE'));
  });

  it('fences an old master without a directory by a replica that comes by', async () => {
    await caughtUp(second, 'cities-2');
    await caughtUp(third, 'cities-3');
    await first.close();
    await second.failover('cities', { to: 'cities-2' });
    await expectEqual(third, 'cities-3', second);
    const old = await firstAgain({ directory: `${bench.folder}/nobody-knows.json` });
    expect(await old.status('cities')).toMatchObject({ online: true });
    const { 'cities-3': thirdAddress } = await bench.names();
    // A directory that somebody wrote by hand, without instances, leads the replica to the old master.
    await second.stop('cities');
    const entries = { cities: { address: first.address }, 'cities-3': { address: thirdAddress } };
    await writeFile(bench.directory, JSON.stringify(entries));
    await eventually(
      () => old.status('cities'),
      ({ fence, online }) => !online && fence?.takenOver === true,
    );
    expect(await third.status('cities-3')).toMatchObject({ type: 'replica' });
    expect((await third.status('cities-3')).state).not.toBe('diverged');
  });

  it('a plain reset, a renamed one and a copy fence nobody', async () => {
    await caughtUp(second, 'cities-2');
    await second.reset('cities-2');
    await second.rename('cities-2', 'towns');
    await second.backup('towns', { tag: 'copy' });
    await third.create('copy', { fromBackup: 'pamina://towns' });
    await third.start('copy');
    await master.put('cities', 'still', 'mine');
    await master.stop('cities');
    await master.start('cities');
    await master.put('cities', 'still', 'mine');
  });

  it('P8 goes on where it was cut short, by itself at the next start or when it is asked again', async () => {
    await caughtUp(third, 'cities-3');
    const node = nodeEnv();
    let fails = true;
    const env = {
      ...node,
      disk: Object.assign(Object.create(node.disk) as typeof node.disk, {
        rename: (from: string, to: string, options?: { replace?: boolean }) => {
          if (fails && to.endsWith('/fourth/cities')) throw new Error('the power goes');
          return node.disk.rename(from, to, options);
        },
      }),
    };
    const server = await bench.server({ data: 'fourth', env });
    await server.host.replicate('cities-4', { master: 'cities' });
    await caughtUp(server.host, 'cities-4');
    await first.close();
    await expect(server.host.failover('cities', { to: 'cities-4' })).rejects.toThrow();
    // Promoted and not renamed: another replica must not take over beside it.
    await expect(third.failover('cities', { to: 'cities-3' })).rejects.toThrow();
    fails = false;
    await server.close();
    const again = await bench.server({ data: 'fourth' });
    expect(await again.host.status('cities')).toMatchObject({ online: true, type: 'normal' });
    const report = await third.failover('cities');
    expect(report).toMatchObject({ master: 'cities', successor: 'cities-4' });
    await again.host.put('cities', 'new', 'y');
    await expectEqual(third, 'cities-3', again.host);
    expect(await again.host.status('cities')).toMatchObject({ takeover: { finished: true } });
  });
});

describe('P11 an old master that rejoins', () => {
  it('keeps what only it had in a file that can be read, and follows', async () => {
    await caughtUp(second, 'cities-2');
    await second.set('cities-2', 'readOnly', 'true');
    await third.set('cities-3', 'readOnly', 'true');
    await master.put('cities', 'only-here', 'precious');
    await master.del('cities', 'a');
    await first.close();
    await second.failover('cities', { to: 'cities-2' });
    await second.put('cities', 'new', 'y');
    const old = await firstAgain();
    const plan = await old.rejoin('cities', { dryRun: true });
    expect(plan).toMatchObject({ unshipped: 2, way: 'recreated', dryRun: true, kept: null });
    expect(existsSync(`${bench.data}/.rescue`)).toBe(false);
    const report = await old.rejoin('cities');
    expect(report).toMatchObject({ name: 'cities-old', master: 'cities', unshipped: 2 });
    const lines = (await readFile(report.rescue ?? '', 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { operations: [{ type: 'put', key: 'only-here', value: 'precious' }] },
      { operations: [{ type: 'del', key: 'a' }] },
    ]);
    await expectEqual(old, 'cities-old', second);
    expect((await old.list()).map(({ name }) => name)).toEqual(['cities-old']);
  });

  it('that had nothing of its own goes on with its files, and can take over again', async () => {
    await caughtUp(second, 'cities-2');
    await second.failover('cities', { to: 'cities-2' });
    await second.put('cities', 'new', 'y');
    const report = await master.rejoin('cities', { as: 'cities-2' });
    expect(report).toMatchObject({ name: 'cities-2', way: 'followed', rescue: null });
    await expectEqual(master, 'cities-2', second);
    const back = await second.failover('cities', { to: 'cities-2' });
    expect(back).toMatchObject({ fenced: true, lost: { records: 0 } });
    await master.put('cities', 'home', 'again');
    expect(await master.status('cities')).toMatchObject({ timeline: { timeline: 3 } });
    await expectEqual(third, 'cities-3', master);
  });

  it('is refused where nobody has taken over', async () => {
    await expect(master.rejoin('cities')).rejects.toThrow(code('REQUEST_INVALID'));
    await expect(second.rejoin('cities-2')).rejects.toThrow(code('DATABASE_TYPE'));
    await master.put('cities', 'a', '2');
    await expect(master.unfence('cities')).rejects.toThrow(code('DATABASE_TYPE'));
  });
});
