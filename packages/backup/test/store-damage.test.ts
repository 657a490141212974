// A store that was found not to hold what backup and log say: known until it is mended or proved, no full
// backup is taken of it, nothing expires meanwhile, and what only needs the log goes on.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '@pamina/engine';
import type { BackupManifest } from '@pamina/format';
import { beforeEach, expect, test } from 'vitest';
import {
  expireBackups,
  folderPlace,
  listBackups,
  planRecovery,
  readStoreDamage,
  rebuild,
  takeBackup,
  takeIncremental,
  verifyContent,
  verifyDatabaseFiles,
  type VerifyCheck,
} from '../src/index.js';
import { env, flipByte, intoTables, newDatabase, openDatabase } from './support.js';

const physical = { form: 'physical' } as const;
const lostKey = Buffer.from('\u0002key-7');

let database: Database;

beforeEach(async () => {
  database = await newDatabase();
  for (let i = 0; i < 50; i++) await database.put(`key-${i}`, `${i}`);
});

const lose = (): Promise<void> => database.store.level.del(lostKey);
const damage = () => readStoreDamage(env, database.folder);
const content = (): Promise<VerifyCheck> =>
  verifyContent({ env, folder: database.folder, content: database, jobLog: database.jobLog });

async function events(): Promise<string[]> {
  await database.jobLog.settle();
  const text = await readFile(join(database.folder, 'job.log'), 'utf8');
  const lines = text.trimEnd().split('\n');
  return lines.map((line) => (JSON.parse(line) as { event: string }).event);
}

/** Resolves when the reading of its state has come to an end. */
async function audited(options: { audit?: boolean } = {}): Promise<BackupManifest> {
  let ended = (): void => undefined;
  const end = new Promise<void>((resolve) => (ended = resolve));
  const manifest = await takeBackup(database, { ...physical, ...options, onAudited: ended });
  await end;
  return manifest;
}

async function listed(): Promise<[string, string | null][]> {
  const found = await listBackups(env, join(database.folder, 'backups'));
  return found.map(({ id, problem }) => [id, problem?.code ?? null]);
}

async function reopen(): Promise<void> {
  await database.close();
  database = await openDatabase(database.folder);
}

test('P9 after an audit that refuted the store no full backup is taken, with commits in between either', async () => {
  const good = await audited();
  expect(await damage()).toBeNull();
  await lose();
  const bad = await audited();
  expect(await damage()).toMatchObject({
    found: 'backup',
    message: expect.stringContaining(good.id) as string,
  });
  await database.put('later', '1');
  for (const options of [{}, physical]) {
    await expect(takeBackup(database, options)).rejects.toMatchObject({
      code: 'STORE_REFUTED',
      hint: expect.stringContaining('pamina rebuild orders') as string,
    });
  }
  // The log is good.
  const incremental = await takeIncremental(database);
  expect(incremental.after).toBe(good.id);
  expect(await listed()).toEqual([
    [incremental.id, null],
    [bad.id, 'STATE_HASH_MISMATCH'],
    [good.id, null],
    ['initial', null],
  ]);
  await reopen();
  await expect(takeBackup(database)).rejects.toMatchObject({ code: 'STORE_REFUTED' });
  expect((await events()).filter((event) => event === 'store-damaged')).toHaveLength(1);
});

test('P9 a logical backup that finds the store damaged is the last one too', async () => {
  await takeBackup(database);
  await lose();
  await expect(takeBackup(database)).rejects.toMatchObject({ code: 'STATE_HASH_MISMATCH' });
  await database.put('later', '1');
  await expect(takeBackup(database)).rejects.toMatchObject({ code: 'STORE_REFUTED' });
});

