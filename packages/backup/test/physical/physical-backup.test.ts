// Physical backups: the files of a running store, exactly at one position, each stored once.
import { link, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Database } from '@pamina/engine';
import type { Env } from '@pamina/env';
import { PaminaError, encodeManifest, type BackupManifest } from '@pamina/format';
import {
  expireBackups,
  folderSource,
  hashState,
  listBackups,
  recoverScratch,
  restore,
  takeBackup,
  verifyBackup,
} from '../../src/index.js';
import { firstFile } from '../level/support.js';
import {
  Model,
  env,
  filesBelow,
  flipByte,
  newDatabase,
  openDatabase,
  temporaryFolder,
  userEntries,
} from '../support.js';

const physical = { form: 'physical' } as const;

const folderOf = (database: Database, { id }: BackupManifest): string =>
  join(database.folder, 'backups', id);

async function restored(database: Database, manifest: BackupManifest): Promise<Database> {
  const folder = join(await temporaryFolder(), 'copy');
  const source = folderSource(env, folderOf(database, manifest));
  await restore({ env, source, folder, name: 'copy' });
  return openDatabase(folder, { access: 'read' });
}

/** Puts what stands in LevelDB's log into tables. */
async function reopened(database: Database): Promise<Database> {
  const { folder } = database;
  await database.close();
  return openDatabase(folder);
}

async function putMany(database: Database, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += 500) {
    await database.commit(
      Array.from({ length: 500 }, (_, i) => ({
        type: 'put' as const,
        key: `document-${String(at + i).padStart(8, '0')}`,
        value: `${at + i} `.repeat(40),
      })),
    );
  }
}

async function inodes(folder: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const name of await readdir(folder)) found.set(name, (await stat(join(folder, name))).ino);
  return found;
}

test('P2 P3 a physical backup under concurrent writers holds exactly the state at its position', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  for (let i = 0; i < 300; i++) await model.put(`before-${i % 50}`, `value ${i}`);
  const done = new AbortController();
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let i = 0; !done.signal.aborted || i < 50; i++) {
      await model.commit([
        { type: 'put', key: `left-${writer}-${i % 40}`, value: `${i}`.repeat(200) },
        { type: 'put', key: `right-${writer}-${i % 40}`, value: `${i}`.repeat(200) },
        { type: 'del', key: `before-${(i * 7 + writer) % 50}` },
      ]);
    }
  });
  const manifests = [
    await takeBackup(database, { ...physical, tag: 'first' }),
    await takeBackup(database, { ...physical, stateHash: true }),
    await takeBackup(database),
    await takeBackup(database, physical),
  ];
  done.abort();
  await Promise.all(writers);

  for (const manifest of manifests) {
    const { seq } = manifest.position;
    expect(await verifyBackup(folderSource(env, folderOf(database, manifest)))).toMatchObject({
      manifest,
    });
    const copy = await restored(database, manifest);
    expect(await userEntries(copy)).toEqual(model.at(seq));
    expect(copy.applied()).toMatchObject({ seq, chain: manifest.chain });
    const { snapshot } = await copy.stateSnapshot();
    const { stateHash } = await hashState(snapshot);
    await snapshot.close();
    expect(stateHash).toBe(model.hashAt(seq));
    expect([null, stateHash]).toContain(manifest.stateHash);
  }
  expect(manifests.map(({ stateHash }) => stateHash === null)).toEqual([true, false, false, true]);
  expect(await readdir(database.folder)).not.toContain('store.checkpoint');
});

test('tag, mark, position and job log are those of a logical backup', async () => {
  const database = await newDatabase();
  await database.put('a', '1');
  const before = database.durable().seq;
  const manifest = await takeBackup(database, { ...physical, tag: 'monday' });
  expect(manifest).toMatchObject({
    form: 'physical',
    kind: 'full',
    tag: 'monday',
    position: { timeline: 1, seq: before + 1 },
    entries: null,
    stateHash: null,
  });
  const [listed] = await listBackups(env, join(database.folder, 'backups'));
  expect(listed).toMatchObject({ id: manifest.id, problem: null });
  await expect(takeBackup(database, { ...physical, tag: 'monday' })).rejects.toMatchObject({
    code: 'TAG_TAKEN',
  });
});

test('a second backup after a change of 1 % stores a few per cent; the rest is one file with two names', async () => {
  let database = await newDatabase();
  await putMany(database, 0, 100_000);
  database = await reopened(database);
  const first = await takeBackup(database, physical);
  await putMany(database, 50_000, 51_000);
  let stored = { done: 0, bytes: 0 };
  const second = await takeBackup(database, {
    ...physical,
    onProgress: (progress) => (stored = progress),
  });
  expect(stored.done).toBeGreaterThan(2_000_000);
  expect(stored.bytes / stored.done).toBeLessThan(0.1);
  const [one, two] = [
    await inodes(folderOf(database, first)),
    await inodes(folderOf(database, second)),
  ];
  const shared = [...two].filter(([name, inode]) => one.get(name) === inode);
  expect(shared.length).toBeGreaterThan(0);
  const tables = [...(second.tables ?? [])].filter(({ name }) => name.endsWith('.ldb'));
  for (const { file } of tables) expect(shared.map(([name]) => name)).toContain(file);
  // A copy: the store's own file is another one.
  const own = new Set((await inodes(join(database.folder, 'store'))).values());
  expect([...two.values()].filter((inode) => own.has(inode))).toEqual([]);
});

