// A restore gives back the state that was backed up, or nothing at all.
import { readdir, rm, truncate, writeFile, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Database, readControl } from '@pamina/engine';
import { decodeManifest, encodeManifest, isPaminaError } from '@pamina/format';
import {
  folderSource,
  restore,
  takeBackup,
  type BackupSource,
  type RestoreProgress,
} from '../src/index.js';
import {
  DyingDisk,
  Model,
  env,
  filesBelow,
  flipByte,
  newDatabase,
  openDatabase,
  temporaryFolder,
  userEntries,
} from './support.js';

/** A database with three chunks of data, and the folder of its backup. */
async function backedUp() {
  const database = await newDatabase();
  const model = new Model(database);
  for (let i = 0; i < 5; i++) await model.put(`key-${i}`, Buffer.alloc(600_000, `${i} `));
  const manifest = await takeBackup(database);
  const folder = join(database.folder, 'backups', manifest.id);
  return { database, model, manifest, folder, source: folderSource(env, folder) };
}

async function target(): Promise<{ parent: string; folder: string }> {
  const parent = await temporaryFolder();
  return { parent, folder: join(parent, 'copy') };
}

test('P3 a restored copy opens at the position of the backup with an identity of its own', async () => {
  const { database, model, manifest, source } = await backedUp();
  const { parent, folder } = await target();
  const progress: RestoreProgress[] = [];
  const control = await restore({
    env,
    source,
    folder,
    name: 'copy',
    onProgress: (step) => progress.push(step),
  });
  expect(control).toMatchObject({
    name: 'copy',
    type: 'unassigned',
    pattern: database.identity.pattern,
    timelines: manifest.timelines,
    base: { seq: manifest.position.seq, chain: manifest.chain, time: manifest.createdAt },
    session: manifest.session,
  });
  expect(control.instance).not.toBe(database.control.instance);
  expect(await readControl(env.disk, folder)).toEqual(control);
  expect(await readdir(parent)).toEqual(['copy']);
  const last = (step: string) => progress.findLast((one) => one.step === step);
  expect(last('load')?.done).toBe(manifest.rawBytes);
  expect(last('verify')?.done).toBe(manifest.rawBytes);

  const reader = await openDatabase(folder, { access: 'read' });
  expect(await userEntries(reader)).toEqual(model.at(manifest.position.seq));
  expect((await reader.jobLog.tail(1))[0]).toMatchObject({ event: 'restored' });
  await reader.close();
  const copy = await openDatabase(folder);
  expect(copy.control.type).toBe('normal');
  expect(copy.durable()).toMatchObject({ timeline: 2, seq: manifest.position.seq + 1 });
});

test('P3 any keys and values, of every byte, come back equal with an equal state hash', async () => {
  const key = fc.oneof(
    fc.uint8Array({ minLength: 0, maxLength: 8 }),
    fc
      .uint8Array({ minLength: 0, maxLength: 3 })
      .map((tail) => Buffer.concat([Buffer.alloc(70_000, 0xff), tail])),
  );
  const value = fc.oneof(
    fc.constant(new Uint8Array(0)),
    fc.uint8Array({ maxLength: 40 }),
    fc.uint8Array({ minLength: 1, maxLength: 4 }).map((seed) => Buffer.alloc(400_000, seed)),
  );
  const commits = fc.array(
    fc.array(fc.tuple(key, fc.option(value)), { minLength: 1, maxLength: 6 }),
    {
      maxLength: 8,
    },
  );
  await fc.assert(
    fc.asyncProperty(
      commits,
      fc.constantFrom('brotli-1', 'lz4', 'none'),
      async (history, compression) => {
        const database = await newDatabase();
        const model = new Model(database);
        for (const operations of history) {
          await model.commit(
            operations.map(([key, value]) =>
              value === null ? { type: 'del', key } : { type: 'put', key, value },
            ),
          );
        }
        const manifest = await takeBackup(database, { compression: compression as 'none' });
        expect(manifest.stateHash).toBe(model.hashAt(manifest.position.seq));
        const { folder } = await target();
        const source = folderSource(env, join(database.folder, 'backups', manifest.id));
        await restore({ env, source, folder, name: 'copy' });
        await database.close();
        const copy = await openDatabase(folder, { access: 'read' });
        expect(await userEntries(copy)).toEqual(model.at(manifest.position.seq));
        await copy.close();
      },
    ),
    { numRuns: 12 },
  );
});

