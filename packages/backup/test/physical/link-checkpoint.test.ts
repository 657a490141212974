// Checkpoints of a LevelDB that compacts all the time: each holds exactly what was written until then, and
// the live store is none the worse (FACTS, hazard 5).
import { readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PaminaError } from '@pamina/format';
import { linkCheckpoint, type Checkpoint } from '../../src/physical/link-checkpoint.js';
import { scrubTables } from '../../src/level/scrub.js';
import { compact, openLevel, type RawLevel } from '../level/support.js';
import { env, temporaryFolder } from '../support.js';

/** As a backup copies it: logs only as far as they were then. */
async function copied(checkpoint: Checkpoint): Promise<string> {
  const folder = await temporaryFolder();
  for (const { name, bytes } of [...checkpoint.tables, ...checkpoint.logs]) {
    const content = await readFile(join(checkpoint.folder, name));
    await writeFile(join(folder, name), content.subarray(0, bytes));
  }
  await writeFile(join(folder, checkpoint.manifestName), checkpoint.manifestBytes);
  await writeFile(join(folder, 'CURRENT'), `${checkpoint.manifestName}\n`);
  return folder;
}

async function contentOf(level: RawLevel): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const [key, value] of level.iterator())
    found.set(key.toString(), `${value.length} ${value.subarray(-8).toString()}`);
  return found;
}

test('P3 a checkpoint under compactions is exactly the state, and the store goes on', async () => {
  const folder = join(await temporaryFolder(), 'store');
  const small = { writeBufferSize: 64 * 1024, maxFileSize: 1024 * 1024 };
  const level = await openLevel(folder, small);
  const model = new Map<string, string>();
  let written = 0;
  const write = async (): Promise<void> => {
    const batch = level.batch();
    for (let i = 0; i < 100; i++, written++) {
      const key = `key-${(written * 7919) % 3000}`;
      const value = 'x'.repeat((written * 31) % 700) + String(written).padStart(8, '0');
      batch.put(Buffer.from(key), Buffer.from(value));
      model.set(key, `${value.length} ${value.slice(-8)}`);
    }
    await batch.write();
  };
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 20; i++) await write();
    const compacting = round % 3 === 0 ? compact(level) : Promise.resolve();
    const into = await temporaryFolder();
    const checkpoint = await linkCheckpoint(env.disk, folder, into);
    const expected = new Map(model);
    for (let i = 0; i < 5; i++) await write();
    const copy = await copied(checkpoint);
    expect(await scrubTables(env.disk, copy)).toMatchObject({ damage: [] });
    const opened = await openLevel(copy);
    expect((await contentOf(opened)).size).toBe(expected.size);
    expect(
      [...(await contentOf(opened))].every(([key, value]) => expected.get(key) === value),
    ).toBe(true);
    await opened.close();
    await compacting;
  }
  await level.close();
  const again = await openLevel(folder, small);
  expect(await contentOf(again)).toEqual(model);
  await again.close();
  expect(await scrubTables(env.disk, folder)).toMatchObject({ damage: [] });
});

test('a compaction that ends within it is noticed, and it is done again', async () => {
  const folder = join(await temporaryFolder(), 'store');
  const level = await openLevel(folder, { writeBufferSize: 64 * 1024 });
  for (let i = 0; i < 3000; i++) {
    await level.put(Buffer.from(`key-${i}`), Buffer.alloc(200, i));
  }
  const into = await temporaryFolder();
  let links = 0;
  const disk = {
    ...env.disk,
    link: async (from: string, to: string) => {
      // In the middle of the first attempt.
      if (++links === 2) await compact(level);
      await env.disk.link(from, to);
    },
  };
  const checkpoint = await linkCheckpoint(disk, folder, into);
  expect(links).toBeGreaterThan(checkpoint.tables.length + checkpoint.logs.length);
  const opened = await openLevel(await copied(checkpoint));
  expect((await contentOf(opened)).size).toBe(3000);
  await opened.close();
  await level.close();
});

test('tables are linked and never copied; LOCK is left alone; a store that never rests is given up', async () => {
  const folder = join(await temporaryFolder(), 'store');
  const level = await openLevel(folder, { writeBufferSize: 64 * 1024 });
  for (let i = 0; i < 3000; i++) await level.put(Buffer.from(`key-${i}`), Buffer.alloc(200, i));
  const into = await temporaryFolder();
  const { tables } = await linkCheckpoint(env.disk, folder, into);
  const links = await Promise.all(tables.map(({ name }) => stat(join(into, name))));
  expect(links.some(({ nlink }) => nlink === 2)).toBe(true);
  expect(await readdir(into)).not.toContain('LOCK');
  const restless = {
    ...env.disk,
    link: () => Promise.reject(new PaminaError('FILE_NOT_FOUND', 'it was compacted')),
  };
  await rm(into, { recursive: true });
  await expect(linkCheckpoint(restless, folder, into)).rejects.toMatchObject({
    code: 'STORE_ERROR',
  });
  await level.close();
});
