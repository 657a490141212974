// What goes wrong in the middle of a change of masters: taken back, cut short, done twice, or met by what
// stands in its way. Whatever happens, no commit is lost unsaid and one database alone takes writes.

import { readControl, writeControl } from '@pamina/engine';
import { nodeEnv } from '@pamina/env';
import { PaminaError } from '@pamina/format';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import type { HostServer } from '../src/server.js';
import { env, eventually, Workbench } from './workbench.js';

let bench: Workbench;
let first: HostServer;
let second: HostServer;
let master: Host;
let other: Host;

const code = (expected: string) => expect.objectContaining({ code: expected });

beforeEach(async () => {
  bench = await Workbench.open();
  first = await bench.server();
  second = await bench.server({ data: 'second' });
  master = first.host;
  other = second.host;
  await master.create('cities');
  await master.set('cities', 'replicationDelayMs', '0');
  await master.put('cities', 'a', '1');
  await other.replicate('cities-2', { master: 'cities' });
});
afterEach(() => bench.close());

async function caughtUp(host: Host, name: string, source: Host): Promise<void> {
  await eventually(
    async () => [await source.status('cities'), await host.status(name)] as const,
    ([top, status]) => status.applied === top.applied && status.state === 'streaming',
  );
}

/** A disk on which renaming to a folder of this ending fails while `isBroken` says so. */
function envWithout(ending: string, isBroken: () => boolean): typeof env {
  const node = nodeEnv();
  const rename: typeof node.disk.rename = (from, to, options) => {
    if (isBroken() && to.endsWith(ending)) throw new Error('the power goes');
    return node.disk.rename(from, to, options);
  };
  return { ...node, disk: Object.assign(Object.create(node.disk) as typeof node.disk, { rename }) };
}

describe('P11 a fence', () => {
  it('on a stopped database is set, is seen and is taken away', async () => {
    await master.stop('cities');
    expect(await master.fence('cities', 'cities-2')).toMatchObject({ seq: expect.any(Number) });
    await master.start('cities');
    await expect(master.put('cities', 'a', '2')).rejects.toThrow(code('FENCED'));
    await master.unfence('cities');
    await master.put('cities', 'a', '2');
  });

  it('that a person takes back ends the failover that waits: what is acknowledged meanwhile stays', async () => {
    await other.set('cities-2', 'readOnly', 'true');
    await master.put('cities', 'late', 'x');
    const waiting = other.failover('cities', { to: 'cities-2', timeoutMs: 60_000 });
    const ended = waiting.catch((error: unknown) => error);
    await eventually(
      () => master.status('cities'),
      ({ fence, online }) => online && fence?.successor === 'cities-2',
    );
    await master.unfence('cities');
    await master.put('cities', 'after', 'y');
    await other.set('cities-2', 'readOnly', 'false');
    expect(await ended).toEqual(code('FAILOVER_IMPOSSIBLE'));
    await master.put('cities', 'later', 'z');
    expect(await other.status('cities-2')).toMatchObject({ type: 'replica' });
  });

  it('stays on what is restored in the place of a fenced one and started', async () => {
    await master.backup('cities', { tag: 'before' });
    await master.put('cities', 'b', '2');
    await master.fence('cities', 'cities-2');
    const [listed] = await master.list();
    expect(listed).toMatchObject({ name: 'cities', fence: { successor: 'cities-2' } });
    await master.restore('cities', { untilTag: 'before', stop: true });
    await master.start('cities');
    await expect(master.put('cities', 'a', '2')).rejects.toThrow(code('FENCED'));
  });

  it('P9 does not make a restore in place fail that was done', async () => {
    await other.failover('cities', { to: 'cities-2' });
    await eventually(
      () => master.status('cities'),
      ({ fence, online }) => !online && fence?.takenOver === true,
    );
    expect(await master.restore('cities', {})).toMatchObject({ how: 'recovered' });
    await expect(master.start('cities')).rejects.toThrow(code('FENCED'));
  });
});