test('P9 a block of a table whose checksum is wrong refutes the store, found by a backup or by verify', async () => {
  await intoTables(database);
  const { folder } = database;
  const names = (await env.disk.list(join(folder, 'store'))).map(({ name }) => name);
  const table = join(folder, 'store', names.find((name) => name.endsWith('.ldb')) ?? '');
  await flipByte(table, 20);
  await expect(takeBackup(database, physical)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  expect(await damage()).toMatchObject({ found: 'tables' });
  await flipByte(table, 20);
  await content();
  expect(await damage()).toBeNull();
  await flipByte(table, 20);
  await verifyDatabaseFiles({ env, folder });
  expect(await damage()).toMatchObject({ found: 'tables' });
  // What LevelDB gives back is right as long as nobody reads the block; the store is not.
  await expect(takeBackup(database)).rejects.toMatchObject({ code: 'STORE_REFUTED' });
});

test('P9 a rebuild takes the damage away with the store that has it', async () => {
  await takeBackup(database);
  await lose();
  await expect(takeBackup(database)).rejects.toMatchObject({ code: 'STATE_HASH_MISMATCH' });
  await database.close();
  await rebuild({ env, folder: database.folder });
  database = await openDatabase(database.folder);
  expect(await damage()).toBeNull();
  expect(Buffer.from((await database.get('key-7')) ?? []).toString()).toBe('7');
  await database.put('later', '1');
  await takeBackup(database);
});

test('P9 content that differs from backup and log refutes the store, and one that is equal proves it', async () => {
  await takeBackup(database);
  await lose();
  expect(await content()).toMatchObject({ verdict: 'damaged' });
  expect(await damage()).toMatchObject({ found: 'content' });
  await database.store.level.put(lostKey, Buffer.from('7'));
  expect(await content()).toMatchObject({ verdict: 'verified' });
  expect(await damage()).toBeNull();
  expect(await events()).toContain('store-proved');
  await takeBackup(database);
});

test('P9 a backup that was taken of the damaged store before that was known is listed as bad from then on', async () => {
  const good = await takeBackup(database);
  await lose();
  await database.put('later', '1');
  // Nothing tells by then: the commit stands between the two.
  const bad = await takeBackup(database);
  expect(await content()).toMatchObject({ verdict: 'damaged' });
  expect(await listed()).toEqual([
    [bad.id, 'STATE_HASH_MISMATCH'],
    [good.id, null],
    ['initial', null],
  ]);
  await database.close();
  await rebuild({ env, folder: database.folder });
  database = await openDatabase(database.folder);
  const after = await takeBackup(database);
  await expireBackups(database, { generations: 2 });
  expect((await listed()).map(([id]) => id)).toEqual([after.id, bad.id, good.id, 'initial']);
});

test('P9 nothing expires, and no log is let go, while the store is known to be damaged', async () => {
  const first = await takeBackup(database);
  await database.put('later', '1');
  const second = await takeBackup(database);
  const { keepFromSeq } = database.control;
  await lose();
  await content();
  const report = await expireBackups(database, { generations: 1 });
  expect(report.removed).toEqual([]);
  expect(report.decisions.find(({ id }) => id === first.id)?.reasons).toContainEqual(
    expect.stringContaining('known to be damaged'),
  );
  expect(database.control.keepFromSeq).toBe(keepFromSeq);
  await database.store.level.put(lostKey, Buffer.from('7'));
  await content();
  expect((await expireBackups(database, { generations: 1 })).removed).toEqual([first.id]);
  expect((await listed()).map(([id]) => id)).toEqual([second.id, 'initial']);
});

test('P9 a backup that nobody compared counts for nothing once the store was found to be damaged', async () => {
  const good = await takeBackup(database);
  await lose();
  await database.put('later', '1');
  const { id } = await takeBackup(database, { ...physical, audit: false });
  await content();
  await database.store.level.put(lostKey, Buffer.from('7'));
  await content();
  const report = await expireBackups(database, { generations: 1 });
  expect(report.removed).toEqual([]);
  const [doubted] = await listBackups(env, join(database.folder, 'backups'));
  expect(doubted).toMatchObject({ id, unproved: { isDoubted: true }, problem: null });
  expect(report.kept).toContain(good.id);
});

test('P9 a restore, a rebuild and an incremental backup begin with a proved backup, not with a doubted newer one', async () => {
  const { folder } = database;
  const old = await takeBackup(database);
  await lose();
  await database.put('later', '1');
  const doubted = await takeBackup(database, { ...physical, audit: false });
  await content();
  const place = await folderPlace(env, folder);
  const plan = await planRecovery({ place, target: { kind: 'all' } });
  expect(plan.backup.id).toBe(old.id);
  const given = await planRecovery({ place, target: { kind: 'all' }, backup: doubted.id });
  expect(given.backup.id).toBe(doubted.id);
  expect((await takeIncremental(database)).after).toBe(old.id);
  await database.close();
  expect((await rebuild({ env, folder })).backup).not.toBe(doubted.id);
});

test('P9 a note of damage that cannot be read is damage', async () => {
  const note = join(database.folder, 'store', 'damage.json');
  await writeFile(note, '{}');
  expect(await damage()).toMatchObject({ found: 'unreadable', at: null });
  await expect(takeBackup(database)).rejects.toMatchObject({ code: 'STORE_REFUTED' });
  await content();
  expect(await damage()).toBeNull();
});
