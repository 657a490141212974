// One backup in three depths, and what is remembered of it.
import { cp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackupManifest } from '@pamina/format';
import type { Env } from '@pamina/env';
import type { Database } from '@pamina/engine';
import { beforeEach, expect, test } from 'vitest';
import { folderSource, logFolderSource, takeBackup } from '../src/index.js';
import { verifyTarget, type VerifyTarget } from '../src/verify-target.js';
import { Model, env, flipByte, intoTables, newDatabase } from './support.js';

let database: Database;
let model: Model;
let manifest: BackupManifest;
let folder: string;

beforeEach(async () => {
  database = await newDatabase();
  model = new Model(database);
  for (let at = 0; at < 20; at++) await model.put(`key-${at}`, `${at}`.repeat(1000));
  manifest = await takeBackup(database);
  folder = join(database.folder, 'backups', manifest.id);
});

function target(options: Partial<VerifyTarget> = {}): VerifyTarget {
  const source = folderSource(options.env ?? env, folder);
  return { env, source, subject: manifest.id, folder, log: null, ...options };
}

const withLog = () => ({
  log: {
    source: logFolderSource({ disk: env.disk, folder: join(database.folder, 'log') }),
    pattern: database.identity.pattern,
    timelines: database.timelines,
    synced: null,
  },
});

/** A world whose disk says which chunks were read. */
function watched(): { env: Env; chunks: () => number } {
  let chunks = 0;
  const disk = {
    ...env.disk,
    open: (path: string, mode: 'read' | 'write' | 'create') => {
      if (path.includes('chunk-')) chunks++;
      return env.disk.open(path, mode);
    },
  };
  return { env: { ...env, disk }, chunks: () => chunks };
}

test('P9 each depth says what it proved', async () => {
  await model.put('later', 'value');
  expect(await verifyTarget(target())).toMatchObject([{ check: 'files', verdict: 'verified' }]);
  const checks = await verifyTarget(target({ ...withLog(), deep: true }));
  expect(checks).toMatchObject([
    { check: 'files', verdict: 'verified' },
    { check: 'chain', verdict: 'verified' },
    { check: 'restore', verdict: 'verified' },
  ]);
  expect(checks[2]?.message).toContain(`position 1/${database.durable().seq}`);
});

test('P9 a restore is compared with the hash that a later backup recorded', async () => {
  await model.put('later', 'value');
  const later = await takeBackup(database);
  const recorded = { seq: later.position.seq, backup: later.id, stateHash: later.stateHash ?? '' };
  const deep = { ...withLog(), deep: true };
  const good = await verifyTarget(target({ ...deep, recorded: [recorded] }));
  expect(good.at(-1)).toMatchObject({ check: 'restore', verdict: 'verified' });
  const wrong = { ...recorded, stateHash: 'ab'.repeat(32) };
  const bad = await verifyTarget(target({ ...deep, recorded: [wrong] }));
  expect(bad.at(-1)).toMatchObject({ verdict: 'damaged', code: 'STATE_HASH_MISMATCH' });
});

test('P9 a target that is not there is not called verified, nor is it called damage', async () => {
  const untilSeq = database.durable().seq + 5;
  expect(await verifyTarget(target({ ...withLog(), untilSeq, deep: true }))).toMatchObject([
    { check: 'files', verdict: 'verified' },
    { check: 'chain', verdict: 'unverified', code: 'POSITION_UNREACHABLE' },
  ]);
  expect(await verifyTarget(target({ untilSeq }))).toMatchObject([
    { check: 'files', verdict: 'verified' },
    { check: 'chain', verdict: 'unverified', code: 'POSITION_UNREACHABLE' },
  ]);
});

test('P5 P9 the log of another database does not continue a backup', async () => {
  const other = await newDatabase();
  await new Model(other).put('a', 'b');
  const source = logFolderSource({ disk: env.disk, folder: join(other.folder, 'log') });
  const log = { ...withLog().log, source };
  expect(await verifyTarget(target({ log }))).toMatchObject([
    { verdict: 'verified' },
    { check: 'chain', verdict: 'damaged', code: 'LOG_DAMAGED' },
  ]);
  const pattern = other.identity.pattern;
  expect(await verifyTarget(target({ log: { ...log, pattern } }))).toMatchObject([
    { verdict: 'verified' },
    { check: 'chain', verdict: 'unverified', code: 'PATTERN_MISMATCH' },
  ]);
});

