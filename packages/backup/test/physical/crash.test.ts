// The process dies at each step of a physical backup, of its removal and of its restore.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Database } from '@pamina/engine';
import { readControl } from '@pamina/engine';
import { expireBackups, folderSource, listBackups, restore, takeBackup } from '../../src/index.js';
import { verifyBackup } from '../../src/index.js';
import { DyingDisk, env, newDatabase, openDatabase, temporaryFolder } from '../support.js';

const physical = { form: 'physical' } as const;
const backupsOf = ({ folder }: Database): string => join(folder, 'backups');

/** Some tables, and a log. */
async function filledDatabase(): Promise<Database> {
  const database = await newDatabase();
  for (let i = 0; i < 40; i++) await database.put(`document-${i}`, Buffer.alloc(5000, i));
  const { folder } = database;
  await database.close();
  const again = await openDatabase(folder);
  await again.put('behind', 'in the log');
  return again;
}

/** Only what the backup does goes over the dying disk: the database itself stays alive. */
function dyingOver(database: Database, disk: DyingDisk): Database {
  return new Proxy(database, {
    get: (target, name) => {
      if (name === 'env') return disk.env;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value as () => void).bind(target) : value;
    },
  });
}

async function wholeBackups(database: Database): Promise<number> {
  const listed = await listBackups(env, backupsOf(database));
  for (const { folder, problem } of listed) {
    expect(problem).toBeNull();
    await verifyBackup(folderSource(env, folder));
  }
  return listed.length;
}

test.each(['the first one', 'one that shares tables'])(
  'P8 the process dies at each step of a physical backup, %s: it is there whole or not at all',
  async (which) => {
    const disk = new DyingDisk();
    const database = await filledDatabase();
    if (which !== 'the first one') await takeBackup(database, physical);
    const dying = dyingOver(database, disk);
    let whole = await wholeBackups(database);
    for (let step = 1; ; step++) {
      disk.arm(step);
      const outcome = await takeBackup(dying, physical).then(
        () => 'taken',
        () => 'died',
      );
      const now = await wholeBackups(database);
      expect(now - whole, `${disk.struck}`).toBeLessThanOrEqual(1);
      whole = now;
      if (outcome === 'taken') break;
      expect(step).toBeLessThan(200);
      if (which === 'the first one' && whole > 1) await removeAll(database);
      whole = await wholeBackups(database);
    }
    expect((await readdir(backupsOf(database))).filter((name) => name.includes('partial'))).toEqual(
      [],
    );
    expect(await readdir(database.folder)).not.toContain('store.checkpoint');
  },
);

async function removeAll(database: Database): Promise<void> {
  for (const { folder, manifest } of await listBackups(env, backupsOf(database))) {
    if (manifest?.kind === 'full') await rm(folder, { recursive: true });
  }
}

test('P8 the process dies at each step of an expiry: the kept ones are whole', async () => {
  const disk = new DyingDisk();
  const database = await filledDatabase();
  const dying = dyingOver(database, disk);
  for (let step = 1; ; step++) {
    while ((await wholeBackups(database)) < 5) await takeBackup(database, physical);
    disk.arm(step);
    const outcome = await expireBackups(dying, { generations: 2 }).then(
      () => 'expired',
      () => 'died',
    );
    const left = await wholeBackups(database);
    expect(left, `${disk.struck}`).toBeGreaterThanOrEqual(3);
    if (outcome === 'expired') break;
    expect(step).toBeLessThan(100);
  }
});

test('P8 the process dies at each step of a restore: the database is there whole or not at all', async () => {
  const database = await filledDatabase();
  const manifest = await takeBackup(database, physical);
  const source = join(backupsOf(database), manifest.id);
  const parent = await temporaryFolder();
  const folder = join(parent, 'copy');
  const disk = new DyingDisk();
  for (let step = 1; ; step++) {
    disk.arm(step);
    const outcome = await restore({
      env: disk.env,
      source: folderSource(env, source),
      folder,
      name: 'copy',
    }).then(
      () => 'restored',
      () => 'died',
    );
    if ((await readControl(env.disk, folder)) === null) {
      const names = await readdir(parent);
      expect(
        names.every((name) => name.startsWith('.')),
        `${disk.struck}`,
      ).toBe(true);
    } else {
      const copy = await openDatabase(folder, { access: 'read' });
      expect(copy.applied().seq, `${disk.struck}`).toBe(manifest.position.seq);
      expect(await copy.get('behind')).toEqual(Buffer.from('in the log'));
      await copy.close();
    }
    if (outcome === 'restored') break;
    await rm(folder, { recursive: true, force: true });
    expect(step).toBeLessThan(200);
  }
  expect((await readdir(parent)).filter((name) => name.includes('restoring'))).toEqual([]);
});

test('P8 an aborted backup, and an aborted restore, leave nothing', async () => {
  const database = await filledDatabase();
  const reason = new Error('enough');
  const aborting = new AbortController();
  const backing = takeBackup(database, {
    ...physical,
    signal: aborting.signal,
    onProgress: () => aborting.abort(reason),
  });
  await expect(backing).rejects.toBe(reason);
  expect(await wholeBackups(database)).toBe(1);
  expect(await readdir(database.folder)).not.toContain('store.checkpoint');

  const { id } = await takeBackup(database, physical);
  const parent = await temporaryFolder();
  const stopping = new AbortController();
  const restoring = restore({
    env,
    source: folderSource(env, join(backupsOf(database), id)),
    folder: join(parent, 'copy'),
    name: 'copy',
    signal: stopping.signal,
    onProgress: () => stopping.abort(reason),
  });
  await expect(restoring).rejects.toBe(reason);
  expect((await readdir(parent)).filter((name) => !name.endsWith('.lock'))).toEqual([]);
});
