import { decodeManifest } from '@pamina/format';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Level } from 'level';
import { expect, test, vi } from 'vitest';
import { readControl } from '../src/control.js';
import { createDatabase, nameFromFolder } from '../src/create-database.js';
import { Database } from '../src/database.js';
import { StateStore } from '../src/state-store.js';
import { FaultyDisk, codeOf, env, openDatabase, temporaryFolder, there } from './workbench.js';

test('a new database has a name, a first timeline, no pattern and an initial backup', async () => {
  const folder = join(await temporaryFolder(), 'orders');
  const control = await createDatabase(folder, { env });
  expect(control).toEqual(await readControl(env.disk, folder));
  expect(control).toMatchObject({ name: 'orders', type: 'normal', pattern: null, session: 0 });
  expect(control.timelines).toMatchObject([{ timeline: 1, forkedFrom: null, atSeq: 0 }]);
  const manifest = decodeManifest(
    await env.disk.readFile(join(folder, 'backups/initial/manifest')),
  );
  expect(manifest).toMatchObject({
    kind: 'initial',
    pattern: null,
    position: { timeline: 1, seq: 0 },
    chain: control.base.chain,
  });
});

test('P5 the logs of two new databases never fit each other', async () => {
  const parent = await temporaryFolder();
  const first = await createDatabase(join(parent, 'one'), { env });
  const second = await createDatabase(join(parent, 'two'), { env });
  expect(first.base.chain).not.toBe(second.base.chain);
  expect(there(first.timelines[0]).id).not.toBe(there(second.timelines[0]).id);
  expect(first.instance).not.toBe(second.instance);
});

test.each([
  ['beside, where nothing is yet', false],
  ['inside, where an empty folder is', true],
])(
  'P8 create %s: stopped at any step it leaves nothing or a whole database',
  async (_, isThere) => {
    const outcomes = new Set<string>();
    for (let steps = 0; ; steps++) {
      const folder = join(await temporaryFolder(), 'orders');
      if (isThere) await mkdir(folder);
      const faulty = new FaultyDisk();
      faulty.stopAfter(steps);
      const error = await createDatabase(folder, { env: faulty.env }).then(
        () => null,
        (reason: unknown) => reason,
      );
      const control = (await env.disk.stat(folder)) && (await readControl(env.disk, folder));
      outcomes.add(control === null ? 'nothing' : 'whole');
      if (control === null) await createDatabase(folder, { env });
      const database = await openDatabase(folder);
      await database.put('a', '1');
      await database.close();
      if (error === null) break;
    }
    expect([...outcomes]).toEqual(['nothing', 'whole']);
  },
);

test('P9 a folder that holds something else is refused and left as it is', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'note.txt'), 'mine');
  expect(await codeOf(createDatabase(folder, { env }))).toBe('FILE_EXISTS');
  expect((await env.disk.list(folder)).map(({ name }) => name)).toEqual(['note.txt']);
});

test('a folder that is there already stays: it may be a mount point, or a symbolic link to a folder', async () => {
  const parent = await temporaryFolder();
  await mkdir(join(parent, 'volume/lost+found'), { recursive: true });
  await symlink(join(parent, 'volume'), join(parent, 'orders'));
  const before = await env.disk.stat(join(parent, 'volume'));
  await createDatabase(join(parent, 'orders'), { env });
  expect(before?.isFolder).toBe(true);
  expect(await readControl(env.disk, join(parent, 'volume'))).toMatchObject({ name: 'orders' });
  expect((await env.disk.list(parent)).map(({ name }) => name)).toEqual(['orders', 'volume']);
});

test('a database is not created twice, and a plain LevelDB is not overwritten', async () => {
  const folder = join(await temporaryFolder(), 'orders');
  await createDatabase(folder, { env });
  expect(await codeOf(createDatabase(folder, { env }))).toBe('DATABASE_EXISTS');
  const plain = join(await temporaryFolder(), 'plain');
  const level = new Level(plain);
  await level.put('a', '1');
  await level.close();
  expect(await codeOf(createDatabase(plain, { env }))).toBe('LEVEL_STORE_FOUND');
  expect(await codeOf(Database.open(plain, { env }))).toBe('LEVEL_STORE_FOUND');
});

test('of two that create one database at the same time one is told that it exists', async () => {
  const folder = join(await temporaryFolder(), 'orders');
  const results = await Promise.allSettled([
    createDatabase(folder, { env }),
    createDatabase(folder, { env }),
  ]);
  const failed = results.filter((result) => result.status === 'rejected');
  expect(failed).toMatchObject([{ reason: { code: 'DATABASE_EXISTS' } }]);
  await openDatabase(folder);
});

test('what a crash left long ago is removed by the next creation in its place', async () => {
  const folder = join(await temporaryFolder(), 'orders');
  const parent = dirname(folder);
  await mkdir(join(parent, `.${basename(folder)}.creating-old`));
  await mkdir(join(parent, '.other.creating-old'));
  const later = { ...env.clock, now: () => env.clock.now() + 2 * 60 * 60 * 1000 };
  await createDatabase(folder, { env: { ...env, clock: later } });
  const names = (await env.disk.list(parent)).map(({ name }) => name);
  expect(names).toEqual(['.other.creating-old', 'orders']);
});

test.each([
  ['/data/orders', 'orders'],
  ['/data/Ä orders 2', 'orders-2'],
  ['/data/..hidden', 'hidden'],
  ['/data/a..b', 'a.b'],
  ['/data/---', 'database'],
])('the folder %s gives the name %s', (folder, name) => {
  expect(nameFromFolder(folder)).toBe(name);
});

test('P8 P9 what LevelDB says when its disk fails has a code, and no database is there', async () => {
  const folder = join(await temporaryFolder(), 'orders');
  const full = new Error('IO error: store/000003.log: No space left on device');
  const initialize = vi.spyOn(StateStore.prototype, 'initialize').mockRejectedValueOnce(full);
  try {
    expect(await codeOf(createDatabase(folder, { env }))).toBe('STORE_ERROR');
  } finally {
    initialize.mockRestore();
  }
  expect(await env.disk.list(dirname(folder))).toEqual([]);
  await createDatabase(folder, { env });
});