test('a log that has grown shares its beginning', async () => {
  const database = await newDatabase();
  const value = Buffer.alloc(1024 * 1024, 7);
  for (let i = 0; i < 9; i++) await database.put(`large-${i}`, value);
  const first = await takeBackup(database, physical);
  await database.put('one more', 'small');
  const second = await takeBackup(database, physical);
  const files = (manifest: BackupManifest): string[] =>
    (manifest.tables ?? []).filter(({ name }) => name.endsWith('.log')).map(({ file }) => file);
  expect(files(first)).toHaveLength(3);
  expect(files(second).slice(0, 2)).toEqual(files(first).slice(0, 2));
  expect(files(second)[2]).not.toBe(files(first)[2]);
  const copy = await restored(database, second);
  expect(await copy.get('large-8')).toEqual(value);
  expect(await copy.get('one more')).toEqual(Buffer.from('small'));
});

describe('damage', () => {
  test('P9 a damaged table of the live store stops the backup and is named; nothing of it stays', async () => {
    let database = await newDatabase();
    await putMany(database, 0, 5000);
    database = await reopened(database);
    const table = await firstFile(join(database.folder, 'store'), /\.ldb$/);
    await flipByte(table, 100);
    const before = await filesBelow(join(database.folder, 'backups'));
    await expect(takeBackup(database, physical)).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
      context: { file: table },
    });
    expect(await filesBelow(join(database.folder, 'backups'))).toEqual(before);
    expect(await readdir(database.folder)).not.toContain('store.checkpoint');
  });

  test('P9 a damaged file of an earlier backup is not inherited', async () => {
    let database = await newDatabase();
    await putMany(database, 0, 5000);
    database = await reopened(database);
    const first = await takeBackup(database, physical);
    const table = (first.tables ?? []).find(({ name }) => name.endsWith('.ldb'));
    await flipByte(join(folderOf(database, first), table?.file ?? ''), 100);
    const second = await takeBackup(database, physical);
    expect(second.tables).toContainEqual(table);
    await verifyBackup(folderSource(env, folderOf(database, second)));
    await expect(verifyBackup(folderSource(env, folderOf(database, first)))).rejects.toMatchObject({
      code: 'BACKUP_INVALID',
      context: { file: table?.file },
    });
  });

  test('P9 any file flipped, cut, lengthened, missing or swapped: no restore, and the file is named', async () => {
    let database = await newDatabase();
    await putMany(database, 0, 2000);
    database = await reopened(database);
    await database.put('in the log', 'too');
    const manifest = await takeBackup(database, physical);
    const names = (manifest.tables ?? []).map(({ file }) => file);
    expect(names.length).toBeGreaterThan(2);
    const path = folderOf(database, manifest);
    const other = folderSource(env, path);
    const target = join(await temporaryFolder(), 'copy');
    for (const name of names) {
      const bytes = (await filesBelow(path)).get(name) ?? Buffer.alloc(0);
      const swapped = names.find((one) => one !== name) ?? '';
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8(flipped.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
      const spoiled: (Uint8Array | string)[] = [
        flipped,
        bytes.subarray(0, -1),
        Buffer.concat([bytes, Buffer.alloc(1)]),
        Buffer.alloc(0),
        swapped,
      ];
      for (const content of spoiled) {
        const read = async function* (asked: string) {
          if (asked !== name) yield* other.readFile(asked);
          else if (typeof content === 'string') yield* other.readFile(content);
          else yield content;
        };
        const source = { ...other, readFile: read };
        const attempts = [
          verifyBackup(source),
          restore({ env, source, folder: target, name: 'copy' }),
        ];
        for (const attempt of attempts) {
          await expect(attempt).rejects.toMatchObject({
            code: 'BACKUP_INVALID',
            context: { file: name },
          });
        }
      }
    }
    expect(await filesBelow(join(target, '..'))).toEqual(new Map());
  });

  test('P9 a manifest that leaves out a file of the store is refused', async () => {
    let database = await newDatabase();
    await putMany(database, 0, 2000);
    database = await reopened(database);
    const manifest = await takeBackup(database, physical);
    const source = folderSource(env, folderOf(database, manifest));
    const { tables = [] } = manifest;
    for (const left of tables.filter(({ name }) => !name.startsWith('MANIFEST'))) {
      const bytes = encodeManifest({ ...manifest, tables: tables.filter((one) => one !== left) });
      const short = { ...source, readManifest: () => Promise.resolve(bytes) };
      await expect(
        verifyBackup({ ...short, listFiles: () => Promise.resolve([]) }),
      ).rejects.toMatchObject({
        code: 'BACKUP_INVALID',
      });
    }
  });
});

