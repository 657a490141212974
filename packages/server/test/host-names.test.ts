// Names: a replica never has that of its master, and no two databases of a directory have the same one.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import { eventually, Workbench } from './workbench.js';

let bench: Workbench;
let master: Host;
let other: Host;

beforeEach(async () => {
  bench = await Workbench.open();
  master = (await bench.server()).host;
  other = (await bench.server({ data: 'other' })).host;
  await master.create('cities');
  await master.put('cities', 'a', '1');
  await master.backup('cities');
});
afterEach(() => bench.close());

/** Every name in the other data folder, what its databases say they are, and the directory. */
async function everything(): Promise<unknown> {
  const data = join(bench.folder, 'other');
  const names = (await readdir(data)).sort();
  const controls: string[] = [];
  for (const name of names) {
    const path = join(data, name, 'control.json');
    controls.push(
      await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => error.code ?? ''),
    );
  }
  return { names, controls, directory: await bench.names() };
}

async function refused(call: () => Promise<unknown>, code: string, remedy: RegExp): Promise<void> {
  const before = await everything();
  const error = await call().then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code, hint: expect.stringMatching(remedy) as string });
  expect(await everything()).toEqual(before);
}

const ownName = /name of its own/;

describe('P11 a replica may not have the name of its master', () => {
  it('where nothing has it yet, with its master or from an archive', async () => {
    const make = () => other.replicate('cities', { master: 'cities' });
    await refused(make, 'REQUEST_INVALID', ownName);
    const fromArchive = join(bench.folder, 'archive');
    const follow = () => other.replicate('cities', { master: 'cities', fromArchive });
    await refused(follow, 'REQUEST_INVALID', ownName);
  });

  it('on its master itself', async () => {
    const make = () => master.replicate('cities', { master: 'cities' });
    await refused(make, 'REQUEST_INVALID', ownName);
    await refused(() => master.allow('cities', 'cities'), 'REQUEST_INVALID', ownName);
    const rejoin = () => master.rejoin('cities', { master: 'cities', as: 'cities' });
    await refused(rejoin, 'REQUEST_INVALID', ownName);
    expect(await master.get('cities', 'a')).toBe('1');
  });

  it('as a copy that was made under that name while the master was gone', async () => {
    const { id } = await master.backup('cities');
    await master.stop('cities');
    const fromBackup = join(bench.data, 'cities', 'backups', id);
    await other.create('cities', { fromBackup });
    const make = () => other.replicate('cities', { master: 'cities' });
    await refused(make, 'REQUEST_INVALID', ownName);
    expect(await other.status('cities')).toMatchObject({ type: 'unassigned' });
  });

  it('by being renamed while its master is gone', async () => {
    await other.replicate('copy', { master: 'cities' });
    await master.stop('cities');
    await eventually(
      () => other.status('copy'),
      ({ state }) => state === 'disconnected',
    );
    const rename = () => other.rename('copy', 'cities');
    await refused(rename, 'REQUEST_INVALID', /pamina failover cities.*pamina reset copy/);
    await master.start('cities');
    await eventually(
      () => other.status('copy'),
      ({ state }) => state === 'waiting' || state === 'streaming',
    );
  });
});

describe('P11 a name that another database of the directory has is refused', () => {
  beforeEach(async () => {
    await other.create('towns');
  });

  it.each<[string, () => Promise<unknown>]>([
    ['create', () => other.create('cities')],
    ['create from a backup', () => other.create('cities', { fromBackup: 'pamina://cities' })],
    ['rename', () => other.rename('towns', 'cities')],
    ['restore', () => other.restore('towns', { as: 'cities' })],
    ['replicate', () => other.replicate('cities', { master: 'towns' })],
  ])('by %s', async (_verb, call) => {
    await refused(call, 'NAME_TAKEN', /another name/);
    expect(await master.get('cities', 'a')).toBe('1');
  });
});
