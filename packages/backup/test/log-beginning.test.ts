// The beginning of the segment that a copy stands in: laid out where it is lacking, and never from the
// log of another history.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Database } from '@pamina/engine';
import {
  folderSource,
  layLogBeginning,
  logFolderSource,
  restore,
  takeBackup,
} from '../src/index.js';
import { env, filesBelow, newDatabase, openDatabase, temporaryFolder } from './support.js';

const sourceOf = (database: Database) =>
  logFolderSource({ disk: env.disk, folder: join(database.folder, 'log') });

/** A copy in the middle of a segment: of a backup of a database that is only read, which writes no mark. */
async function copyOf(folder: string): Promise<{ master: Database; copy: string }> {
  const reader = await openDatabase(folder, { access: 'read' });
  const { id } = await takeBackup(reader, { form: 'physical' });
  await reader.close();
  const copy = join(await temporaryFolder(), 'copy');
  await restore({
    env,
    source: folderSource(env, join(folder, 'backups', id)),
    folder: copy,
    name: 'copy',
  });
  return { master: await openDatabase(folder, { access: 'read' }), copy };
}

async function filled(keys: readonly string[]): Promise<string> {
  const database = await newDatabase();
  for (const key of keys) await database.put(key, key.repeat(100));
  await database.close();
  return database.folder;
}

test('P3 what is laid out is the master’s segment byte for byte, up to the copy’s record', async () => {
  const { copy, master } = await copyOf(await filled(['a', 'b', 'c']));
  expect(await layLogBeginning({ env, folder: copy, source: sourceOf(master) })).toBe(true);
  const [segment] = master.log.segments();
  const laid = await readFile(join(copy, 'log', segment?.name ?? ''));
  const own = await readFile(segment?.path ?? '');
  expect(laid.length).toBeGreaterThan(300);
  expect(own.subarray(0, laid.length).equals(laid)).toBe(true);
  // Once is enough.
  expect(await layLogBeginning({ env, folder: copy, source: sourceOf(master) })).toBe(false);
  const opened = await openDatabase(copy, { access: 'read' });
  expect(opened.durable()).toMatchObject({
    seq: master.durable().seq,
    chain: master.durable().chain,
  });
  expect(await readdir(copy)).not.toContain('log-beginning');
});

test('P5 from the log of another history nothing is laid out', async () => {
  const { copy } = await copyOf(await filled(['a', 'b', 'c']));
  const other = await openDatabase(await filled(['x', 'y', 'z']), { access: 'read' });
  const foreign = sourceOf(other);
  const disguised = {
    ...foreign,
    segments: async () => {
      const [timeline] = (await env.disk.readFile(join(copy, 'control.json')).then(textOf))
        .timelines;
      return (await foreign.segments()).map((entry) => ({
        ...entry,
        timelineId: timeline?.id ?? '',
      }));
    },
  };
  const before = await filesBelow(join(copy, 'store'));
  for (const source of [foreign, disguised]) {
    const attempt = layLogBeginning({ env, folder: copy, source });
    expect(await attempt.catch((error: { code?: string }) => error.code)).toBeOneOf([
      false,
      'LOG_DAMAGED',
      'DIVERGED',
    ]);
    expect([...(await filesBelow(copy)).keys()].filter((name) => name.endsWith('.seg'))).toEqual(
      [],
    );
  }
  expect(await filesBelow(join(copy, 'store'))).toEqual(before);
});

test('a copy at the beginning of a segment needs nothing, nor one whose segment is gone', async () => {
  const database = await newDatabase();
  await database.put('a', '1');
  const { id } = await takeBackup(database, { form: 'physical', audit: false });
  await database.put('b', '2');
  const copy = join(await temporaryFolder(), 'copy');
  const source = folderSource(env, join(database.folder, 'backups', id));
  await restore({ env, source, folder: copy, name: 'copy' });
  expect(await layLogBeginning({ env, folder: copy, source: sourceOf(database) })).toBe(false);
  const empty = { ...sourceOf(database), segments: () => Promise.resolve([]) };
  expect(await layLogBeginning({ env, folder: copy, source: empty })).toBe(false);
});

function textOf(bytes: Uint8Array): { readonly timelines: readonly { readonly id: string }[] } {
  return JSON.parse(new TextDecoder().decode(bytes)) as ReturnType<typeof textOf>;
}