describe('P11 a second failover', () => {
  it('in one data folder promotes who has the name that the first successor had', async () => {
    await master.replicate('here', { master: 'cities' });
    await master.failover('cities', { to: 'here' });
    await master.rejoin('cities-old', { as: 'here' });
    await caughtUp(master, 'here', master);
    const report = await master.failover('cities', { to: 'here' });
    expect(report).toMatchObject({ successor: 'here', oldMaster: 'cities-old' });
    expect(await master.status('cities')).toMatchObject({ timeline: { timeline: 3 } });
    await master.put('cities', 'new', 'y');
  });

  it('is not kept from its turn by a first one that could not tell all replicas', async () => {
    await caughtUp(other, 'cities-2', master);
    await other.failover('cities', { to: 'cities-2' });
    await master.rejoin('cities');
    await second.close();
    const folder = join(bench.folder, 'second', 'cities');
    const control = await readControl(env.disk, folder);
    if (!control?.takeover) throw new Error('no takeover is noted');
    const takeover = { ...control.takeover, finished: false };
    await writeControl(env.disk, folder, { ...control, takeover });
    other = (await bench.server({ data: 'second' })).host;
    await caughtUp(master, 'cities-old', other);
    const report = await other.failover('cities', { to: 'cities-old' });
    expect(report).toMatchObject({ successor: 'cities-old', fenced: true });
    await master.put('cities', 'new', 'y');
  });

  it('is not kept from its turn by a replica that once had begun to take over', async () => {
    await noteTakeover();
    await master.replicate('here', { master: 'cities' });
    await caughtUp(master, 'here', master);
    expect(await master.failover('cities', { to: 'here' })).toMatchObject({ successor: 'here' });
    await master.put('cities', 'new', 'y');
  });

  it('never takes a replica that is on the history that the first one left', async () => {
    const third = await bench.server({ data: 'third' });
    await third.host.replicate('cities-3', { master: 'cities' });
    await caughtUp(other, 'cities-2', master);
    await other.set('cities-2', 'readOnly', 'true');
    for (let number = 0; number < 20; number += 1) await master.put('cities', `${number}`, 'x');
    await caughtUp(third.host, 'cities-3', master);
    await first.close();
    await other.set('cities-2', 'readOnly', 'false');
    await other.failover('cities', { to: 'cities-2', acceptLoss: true });
    const fourth = (await bench.server({ data: 'fourth' })).host;
    await fourth.replicate('cities-4', { master: 'cities' });
    await other.put('cities', 'new', 'y');
    await caughtUp(fourth, 'cities-4', other);
    await second.close();
    await third.close();
    await bench.server({ data: 'third' });
    const report = await fourth.failover('cities');
    expect(report.successor).toBe('cities-4');
    const left = report.candidates.find(({ name }) => name === 'cities-3');
    expect(left?.problem).toMatch(/history/);
    expect(await fourth.get('cities', 'new')).toBe('y');
  });
});

/** As a crash before the promotion leaves it on the replica. */
async function noteTakeover(): Promise<void> {
  await caughtUp(other, 'cities-2', master);
  await second.close();
  const folder = join(bench.folder, 'second', 'cities-2');
  const control = await readControl(env.disk, folder);
  if (control === null) throw new Error('there is no control');
  const about = { of: 'cities', formerName: 'cities-2', since: 1, atSeq: 3, finished: false };
  await writeControl(env.disk, folder, { ...control, takeover: about });
  second = await bench.server({ data: 'second' });
  other = second.host;
}

