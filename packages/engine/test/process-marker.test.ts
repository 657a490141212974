import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Disk } from '@pamina/env';
import { expect, test } from 'vitest';
import { ProcessMarker } from '../src/process-marker.js';
import {
  codeOf,
  crashCopy,
  env,
  newDatabase,
  openDatabase,
  temporaryFolder,
  there,
} from './workbench.js';

const { disk, clock } = env;

async function markersIn(folder: string): Promise<string[]> {
  const names = (await disk.list(folder)).map(({ name }) => name);
  return names.filter((name) => name.startsWith('open-in-'));
}

/** A process whose id and boot are these, started at another time: as pid 1 in a restarted container. */
function startedAt(ticks: number): Disk {
  return {
    ...disk,
    readFileIfPresent: async (path) => {
      if (path !== '/proc/self/stat') return disk.readFileIfPresent(path);
      const fields = ['1 (a ) b', 'S', ...Array.from({ length: 18 }, () => '0'), ticks, '0'];
      return new TextEncoder().encode(fields.join(' ').replace('b S', 'b) S'));
    },
  };
}

test('a process has one marker in a folder', async () => {
  const folder = await temporaryFolder();
  const marker = await ProcessMarker.create(disk, clock, folder);
  expect(await codeOf(ProcessMarker.create(disk, clock, folder))).toBe('DATABASE_IN_USE');
  await marker.remove();
  await marker.remove();
  expect(await markersIn(folder)).toEqual([]);
  await ProcessMarker.create(disk, clock, folder);
});

test('the marker of a killed process with the same id keeps nobody out and is removed', async () => {
  const folder = await temporaryFolder();
  await ProcessMarker.create(startedAt(100), clock, folder);
  expect(await codeOf(ProcessMarker.create(startedAt(100), clock, folder))).toBe('DATABASE_IN_USE');
  const next = await ProcessMarker.create(startedAt(101), clock, folder);
  expect(await markersIn(folder)).toHaveLength(2);
  await next.confirm();
  expect(await markersIn(folder)).toHaveLength(1);
});

test('a marker that another process took for stale is made again', async () => {
  const folder = await temporaryFolder();
  const marker = await ProcessMarker.create(disk, clock, folder);
  const [name] = await markersIn(folder);
  await disk.remove(join(folder, there(name)));
  await marker.confirm();
  expect(await markersIn(folder)).toEqual([name]);
});

test('without /proc the start is told by the clock', async () => {
  const folder = await temporaryFolder();
  const bare: Disk = { ...disk, readFileIfPresent: () => Promise.resolve(null) };
  await ProcessMarker.create(bare, clock, folder);
  expect(await codeOf(ProcessMarker.create(bare, clock, folder))).toBe('DATABASE_IN_USE');
  const later = { ...clock, now: () => clock.now() + 60_000 };
  await ProcessMarker.create(bare, later, folder);
});

test('a copy of a folder in use can be opened in the same process', async () => {
  const database = await newDatabase();
  const copy = await openDatabase(await crashCopy(database.folder));
  expect(await markersIn(copy.folder)).toHaveLength(1);
});

test('an open database has one marker, a closed one none', async () => {
  const database = await newDatabase();
  await writeFile(join(database.folder, 'open-in-0123abcd-1-99'), '');
  expect(await markersIn(database.folder)).toHaveLength(2);
  await database.close();
  await openDatabase(database.folder);
  expect(await markersIn(database.folder)).toHaveLength(1);
});
