// Incremental backups in a verification: their files, the log from them, and a restore of all that they
// build on.
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '@pamina/engine';
import type { BackupManifest } from '@pamina/format';
import { beforeEach, expect, test } from 'vitest';
import {
  rebuild,
  takeBackup,
  takeIncremental,
  verdictOf,
  verifyArchive,
  verifyContent,
  verifyDatabaseFiles,
  verifyFolder,
  verifyNamedBackup,
  type VerifyCheck,
} from '../src/index.js';
import { Model, env, flipByte, newDatabase, openDatabase, temporaryFolder } from './support.js';
import { archiverOf, watchedArchive } from './archiver/bench.js';

let database: Database;
let model: Model;
let full: BackupManifest;
let first: BackupManifest;
let second: BackupManifest;

beforeEach(async () => {
  database = await newDatabase();
  model = new Model(database);
  await fill('a');
  full = await takeBackup(database);
  await fill('b');
  first = await takeIncremental(database);
  await fill('c');
  second = await takeIncremental(database, { tag: 'evening' });
});

async function fill(name: string): Promise<void> {
  for (let at = 0; at < 6; at++) await model.put(`${name}-${at}`, `${at} `.repeat(8000));
}

const backups = (): string => join(database.folder, 'backups');
const named = (backup: string): Promise<VerifyCheck[]> =>
  verifyNamedBackup({ env, folder: database.folder, backup, deep: true });
const said = (checks: readonly VerifyCheck[]): string[] =>
  checks.map(({ check, verdict }) => `${check} ${verdict}`);

test('P9 an incremental backup is verified in all depths, and its whole database with it', async () => {
  const checks = await named('evening');
  expect(said(checks)).toEqual(['files verified', 'chain verified', 'restore verified']);
  expect(checks[2]?.message).toContain(`position 1/${second.position.seq}`);
  const all = await verifyDatabaseFiles({ env, folder: database.folder });
  expect(verdictOf(all)).toBe('verified');
  const subjects = all.filter(({ check }) => check === 'files').map(({ subject }) => subject);
  expect(subjects).toEqual(expect.arrayContaining([full.id, first.id, second.id]));
});

test('P9 a folder of backups without their database is verified with what is incremental in it', async () => {
  const elsewhere = await temporaryFolder();
  await cp(backups(), elsewhere, { recursive: true });
  const checks = await verifyFolder({ env, folder: elsewhere, deep: true });
  const own = checks.filter(({ subject }) => subject === join(elsewhere, second.id));
  expect(said(own)).toEqual(['files verified', 'restore verified']);
  // By itself it builds on what is not there.
  const alone = await verifyFolder({ env, folder: join(elsewhere, second.id), deep: true });
  expect(said(alone)).toEqual(['files verified', 'restore unverified']);
});

test('P6 P9 a flipped byte in a segment of one is found, and whatever builds on it is not called good', async () => {
  await flipByte(join(backups(), first.id, first.segments?.[0]?.file ?? ''), 500);
  expect(await named(first.id)).toMatchObject([{ verdict: 'damaged', code: 'BACKUP_INVALID' }]);
  expect((await named(second.id)).at(-1)).toMatchObject({ check: 'restore', verdict: 'damaged' });
});

test('P9 one whose full backup is gone is not called good', async () => {
  await rm(join(backups(), full.id), { recursive: true });
  for (const { id } of [first, second]) {
    expect(await named(id)).toMatchObject([{ check: 'files', code: 'BACKUP_INVALID' }]);
  }
  const all = await verifyDatabaseFiles({ env, folder: database.folder });
  expect(verdictOf(all)).toBe('damaged');
});

test('P9 content and rebuild begin with a whole state, also where an incremental backup is older', async () => {
  const later = await takeBackup(database);
  await fill('d');
  await database.log.deleteBefore(second.position.seq);
  const content = await verifyContent({ env, folder: database.folder, content: database });
  expect(content).toMatchObject({ verdict: 'verified' });
  expect(content.message).toContain(`backup ${later.id} `);
  const { folder } = database;
  await database.close();
  await rm(join(folder, 'store'), { recursive: true });
  expect((await rebuild({ env, folder })).backup).toBe(later.id);
  const again = await openDatabase(folder);
  expect(String(await again.get('d-5'))).toBe('5 '.repeat(8000));
});

test('P9 what an archive has of them is verified, and no restore begins with one', async () => {
  const folder = await temporaryFolder();
  const archiver = await archiverOf({ database, folder });
  archiver.start();
  await archiver.settle();
  const archive = await watchedArchive(folder);
  const { pattern } = database.identity;
  const options = { env, archive, name: 'orders', pattern, history: null, deep: true };
  const checks = await verifyArchive(options);
  expect(verdictOf(checks)).toBe('verified');
  expect(checks.at(-1)).toMatchObject({ check: 'restore', subject: full.id });
  const [last] = (await verifyArchive({ ...options, backup: second.id })).slice(-1);
  expect(last).toMatchObject({ check: 'restore', verdict: 'unverified', code: 'NOT_VERIFIED' });
});
