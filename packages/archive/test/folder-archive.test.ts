// An archive in a folder: the contract, and what only files can do.
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readObject } from '../src/collect.js';
import { FolderArchive } from '../src/folder-archive.js';
import { archiveContract } from './archive-contract.js';
import { env, temporaryFolder } from './support.js';

archiveContract(
  'folder',
  async () => new FolderArchive(env, join(await temporaryFolder(), 'archive')),
);

const bytes = new TextEncoder().encode('content');

test('P8 what a crash left beside an object is never listed, and goes when it is old', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'a'));
  const [young, old] = ['x.tmp-0123456789abcdef', 'y.tmp-0123456789abcdef'];
  await writeFile(join(folder, 'a', young), 'half');
  await writeFile(join(folder, 'a', old), 'half');
  await utimes(join(folder, 'a', old), 1, 1);
  const archive = new FolderArchive(env, folder);
  expect(await archive.list('')).toEqual([]);
  await archive.putIfAbsent('a/object', bytes);
  expect((await readdir(join(folder, 'a'))).sort()).toEqual(['object', young]);
});

test('P8 a link whose answer was lost is found to be one’s own', async () => {
  const folder = await temporaryFolder();
  const disk = {
    ...env.disk,
    createFile: async (path: string, content: Uint8Array) => {
      await env.disk.createFile(path, content);
      await env.disk.createFile(path, content);
    },
  };
  const archive = new FolderArchive({ disk, clock: env.clock }, folder);
  expect(await archive.putIfAbsent('object', bytes)).toBe('same');
  expect(await readObject(archive, 'object', 100)).toEqual(bytes);
});
