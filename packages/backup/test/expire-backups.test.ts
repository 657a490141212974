// Old backups go, the newest good ones and the log that they need stay.
import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Database } from '@pamina/engine';
import {
  expireBackups,
  folderSource,
  holdBackup,
  listBackups,
  takeBackup,
  verifyBackup,
} from '../src/index.js';
import { Model, env, flipByte, newDatabase, temporaryFolder } from './support.js';

const backupsOf = (database: Database): string => join(database.folder, 'backups');

async function idsOf(database: Database): Promise<string[]> {
  return (await listBackups(env, backupsOf(database))).map(({ id }) => id);
}

/** Backups with log between them; their ids, oldest first. */
async function takeSome(database: Database, count: number): Promise<string[]> {
  const model = new Model(database);
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    await model.put(`key-${i}`, Buffer.alloc(30_000, i));
    ids.push((await takeBackup(database)).id);
  }
  // The last segment is never deleted: begin one behind the last backup.
  await model.put('behind', 'x');
  return ids;
}

test('P10 the newest generations stay with the log behind the oldest of them', async () => {
  const database = await newDatabase();
  const ids = await takeSome(database, 5);
  const report = await expireBackups(database, { generations: 2 });
  const kept = ids.slice(-2).reverse();
  expect(report.kept).toEqual(kept);
  expect(report.removed).toEqual(ids.slice(0, 3).reverse());
  expect(await idsOf(database)).toEqual([...kept, 'initial']);
  const oldest = Number(kept[1]?.slice(0, 16));
  expect(report.keepFromSeq).toBe(oldest + 1);
  expect(database.control.keepFromSeq).toBe(oldest + 1);
  expect(database.log.firstSeq).toBe(oldest + 1);
  const events = await database.jobLog.tail(20);
  expect(events.filter(({ event }) => event === 'backup-removed')).toHaveLength(3);
  for (const id of kept) await verifyBackup(folderSource(env, join(backupsOf(database), id)));
});

test('P10 until there are enough generations the log since the initial backup stays', async () => {
  const database = await newDatabase();
  const [first] = await takeSome(database, 2);
  expect((await expireBackups(database, { generations: 3 })).keepFromSeq).toBe(1);
  expect(database.log.firstSeq).toBe(1);
  await takeSome(database, 1);
  const { keepFromSeq } = await expireBackups(database, { generations: 3 });
  expect(keepFromSeq).toBe(Number(first?.slice(0, 16)) + 1);
  expect(database.log.firstSeq).toBe(keepFromSeq);
});

test('P10 a reader that pins the log keeps it through expiry', async () => {
  const database = await newDatabase();
  await takeSome(database, 2);
  const { firstSeq } = database.log;
  const unpin = database.log.pin(firstSeq);
  await expireBackups(database, { generations: 1 });
  expect(database.log.firstSeq).toBe(firstSeq);
  unpin();
  await expireBackups(database, { generations: 1 });
  expect(database.log.firstSeq).toBeGreaterThan(firstSeq);
});

test('P10 with a permitted replica at least two generations stay', async () => {
  const database = await newDatabase();
  await database.system.permit('copy', { simultaneousQuery: false });
  const ids = await takeSome(database, 3);
  expect((await expireBackups(database, { generations: 1 })).kept).toEqual(ids.slice(1).reverse());
  await database.system.deny('copy');
  expect((await expireBackups(database, { generations: 1 })).kept).toEqual(ids.slice(2));
});

test('by default the setting says how many stay', async () => {
  const database = await newDatabase();
  const ids = await takeSome(database, 5);
  expect((await expireBackups(database)).kept).toEqual(ids.slice(2).reverse());
  await database.system.setSettings({ backupGenerations: 1 });
  expect((await expireBackups(database)).kept).toEqual(ids.slice(4));
});