test('P9 what was verified is not read again until it changes, is asked for again, or is too old', async () => {
  const seen = watched();
  const run = (options: Partial<VerifyTarget> = {}) =>
    verifyTarget(target({ env: seen.env, ...options }));
  expect(await run()).toMatchObject([{ verdict: 'verified', rememberedAt: null }]);
  const read = seen.chunks();
  expect(read).toBeGreaterThan(0);
  const [second] = await run();
  expect(second).toMatchObject({ verdict: 'verified' });
  expect(second?.rememberedAt).not.toBeNull();
  expect(seen.chunks()).toBe(read);
  expect(await run({ again: true })).toMatchObject([{ rememberedAt: null }]);
  expect(seen.chunks()).toBe(2 * read);
  const clock = { ...env.clock, now: () => env.clock.now() + 1000 };
  expect(await run({ env: { ...seen.env, clock }, maxAgeMs: 10 })).toMatchObject([
    { rememberedAt: null },
  ]);
  expect(seen.chunks()).toBe(3 * read);
});

test('P9 a backup that was changed is not remembered as good, also where its times were set back', async () => {
  await verifyTarget(target());
  const [chunk = ''] = (await readdir(folder)).filter((name) => name.startsWith('chunk-'));
  const path = join(folder, chunk);
  const { atime, mtime } = await stat(path);
  await flipByte(path, 100);
  await utimes(path, atime, mtime);
  expect(await verifyTarget(target())).toMatchObject([
    { check: 'files', verdict: 'damaged', code: 'BACKUP_INVALID' },
  ]);
  await flipByte(path, 100);
  expect(await verifyTarget(target())).toMatchObject([{ verdict: 'verified', rememberedAt: null }]);
});

test('P9 a memory that was damaged, or copied to other backups, is worth nothing', async () => {
  await verifyTarget(target());
  const memory = join(database.folder, 'backups', '.verified.json');
  const { size } = await stat(memory);
  await flipByte(memory, Math.floor(size / 2));
  expect(await verifyTarget(target())).toMatchObject([{ verdict: 'verified', rememberedAt: null }]);
  await cp(memory, `${memory}.copy`);
  await rm(folder, { recursive: true });
  manifest = await takeBackup(database);
  folder = join(database.folder, 'backups', manifest.id);
  await cp(`${memory}.copy`, memory);
  expect(await verifyTarget(target())).toMatchObject([{ verdict: 'verified', rememberedAt: null }]);
  await writeFile(memory, '{"version":1,"backups":{}}');
  expect(await verifyTarget(target())).toMatchObject([{ verdict: 'verified', rememberedAt: null }]);
});

test('P9 a place that cannot be written to is verified each time', async () => {
  const { PaminaError } = await import('@pamina/format');
  const disk = {
    ...env.disk,
    replaceFile: () => Promise.reject(new PaminaError('ACCESS_DENIED', 'read only')),
  };
  for (let round = 0; round < 2; round++) {
    const checks = await verifyTarget(target({ env: { ...env, disk } }));
    expect(checks).toMatchObject([{ verdict: 'verified', rememberedAt: null }]);
  }
});

test('a verification ends when it is told to, and leaves nothing behind', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const made: string[] = [];
  const temporaryFolder = async (prefix: string): Promise<string> => {
    const folder = await env.disk.temporaryFolder(prefix);
    made.push(folder);
    return folder;
  };
  const running = verifyTarget(
    target({
      ...withLog(),
      env: { ...env, disk: { ...env.disk, temporaryFolder } },
      deep: true,
      signal: controller.signal,
      onProgress: ({ step }) => step === 'load' && controller.abort(reason),
    }),
  );
  await expect(running).rejects.toBe(reason);
  expect(made).toHaveLength(1);
  for (const folder of made) expect(await env.disk.stat(folder)).toBeNull();
});

test('P9 a physical backup is verified in all depths, and stays remembered when a later one shares its files', async () => {
  await intoTables(database);
  const physical = await takeBackup(database, { form: 'physical', stateHash: true });
  folder = join(database.folder, 'backups', physical.id);
  const checks = await verifyTarget(target({ ...withLog(), deep: true }));
  expect(checks.map(({ check, verdict }) => `${check} ${verdict}`)).toEqual([
    'files verified',
    'chain verified',
    'restore verified',
  ]);
  await takeBackup(database, { form: 'physical' });
  const [again] = await verifyTarget(target());
  expect(again?.rememberedAt).not.toBeNull();
  const [table = ''] = (await readdir(folder)).filter((name) => /\.(ldb|log)$/.test(name));
  await flipByte(join(folder, table), 30);
  expect(await verifyTarget(target({ again: true }))).toMatchObject([
    { verdict: 'damaged', code: 'BACKUP_INVALID' },
  ]);
});