test('the initial backup restores to an empty database without a pattern', async () => {
  const database = await newDatabase();
  const source = folderSource(env, join(database.folder, 'backups', 'initial'));
  const { folder } = await target();
  const control = await restore({ env, source, folder, name: 'copy' });
  expect(control).toMatchObject({ pattern: null, base: { seq: 0 }, type: 'unassigned' });
  const copy = await openDatabase(folder);
  expect(copy.identity.pattern).not.toBe(null);
  expect(await userEntries(copy)).toEqual([]);
});

test('P8 an existing database is left as it is', async () => {
  const { source, database } = await backedUp();
  const before = await filesBelow(join(database.folder, 'backups'));
  await expect(
    restore({ env, source, folder: database.folder, name: 'orders' }),
  ).rejects.toMatchObject({ code: 'DATABASE_EXISTS' });
  expect(await filesBelow(join(database.folder, 'backups'))).toEqual(before);
  const { folder } = await target();
  await mkdir(folder);
  await writeFile(join(folder, 'precious'), 'x');
  await expect(restore({ env, source, folder, name: 'copy' })).rejects.toMatchObject({
    code: 'FILE_EXISTS',
  });
  expect(await readdir(folder)).toEqual(['precious']);
});

test('P8 of two restores to one place one is refused', async () => {
  const { source } = await backedUp();
  const { folder, parent } = await target();
  const outcomes = await Promise.allSettled([
    restore({ env, source, folder, name: 'copy' }),
    restore({ env, source, folder, name: 'copy' }),
  ]);
  expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
  const refused = outcomes.find((outcome) => outcome.status === 'rejected');
  expect(refused?.reason).toMatchObject({ code: 'DATABASE_IN_USE' });
  expect(await readdir(parent)).toEqual(['copy']);
});

test('P8 a restore that dies at any step leaves nothing that looks like a database, and the next one clears it away', async () => {
  const { manifest, folder: backup } = await backedUp();
  const { folder, parent } = await target();
  const disk = new DyingDisk();
  for (let step = 1; ; step++) {
    disk.arm(step);
    const outcome = await restore({
      env: disk.env,
      source: folderSource(env, backup),
      folder,
      name: 'copy',
    }).then(
      () => 'restored',
      () => 'died',
    );
    const control = await readControl(env.disk, folder);
    if (control !== null) {
      const copy = await openDatabase(folder, { access: 'read' });
      expect(copy.applied().seq, `${disk.struck}`).toBe(manifest.position.seq);
      await copy.close();
    } else {
      const names = await readdir(parent);
      expect(
        names.every((name) => name.startsWith('.')),
        `${disk.struck}`,
      ).toBe(true);
    }
    if (outcome === 'restored') break;
    if (control !== null) await rm(folder, { recursive: true });
    expect(step).toBeLessThan(100);
  }
  expect((await readdir(parent)).filter((name) => name.includes('restoring'))).toEqual([]);
});

test('P8 an aborted restore leaves nothing behind', async () => {
  const { source } = await backedUp();
  const { folder, parent } = await target();
  for (const step of ['load', 'verify']) {
    const controller = new AbortController();
    const reason = new Error('enough');
    const running = restore({
      env,
      source,
      folder,
      name: 'copy',
      signal: controller.signal,
      onProgress: (progress) => {
        if (progress.step === step) controller.abort(reason);
      },
    });
    await expect(running).rejects.toBe(reason);
    expect(await readdir(parent)).toEqual([]);
  }
});

test('P9 a flipped byte in any file of a backup is found before the copy gets its name', async () => {
  const { folder: backup } = await backedUp();
  const { folder, parent } = await target();
  for (const [name, bytes] of await filesBelow(backup)) {
    for (const at of [0, 9, 20, 36, Math.floor(bytes.length / 2), -1]) {
      await flipByte(join(backup, name), at);
      const error: unknown = await restore({
        env,
        source: folderSource(env, backup),
        folder,
        name: 'copy',
      }).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      await flipByte(join(backup, name), at);
      const expected =
        name === 'manifest' ? ['MANIFEST_INVALID', 'FORMAT_UNKNOWN'] : ['BACKUP_INVALID'];
      expect(isPaminaError(error) ? expected.includes(error.code) : error).toBe(true);
      if (name !== 'manifest') expect(error).toMatchObject({ context: { file: name } });
      expect(await readdir(parent)).toEqual([]);
    }
  }
});