test('P9 a damaged backup counts for nothing and is never the reason to remove a good one', async () => {
  const database = await newDatabase();
  const ids = await takeSome(database, 3);
  const [oldest, middle, newest] = ids as [string, string, string];
  await flipByte(join(backupsOf(database), newest, 'manifest'), 40);
  await rm(join(backupsOf(database), middle, 'chunk-000000.pbk'));
  const report = await expireBackups(database, { generations: 1 });
  expect(report).toMatchObject({ kept: [oldest], removed: [] });
  expect(report.damaged.toSorted()).toEqual([middle, newest]);
  expect(report.keepFromSeq).toBe(Number(oldest.slice(0, 16)) + 1);
});

test('P9 when all are damaged the log that they need stays', async () => {
  const database = await newDatabase();
  const [id = ''] = await takeSome(database, 1);
  await flipByte(join(backupsOf(database), id, 'manifest'), 40);
  const before = database.control.keepFromSeq;
  expect(await expireBackups(database, { generations: 1 })).toMatchObject({ keepFromSeq: null });
  expect(database.control.keepFromSeq).toBe(before);
});

test('a tag pins a backup beyond the generations, and so does a reader for as long as it reads', async () => {
  const database = await newDatabase();
  const tagged = await takeBackup(database, { tag: 'before-the-move' });
  const ids = await takeSome(database, 3);
  const [first, second, third] = ids as [string, string, string];
  const release = holdBackup(database.env.disk, join(backupsOf(database), first));
  const report = await expireBackups(database, { generations: 1 });
  expect(report.removed).toEqual([second]);
  expect(report.kept).toEqual([third, first, tagged.id]);
  expect(report.keepFromSeq).toBe(Number(third.slice(0, 16)) + 1);
  release();
  expect((await expireBackups(database, { generations: 1 })).kept).toEqual([third, tagged.id]);
});

test('P10 a reader that came by another path holds the backup all the same', async () => {
  const database = await newDatabase();
  const [first = '', second = ''] = await takeSome(database, 2);
  const link = join(await temporaryFolder(), 'link');
  await symlink(backupsOf(database), link);
  const release = holdBackup(database.env.disk, join(link, first));
  expect((await expireBackups(database, { generations: 1 })).removed).toEqual([]);
  release();
  release();
  const report = await expireBackups(database, { generations: 1 });
  expect(report).toMatchObject({ kept: [second], removed: [first] });
});

test('without a backup but the initial one nothing is removed', async () => {
  const database = await newDatabase();
  expect(await expireBackups(database)).toMatchObject({
    kept: [],
    removed: [],
    damaged: [],
    decisions: [{ id: 'initial', keeps: true, reasons: ['the initial backup'] }],
    freedBytes: 0,
    keepFromSeq: null,
    logBytes: null,
  });
  expect(await idsOf(database)).toEqual(['initial']);
});

test('P8 a removal that a crash interrupted is finished later and its half is never listed', async () => {
  const database = await newDatabase();
  const [first, second] = (await takeSome(database, 2)) as [string, string];
  const folder = backupsOf(database);
  await env.disk.rename(join(folder, first), join(folder, `${first}.removing`));
  await rm(join(folder, `${first}.removing`, 'chunk-000000.pbk'));
  expect(await idsOf(database)).toEqual([second, 'initial']);
  await expireBackups(database);
  expect(await env.disk.stat(join(folder, `${first}.removing`))).toBe(null);
});

test('no backup is removed while somebody else changes the folder', async () => {
  const database = await newDatabase();
  const ids = await takeSome(database, 2);
  const release = await env.disk.lockFile(join(backupsOf(database), '.backups.lock'), {
    waitMs: 0,
  });
  await expect(expireBackups(database, { generations: 1 })).rejects.toMatchObject({
    code: 'BACKUP_RUNNING',
  });
  expect(await idsOf(database)).toEqual([...ids.toReversed(), 'initial']);
  await release();
  expect((await expireBackups(database, { generations: 1 })).removed).toEqual(ids.slice(0, 1));
});