describe('P8 a takeover that is cut short', () => {
  it('while the old master is moved aside is finished when it is asked again', async () => {
    let isBroken = true;
    const broken = envWithout('/cities-old', () => isBroken);
    await first.close();
    first = await bench.server({ env: broken });
    master = first.host;
    await master.replicate('here', { master: 'cities' });
    await caughtUp(master, 'here', master);
    await expect(master.failover('cities', { to: 'here' })).rejects.toThrow();
    await first.close();
    isBroken = false;
    first = await bench.server();
    master = first.host;
    const report = await other.failover('cities');
    expect(report).toMatchObject({ successor: 'here', oldMaster: 'cities-old' });
    await master.put('cities', 'new', 'y');
    await expect(master.start('cities-old')).rejects.toThrow(code('FENCED'));
  });

  it('before it was renamed is finished at the next start, also where nobody has the name', async () => {
    let isBroken = true;
    const third = await bench.server({
      data: 'third',
      env: envWithout('/third/cities', () => isBroken),
    });
    await third.host.replicate('cities-3', { master: 'cities' });
    await caughtUp(third.host, 'cities-3', master);
    await first.close();
    await expect(third.host.failover('cities', { to: 'cities-3' })).rejects.toThrow();
    await third.close();
    const entries = JSON.parse(await readFile(bench.directory, 'utf8')) as object;
    await writeFile(bench.directory, JSON.stringify({ ...entries, cities: undefined }));
    isBroken = false;
    const again = (await bench.server({ data: 'third' })).host;
    expect(await again.status('cities')).toMatchObject({ online: true, fence: null });
    await again.put('cities', 'new', 'y');
  });

  it('fences no database that is reset for itself later', async () => {
    await noteTakeover();
    await other.reset('cities-2');
    await second.close();
    other = (await bench.server({ data: 'second' })).host;
    expect(await other.status('cities-2')).toMatchObject({ online: true, fence: null });
    await other.put('cities-2', 'a', 'mine');
  });
});

describe('P11 what stands in the way of a takeover', () => {
  it('a database of another kind under the name is left as it is, and the master goes on', async () => {
    const alone = await bench.server({ data: 'third', directory: `${bench.folder}/own.json` });
    await alone.host.create('cities');
    await alone.host.put('cities', 'other', 'data');
    await alone.close();
    const third = (await bench.server({ data: 'third' })).host;
    await third.replicate('cities-3', { master: 'cities' });
    await caughtUp(third, 'cities-3', master);
    const failed = third.failover('cities', { to: 'cities-3' });
    await expect(failed).rejects.toThrow(code('DATABASE_EXISTS'));
    await master.put('cities', 'still', 'here');
    expect(await third.status('cities')).toMatchObject({ fence: null });
    expect(await third.status('cities-3')).toMatchObject({ type: 'replica', online: true });
  });

  it('a long name leaves room for the one that the old master gets', async () => {
    const long = 'x'.repeat(64);
    await master.create(long);
    await master.set(long, 'replicationDelayMs', '0');
    await master.replicate('short', { master: long });
    const report = await master.failover(long, { to: 'short' });
    expect(report.oldMaster).toMatch(/^x{60}-old$/);
    await master.put(long, 'new', 'y');
  });

  it('P9 nothing is left unsaid of archives that only the old master is kept in', async () => {
    const address = join(bench.folder, 'archive');
    await master.addArchive('cities', 'main', { address });
    const plan = await other.failover('cities', { dryRun: true });
    expect(plan.notArchived).toEqual([expect.stringContaining(address)]);
    const report = await other.failover('cities', { to: 'cities-2' });
    expect(report.notArchived).toEqual(plan.notArchived);
    expect(await other.archives('cities')).toEqual([]);
  });

  it('a master that is a replica itself is told so', async () => {
    const failed = other.failover('cities-2');
    await expect(failed).rejects.toThrow(code('FAILOVER_IMPOSSIBLE'));
    await expect(failed).rejects.toThrow(/replica of cities/);
  });

  it('a directory that can be read and not written still says whose a name is', async () => {
    let isLocked = false;
    const node = nodeEnv();
    const lockFile: typeof node.disk.lockFile = (path, options) => {
      if (!isLocked || !path.endsWith('directory.json.lock'))
        return node.disk.lockFile(path, options);
      throw new PaminaError('DISK_ERROR', `${path}: the file system is read only`);
    };
    const disk = Object.assign(Object.create(node.disk) as typeof node.disk, { lockFile });
    const third = (await bench.server({ data: 'third', env: { ...node, disk } })).host;
    await third.create('towns');
    await third.stop('towns');
    await other.create('towns');
    isLocked = true;
    await expect(third.start('towns')).rejects.toThrow(code('NAME_TAKEN'));
    await third.stop('towns');
    isLocked = false;
  });
});

