// The list shows every backup, the damaged ones with what is wrong.
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findBackup } from '../src/backup-list.js';
import { folderSource, listBackups, takeBackup } from '../src/index.js';
import { Model, env, flipByte, newDatabase, temporaryFolder } from './support.js';

async function three() {
  const database = await newDatabase();
  const model = new Model(database);
  const manifests = [];
  for (const tag of ['one', 'two', undefined]) {
    await model.put('key', Buffer.alloc(5000, tag ?? 'three'));
    manifests.push(await takeBackup(database, { tag }));
  }
  const folder = join(database.folder, 'backups');
  return {
    database,
    folder,
    manifests,
    ids: manifests.map(({ id }) => id) as [string, string, string],
  };
}

test('newest first, the initial one last, with sizes', async () => {
  const { folder, ids, manifests } = await three();
  const listed = await listBackups(env, folder);
  expect(listed.map(({ id }) => id)).toEqual([...ids.toReversed(), 'initial']);
  expect(listed.map(({ problem }) => problem)).toEqual([null, null, null, null]);
  expect(listed[0]?.manifest).toEqual(manifests[2]);
  const chunks = manifests[2]?.chunks.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0;
  expect(listed[0]?.bytes).toBeGreaterThan(chunks);
});

test('a folder that is not there holds no backups', async () => {
  expect(await listBackups(env, join(await temporaryFolder(), 'missing'))).toEqual([]);
});

test('P9 damaged backups are listed with what is wrong and where', async () => {
  const { folder, ids } = await three();
  await flipByte(join(folder, ids[0], 'manifest'), 30);
  await rm(join(folder, ids[1], 'chunk-000000.pbk'));
  await writeFile(join(folder, ids[2], 'chunk-000000.pbk'), 'short');
  await mkdir(join(folder, 'stray'));
  const problems = new Map(
    (await listBackups(env, folder)).map(({ id, problem }) => [id, problem]),
  );
  expect(problems.get(ids[0])).toMatchObject({ code: 'MANIFEST_INVALID' });
  expect(problems.get(ids[0])?.message).toContain(join(ids[0], 'manifest'));
  expect(problems.get(ids[1])).toMatchObject({
    code: 'BACKUP_INVALID',
    context: { file: 'chunk-000000.pbk' },
  });
  expect(problems.get(ids[2])?.message).toContain('5 bytes instead of');
  expect(problems.get('stray')).toMatchObject({ code: 'BACKUP_NOT_FOUND' });
  expect(problems.get('initial')).toBe(null);
});

test('P8 what is not whole yet, or being removed, is not listed', async () => {
  const { folder, ids } = await three();
  await cp(join(folder, ids[0]), join(folder, '0000000000000099-1.partial'), { recursive: true });
  await cp(join(folder, ids[0]), join(folder, '0000000000000098-1.removing'), { recursive: true });
  expect(await listBackups(env, folder)).toHaveLength(4);
});

test('a backup is found by id, by tag, or as the newest good one', async () => {
  const { folder, ids } = await three();
  expect((await findBackup(env, folder, ids[0])).id).toBe(ids[0]);
  expect((await findBackup(env, folder, 'two')).id).toBe(ids[1]);
  expect((await findBackup(env, folder, 'initial')).manifest.kind).toBe('initial');
  expect((await findBackup(env, folder, null)).id).toBe(ids[2]);
  await expect(findBackup(env, folder, 'four')).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' });
  await rm(join(folder, ids[2], 'chunk-000000.pbk'));
  expect((await findBackup(env, folder, null)).id).toBe(ids[1]);
  await expect(findBackup(env, folder, ids[2])).rejects.toMatchObject({ code: 'BACKUP_INVALID' });
});

test('the initial backup is never taken for the newest', async () => {
  const database = await newDatabase();
  const folder = join(database.folder, 'backups');
  await expect(findBackup(env, folder, null)).rejects.toMatchObject({
    code: 'BACKUP_NOT_FOUND',
    message: expect.stringContaining('only its initial backup') as string,
  });
});

test('P14 a source gives no file from outside the folder of its backup', async () => {
  const { folder, ids } = await three();
  const source = folderSource(env, join(folder, ids[0]));
  const names = ['../initial/manifest', '..', '/etc/passwd', '.hidden', 'a/b', '', 'chunk-9.pbk'];
  for (const name of names) {
    const read = async () => {
      for await (const piece of source.readFile(name)) expect(piece).toBe(null);
    };
    await expect(read()).rejects.toMatchObject({ code: 'BACKUP_INVALID' });
  }
});

test('P13 a manifest larger than one can be is refused without being read', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'manifest'), '');
  const huge = { ...env, disk: { ...env.disk, stat: () => Promise.resolve(hugeFile) } };
  await expect(folderSource(huge, folder).readManifest()).rejects.toMatchObject({
    code: 'MANIFEST_INVALID',
  });
});

const hugeFile = {
  isFolder: false,
  bytes: 2 ** 40,
  modifiedMs: 0,
  changedMs: 0,
  permissions: null,
};