test('a restore goes on where it was interrupted', async () => {
  const database = await newDatabase();
  for (let i = 0; i < 6; i++) await database.put(`large-${i}`, Buffer.alloc(700_000, i));
  const manifest = await takeBackup(database, physical);
  const source = folderSource(env, folderOf(database, manifest));
  let interruptions = 0;
  const asked: number[] = [];
  const interrupted = async function* (bytes: AsyncIterable<Uint8Array>) {
    let count = 0;
    for await (const piece of bytes) {
      if (++count > 2) {
        interruptions++;
        throw new PaminaError('CONNECT_FAILED', 'the answer broke off');
      }
      yield piece;
    }
  };
  const flaky = {
    ...source,
    readFile: (name: string) => interrupted(source.readFile(name)),
    readRange: (name: string, offset: number, length: number) => {
      asked.push(offset);
      return interrupted(source.readRange?.(name, offset, length) ?? source.readFile(name));
    },
  };
  const quick: Env = { ...env, clock: { ...env.clock, sleep: () => Promise.resolve() } };
  const folder = join(await temporaryFolder(), 'copy');
  await restore({ env: quick, source: flaky, folder, name: 'copy' });
  expect(interruptions).toBeGreaterThan(3);
  expect(Math.max(...asked)).toBeGreaterThan(1_000_000);
  const copy = await openDatabase(folder, { access: 'read' });
  expect(await userEntries(copy)).toEqual(await userEntries(database));

  const dead = { ...flaky, readRange: () => interrupted(source.readFile('nothing')) };
  await expect(
    restore({ env: quick, source: dead, folder: `${folder}-2`, name: 'copy' }),
  ).rejects.toMatchObject({ code: 'BACKUP_INVALID' });
});

test('expiry removes a backup, and what the others share with it stays', async () => {
  let database = await newDatabase();
  await putMany(database, 0, 5000);
  database = await reopened(database);
  const manifests: BackupManifest[] = [];
  for (let i = 0; i < 4; i++) {
    await database.put('changing', `${i}`);
    manifests.push(await takeBackup(database, physical));
  }
  const report = await expireBackups(database, { generations: 2 });
  expect(report.removed).toHaveLength(2);
  for (const manifest of manifests.slice(2)) {
    await verifyBackup(folderSource(env, folderOf(database, manifest)));
  }
  const copy = await restored(database, await takeBackup(database, physical));
  expect(await copy.get('changing')).toEqual(Buffer.from('3'));
});

test('a throw-away copy is recovered from a physical backup', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  await model.put('a', '1');
  await takeBackup(database, physical);
  const position = await model.put('b', '2');
  const { stateHash } = await recoverScratch({ env, folder: database.folder, position });
  expect(stateHash).toBe(model.hashAt(position.seq));
});

test('P9 what does not fit is refused before it is copied; what is stored already needs no space', async () => {
  let free = Infinity;
  const disk = { ...env.disk, freeBytes: () => Promise.resolve(free) };
  const database = await newDatabase({ env: { ...env, disk } });
  for (let i = 0; i < 6; i++) await database.put(`large-${i}`, Buffer.alloc(1_000_000, i));
  free = 5_000_000;
  await expect(takeBackup(database, physical)).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect((await readdir(join(database.folder, 'backups'))).join()).not.toContain('partial');
  free = Infinity;
  await takeBackup(database, physical);
  // The first 4 MiB of the log are there.
  free = 3_000_000;
  const second = await takeBackup(database, physical);
  await verifyBackup(folderSource(env, folderOf(database, second)));
});

describe('where it is not possible', () => {
  test('a store without files of LevelDB is refused before anything is written', async () => {
    const stores = { ...env.stores, isLevelDb: false };
    const database = await newDatabase({ env: { ...env, stores } });
    await database.put('a', '1');
    const before = database.durable().seq;
    await expect(takeBackup(database, physical)).rejects.toMatchObject({ code: 'BACKUP_FORM' });
    expect(database.durable().seq).toBe(before);
  });

  test('without hard links it is refused, and a second backup copies where only that fails', async () => {
    const refuse = (): Promise<never> =>
      Promise.reject(new PaminaError('LINK_REFUSED', 'no hard links here'));
    let isRefusing: (to: string) => boolean = () => true;
    const disk = {
      ...env.disk,
      link: (from: string, to: string) => (isRefusing(to) ? refuse() : link(from, to)),
    };
    const database = await newDatabase({ env: { ...env, disk } });
    await database.put('a', '1');
    await expect(takeBackup(database, physical)).rejects.toMatchObject({ code: 'LINK_REFUSED' });
    expect(await readdir(database.folder)).not.toContain('store.checkpoint');
    isRefusing = (to) => to.includes('backups');
    await takeBackup(database, physical);
    await database.put('b', '2');
    const second = await takeBackup(database, physical);
    await verifyBackup(folderSource(env, folderOf(database, second)));
  });
});