describe('P1 a failover of a master that was stopped', () => {
  it('gives up nothing unasked that it had not sent, and says how much it was', async () => {
    await caughtUp(other, 'cities-2', master);
    await other.set('cities-2', 'readOnly', 'true');
    await master.put('cities', 'b', '2');
    await master.put('cities', 'c', '3');
    await master.stop('cities');
    const named = { to: 'cities-2' };
    const refused = other.failover('cities', named);
    await expect(refused).rejects.toThrow(code('FAILOVER_BEHIND'));
    await expect(refused).rejects.toThrow(/cities is stopped and ends at record/);
    const report = await other.failover('cities', { ...named, acceptLoss: true });
    expect(report).toMatchObject({ fenced: true, lost: { records: 2, isCertain: true } });
    await other.put('cities', 'new', 'y');
    expect(await master.rejoin('cities')).toMatchObject({ unshipped: 2, name: 'cities-old' });
  });

  it('that had sent everything loses nothing, and keeps it from coming back', async () => {
    await caughtUp(other, 'cities-2', master);
    await master.stop('cities');
    const report = await other.failover('cities');
    expect(report).toMatchObject({ fenced: true, lost: { records: 0, isCertain: true } });
    await other.stop('cities');
    await master.start('cities');
    await expect(master.put('cities', 'a', '2')).rejects.toThrow(code('FENCED'));
  });
});

describe('P11 nobody takes a name', () => {
  /** As somebody else enters it. */
  async function enter(name: string, address: string, instance: string): Promise<void> {
    const entries = JSON.parse(await readFile(bench.directory, 'utf8')) as object;
    const entry = { address, instance, since: 1 };
    await writeFile(bench.directory, JSON.stringify({ ...entries, [name]: entry }));
  }

  it('whose new holder was renamed to it and is about to go online', async () => {
    await other.failover('cities', { to: 'cities-2' });
    const { instance } = await other.status('cities');
    await other.stop('cities');
    const folder = join(bench.folder, 'second', 'cities');
    const control = await readControl(env.disk, folder);
    if (!control?.takeover) throw new Error('no takeover is noted');
    const takeover = { ...control.takeover, finished: false };
    await writeControl(env.disk, folder, { ...control, takeover });
    await enter('cities', second.address, instance);
    const third = (await bench.server({ data: 'third' })).host;
    await expect(third.create('cities')).rejects.toThrow(code('NAME_TAKEN'));
  });

  it('that another has entered while it was opened', async () => {
    let meanwhile: (() => Promise<void>) | null = null;
    const node = nodeEnv();
    const makeFolder: typeof node.disk.makeFolder = async (path) => {
      const task = path.endsWith('/towns/log') ? meanwhile : null;
      if (task !== null) meanwhile = null;
      await task?.();
      return node.disk.makeFolder(path);
    };
    const disk = Object.assign(Object.create(node.disk) as typeof node.disk, { makeFolder });
    const third = (await bench.server({ data: 'third', env: { ...node, disk } })).host;
    await third.create('towns');
    await third.stop('towns');
    meanwhile = () => enter('towns', second.address, 'f'.repeat(32));
    await expect(third.start('towns')).rejects.toThrow(code('NAME_TAKEN'));
    await expect(third.put('towns', 'a', '1')).rejects.toThrow(code('DATABASE_OFFLINE'));
  });
});

describe('P9 a rejoin that cannot be', () => {
  it('leaves a master as it is whose own replica is named', async () => {
    const refused = master.rejoin('cities', { master: 'cities-2' });
    await expect(refused).rejects.toThrow(code('DATABASE_TYPE'));
    await master.put('cities', 'a', '2');
  });

  it('takes no name that another database has', async () => {
    await master.create('towns');
    await other.failover('cities', { to: 'cities-2' });
    const third = (await bench.server({ data: 'third' })).host;
    await third.create('villages');
    await expect(master.rejoin('cities', { as: 'villages' })).rejects.toThrow(code('NAME_TAKEN'));
    expect(await master.rejoin('cities')).toMatchObject({ name: 'cities-old' });
  });
});