test('P9 a missing, short or long file is refused by name', async () => {
  const { folder: backup, manifest } = await backedUp();
  const file = manifest.chunks[1]?.file ?? '';
  const path = join(backup, file);
  const kept = join(await temporaryFolder(), 'kept');
  await copyFile(path, kept);
  const { folder } = await target();
  const refused = { code: 'BACKUP_INVALID', context: { file } };
  const source = folderSource(env, backup);
  await truncate(path, 30);
  await expect(restore({ env, source, folder, name: 'copy' })).rejects.toMatchObject(refused);
  await rm(path);
  await expect(restore({ env, source, folder, name: 'copy' })).rejects.toMatchObject(refused);
  await writeFile(path, Buffer.concat([await env.disk.readFile(kept), Buffer.of(0)]));
  await expect(restore({ env, source, folder, name: 'copy' })).rejects.toMatchObject(refused);
});

test('P9 a source that swaps, repeats or never ends a file is refused', async () => {
  const { source, manifest } = await backedUp();
  const [first, second] = manifest.chunks.map((chunk) => chunk.file) as [string, string];
  const with_ = (readFile: BackupSource['readFile']): BackupSource => ({
    describe: () => 'a liar',
    readManifest: () => source.readManifest(),
    readFile,
  });
  const swapped = with_((name) => source.readFile(name === first ? second : name));
  const endless = with_(async function* endless() {
    for (;;) {
      await Promise.resolve();
      yield new Uint8Array(1024);
    }
  });
  const broken = with_(() => {
    throw new Error('the cable was cut');
  });
  const { folder, parent } = await target();
  for (const liar of [swapped, endless]) {
    await expect(restore({ env, source: liar, folder, name: 'copy' })).rejects.toMatchObject({
      code: 'BACKUP_INVALID',
      context: { file: first },
    });
  }
  await expect(restore({ env, source: broken, folder, name: 'copy' })).rejects.toThrow('cable');
  expect(await readdir(parent)).toEqual([]);
});

test('P14 a manifest that claims more than a chunk can hold is refused before anything is read', async () => {
  const { source } = await backedUp();
  const manifest = decodeManifest(await source.readManifest());
  const chunks = manifest.chunks.map((chunk) => ({ ...chunk, rawBytes: 2 ** 40 }));
  const rawBytes = 2 ** 40 * chunks.length;
  const bomb: BackupSource = {
    describe: () => 'a bomb',
    readManifest: () => Promise.resolve(encodeManifest({ ...manifest, chunks, rawBytes })),
    readFile: () => {
      throw new Error('it was read');
    },
  };
  const { folder } = await target();
  await expect(restore({ env, source: bomb, folder, name: 'copy' })).rejects.toMatchObject({
    code: 'BACKUP_INVALID',
  });
});

test('P9 a manifest whose state hash is not that of its chunks is refused', async () => {
  const { source } = await backedUp();
  const manifest = decodeManifest(await source.readManifest());
  const bytes = encodeManifest({ ...manifest, stateHash: 'ab'.repeat(32) });
  const liar = { ...source, readManifest: () => Promise.resolve(bytes) };
  const { folder } = await target();
  await expect(restore({ env, source: liar, folder, name: 'copy' })).rejects.toMatchObject({
    code: 'BACKUP_INVALID',
    context: { file: 'manifest' },
  });
});

test('P9 a disk without room for the backup refuses the restore before it begins', async () => {
  const { source } = await backedUp();
  const { folder, parent } = await target();
  const full = { ...env, disk: { ...env.disk, freeBytes: () => Promise.resolve(10) } };
  await expect(restore({ env: full, source, folder, name: 'copy' })).rejects.toMatchObject({
    code: 'DISK_FULL',
  });
  expect(await readdir(parent)).toEqual([]);
});

test('a restored copy is another database: a second name for it is refused, another place is not', async () => {
  const { source } = await backedUp();
  const { folder, parent } = await target();
  await restore({ env, source, folder, name: 'copy' });
  await expect(restore({ env, source, folder, name: 'other' })).rejects.toMatchObject({
    code: 'DATABASE_EXISTS',
  });
  await restore({ env, source, folder: join(parent, 'other'), name: 'other' });
  await expect(restore({ env, source, folder, name: '../x' })).rejects.toMatchObject({
    code: 'NAME_INVALID',
  });
  const copies = [folder, join(parent, 'other')];
  const open = await Promise.all(
    copies.map((path) => Database.open(path, { env, access: 'read' })),
  );
  expect(new Set(open.map((copy) => copy.identity.instance)).size).toBe(2);
  await Promise.all(open.map((copy) => copy.close()));
});
