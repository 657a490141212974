import { Level } from 'level';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { adopt } from '../src/adopt.js';
import { readControl } from '../src/control.js';
import { Database } from '../src/database.js';
import {
  FaultyDisk,
  codeOf,
  crashCopy,
  env,
  openDatabase,
  temporaryFolder,
  there,
} from './workbench.js';

type Plain = Level<Buffer, Buffer>;
const bytes = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;

async function openPlain(folder: string): Promise<Plain> {
  const level = new Level<Buffer, Buffer>(folder, { ...bytes, createIfMissing: false });
  await level.open();
  return level;
}

/** Byte keys of all kinds, and values from nothing to three commits' worth. */
function someEntries(): [Buffer, Buffer][] {
  const entries = Array.from({ length: 256 }, (_, byte): [Buffer, Buffer] => [
    Buffer.of(byte, 0, 255 - byte),
    Buffer.alloc(byte * 3, byte),
  ]);
  return [...entries, [Buffer.from('zz'), Buffer.alloc(0)]];
}

async function plainLevel(entries = someEntries()): Promise<string> {
  const folder = join(await temporaryFolder(), 'orders');
  const level = new Level<Buffer, Buffer>(folder, bytes);
  await level.batch(entries.map(([key, value]) => ({ type: 'put' as const, key, value })));
  await level.close();
  return folder;
}

async function expectEntries(
  entries: AsyncIterable<[Uint8Array, Uint8Array]>,
  expected: [Buffer, Buffer][],
): Promise<void> {
  const found: [Buffer, Buffer][] = [];
  for await (const [key, value] of entries) found.push([Buffer.from(key), Buffer.from(value)]);
  const sorted = expected.toSorted(([a], [b]) => Buffer.compare(a, b));
  expect(found).toHaveLength(sorted.length);
  for (const [index, [key, value]] of sorted.entries()) {
    expect(there(found[index])[0].equals(key)).toBe(true);
    expect(there(found[index])[1].equals(value)).toBe(true);
  }
}

test('a plain LevelDB becomes a database with the same entries; its files are kept', async () => {
  const folder = await plainLevel();
  const adopted = await adopt(folder, { env });
  expect(adopted).toEqual({
    name: 'orders',
    entries: 257,
    keptIn: join(folder, 'leveldb-before-pamina'),
  });
  const database = await openDatabase(folder);
  expect(database.control).toMatchObject({ name: 'orders', type: 'normal' });
  await expectEntries(database.entries(), someEntries());
  await database.put('new', '1');
  const level = await openPlain(adopted.keptIn);
  await expectEntries(level.iterator(), someEntries());
  await level.close();
  const names = await readdir(folder);
  expect(names.filter((name) => /^(CURRENT|MANIFEST|LOCK|pamina-adopting)/.test(name))).toEqual([]);
});

test('values of many megabytes and many of them are brought over in several commits', async () => {
  const big: [Buffer, Buffer][] = [
    [Buffer.from('a'), Buffer.alloc(20 * 1024 * 1024, 1)],
    [Buffer.from('b'), Buffer.alloc(900_000, 2)],
    [Buffer.from('c'), Buffer.alloc(900_000, 3)],
    [Buffer.from('d'), Buffer.alloc(5, 4)],
  ];
  const folder = await plainLevel(big);
  const progress: number[] = [];
  await adopt(folder, { env, onProgress: ({ entries }) => progress.push(entries) });
  expect(progress).toEqual([1, 3]);
  await expectEntries((await openDatabase(folder)).entries(), big);
});

test('P8 stopped at any step an adoption leaves a plain LevelDB or a whole database', async () => {
  const entries = someEntries().slice(0, 20);
  const source = await plainLevel(entries);
  const outcomes = new Set<string>();
  for (let steps = 0; ; steps += steps < 150 ? 3 : 1) {
    const folder = await crashCopy(source);
    const faulty = new FaultyDisk();
    faulty.stopAfter(steps);
    const error = await adopt(folder, { env: faulty.env }).then(
      () => null,
      (reason: unknown) => reason,
    );
    if ((await readControl(env.disk, folder)) === null) {
      outcomes.add('plain');
      expect(await codeOf(Database.open(folder, { env }))).toBe('LEVEL_STORE_FOUND');
      const level = await openPlain(folder);
      await expectEntries(level.iterator(), entries);
      await level.close();
      if (steps % 9 === 0) await adopt(folder, { env });
    } else {
      outcomes.add('database');
    }
    if ((await readControl(env.disk, folder)) !== null) {
      const database = await openDatabase(folder);
      await expectEntries(database.entries(), entries);
      await database.close();
    }
    await env.disk.removeTree(folder);
    if (error === null) break;
  }
  expect([...outcomes]).toEqual(['plain', 'database']);
}, 120_000);

test('P9 what the user keeps beside the LevelDB is neither moved nor overwritten', async () => {
  const folder = await plainLevel();
  await mkdir(join(folder, 'backups'));
  await writeFile(join(folder, 'backups/mine'), 'mine');
  expect(await codeOf(adopt(folder, { env }))).toBe('FILE_EXISTS');
  expect(await readdir(join(folder, 'backups'))).toEqual(['mine']);
  await (await openPlain(folder)).close();
  await env.disk.rename(join(folder, 'backups'), join(folder, 'notes'));
  await adopt(folder, { env });
  expect(await readdir(join(folder, 'notes'))).toEqual(['mine']);
});

test('what is no LevelDB, is in use, or is a database already is refused', async () => {
  const folder = await temporaryFolder();
  expect(await codeOf(adopt(folder, { env }))).toBe('DATABASE_NOT_FOUND');
  const plain = await plainLevel();
  const level = await openPlain(plain);
  expect(await codeOf(adopt(plain, { env }))).toBe('DATABASE_IN_USE');
  await level.close();
  await adopt(plain, { env });
  expect(await codeOf(adopt(plain, { env }))).toBe('DATABASE_EXISTS');
});

test('an adoption that is aborted or fails leaves the LevelDB as it was', async () => {
  const folder = await plainLevel();
  const before = (await readdir(folder)).filter((name) => !/^(LOG|MANIFEST|\d)/.test(name));
  const reason = new Error('enough');
  await expect(adopt(folder, { env, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const after = (await readdir(folder)).filter((name) => !/^(LOG|MANIFEST|\d)/.test(name));
  expect(after).toEqual(before);
  await adopt(folder, { env });
});
