// Verification reads everything and trusts nothing.
import { copyFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folderSource, takeBackup, verifyBackup } from '../src/index.js';
import { Model, env, filesBelow, flipByte, newDatabase } from './support.js';

async function backedUp() {
  const database = await newDatabase();
  const model = new Model(database);
  for (let i = 0; i < 5; i++) await model.put(`key-${i}`, Buffer.alloc(600_000, `${i} `));
  const manifest = await takeBackup(database);
  const folder = join(database.folder, 'backups', manifest.id);
  return { database, manifest, folder, source: folderSource(env, folder) };
}

test('P9 a whole backup is called good, with the state hash that its entries have', async () => {
  const { manifest, source, database } = await backedUp();
  const progress: number[] = [];
  const found = await verifyBackup(source, { onProgress: ({ done }) => progress.push(done) });
  expect(found).toEqual({ manifest, stateHash: manifest.stateHash });
  expect(progress.at(-1)).toBe(manifest.rawBytes);
  const initial = folderSource(env, join(database.folder, 'backups', 'initial'));
  expect((await verifyBackup(initial)).manifest.kind).toBe('initial');
});

test('P9 a flipped byte anywhere in any file is found, with the file named', async () => {
  const { folder, source } = await backedUp();
  for (const [name, bytes] of await filesBelow(folder)) {
    const step = Math.max(1, Math.floor(bytes.length / 25));
    for (let at = 0; at < bytes.length; at += step) {
      await flipByte(join(folder, name), at);
      const found = verifyBackup(source);
      if (name === 'manifest') await expect(found).rejects.toThrow(/manifest/);
      else {
        await expect(found).rejects.toMatchObject({
          code: 'BACKUP_INVALID',
          context: { file: name },
        });
      }
      await flipByte(join(folder, name), at);
    }
  }
  await verifyBackup(source);
});

test('P9 a file that the manifest does not name is not called good', async () => {
  const { folder, source } = await backedUp();
  await copyFile(join(folder, 'chunk-000000.pbk'), join(folder, 'chunk-000009.pbk'));
  await expect(verifyBackup(source)).rejects.toMatchObject({
    code: 'BACKUP_INVALID',
    context: { file: 'chunk-000009.pbk' },
  });
});

test('P9 two files that were exchanged are found', async () => {
  const { folder, source } = await backedUp();
  const [one, other, aside] = ['chunk-000000.pbk', 'chunk-000001.pbk', 'aside'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  await rename(one, aside);
  await rename(other, one);
  await rename(aside, other);
  await expect(verifyBackup(source)).rejects.toMatchObject({
    code: 'BACKUP_INVALID',
    context: { file: 'chunk-000000.pbk' },
  });
});

test('a folder without a manifest is no backup', async () => {
  const { database } = await backedUp();
  await writeFile(join(database.folder, 'backups', 'note.txt'), 'x');
  const source = folderSource(env, join(database.folder, 'backups'));
  await expect(verifyBackup(source)).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' });
});

test('a verification can be aborted', async () => {
  const { source } = await backedUp();
  const controller = new AbortController();
  const reason = new Error('enough');
  const running = verifyBackup(source, {
    signal: controller.signal,
    onProgress: () => controller.abort(reason),
  });
  await expect(running).rejects.toBe(reason);
});
