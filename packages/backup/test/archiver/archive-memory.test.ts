// A second verification of an archive reads what is new; what the storage tells otherwise of, or what is old,
// is read again, and nothing that is remembered hides damage that is told.
import { appendFile, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '@pamina/engine';
import { describe, expect, test } from 'vitest';
import { verifyArchive, type VerifyArchiveOptions } from '../../src/archiver/verify-archive.js';
import { takeBackup, takeIncremental } from '../../src/index.js';
import { verdictOf } from '../../src/verify-report.js';
import { env, flipByte, intoTables, newDatabase, temporaryFolder } from '../support.js';
import { archiverOf, placeOf, watchedArchive } from './bench.js';

interface Bench {
  readonly database: Database;
  readonly folder: string;
  readonly memory: string;
}

async function makeBench(): Promise<Bench> {
  const database = await newDatabase();
  const memory = join(await temporaryFolder(), 'noted', 'memory.json');
  return { database, folder: await temporaryFolder(), memory };
}

async function write({ database }: Bench, name: string): Promise<void> {
  for (let at = 0; at < 4; at++) await database.put(`${name}-${at}`, env.random.bytes(20_000));
}

async function archiveAll({ database, folder }: Bench): Promise<void> {
  const archiver = await archiverOf({ database, folder });
  archiver.start();
  await archiver.settle();
  await archiver.stop();
}

/** What was found, and the objects that were read for it, manifests and both ends of open segments aside. */
async function verify(
  { database, folder, memory }: Bench,
  more: Partial<VerifyArchiveOptions> = {},
) {
  const calls: string[] = [];
  const checks = await verifyArchive({
    env,
    archive: await watchedArchive(folder, {}, calls),
    name: 'orders',
    pattern: placeOf(database).pattern,
    history: database.timelines,
    memoryPath: () => memory,
    ...more,
  });
  const isRead = (call: string): boolean =>
    call.startsWith('get ') && !/\/manifest$|\.part$/.test(call);
  const read = new Set(calls.filter(isRead).map((call) => call.split('/').slice(3).join('/')));
  return { checks, verdict: verdictOf(checks), read: [...read] };
}

async function objects({ folder }: Bench): Promise<string[]> {
  return (await (await watchedArchive(folder)).list('')).map(({ name }) => name);
}

async function segmentIn(bench: Bench, index: number): Promise<string> {
  const segments = (await objects(bench)).filter((name) => name.endsWith('.seg'));
  return join(bench.folder, String(segments.at(index)));
}

test('P9 P10 behind a gap that a backup closed the log is verified from it on, and the gap is told', async () => {
  const bench = await makeBench();
  await write(bench, 'first');
  const before = await takeBackup(bench.database);
  await archiveAll(bench);
  await write(bench, 'lost');
  const after = await takeBackup(bench.database);
  await bench.database.log.deleteBefore(bench.database.log.durable.seq);
  await write(bench, 'more');
  await archiveAll(bench);
  for (const again of [false, true]) {
    const { checks, verdict } = await verify(bench, { again });
    expect(verdict).toBe('damaged');
    const chains = checks.filter(({ check }) => check === 'chain');
    expect(chains.map((check) => [check.subject, check.verdict])).toEqual([
      [after.id, 'verified'],
      [before.id, 'damaged'],
    ]);
    const log = checks.find(({ check }) => check === 'log');
    expect(log?.problems.join()).toMatch(/are missing|breaks off/);
  }
});

describe('a second verification of an archive', () => {
  test('reads what is new alone: of backups, of shared tables and of the log', async () => {
    const bench = await makeBench();
    await write(bench, 'first');
    await intoTables(bench.database);
    await takeBackup(bench.database, { form: 'physical' });
    await write(bench, 'more');
    await takeIncremental(bench.database);
    await archiveAll(bench);
    const first = await verify(bench);
    expect(first.verdict).toBe('verified');
    expect(first.read.length).toBeGreaterThan(4);
    const again = await verify(bench);
    expect(again.verdict).toBe('verified');
    // What an audit recorded is small, and comes behind the backup.
    expect(again.read.filter((name) => !name.endsWith('audit.json'))).toEqual([]);
    const files = again.checks.filter(({ check }) => check === 'files');
    for (const { rememberedAt } of files) expect(rememberedAt).not.toBeNull();
    const before = new Set(await objects(bench));
    await write(bench, 'new');
    await intoTables(bench.database);
    await takeBackup(bench.database, { form: 'physical' });
    await archiveAll(bench);
    const news = (await objects(bench)).filter((name) => !before.has(name));
    const third = await verify(bench);
    expect(third.verdict).toBe('verified');
    const isOther = (name: string): boolean => /\.manifest$|audit\.json$/.test(name);
    for (const name of third.read.filter((one) => !isOther(one))) {
      expect(news.some((one) => one.endsWith(name))).toBe(true);
    }
    expect(third.read.some((name) => name.endsWith('.seg'))).toBe(true);
    expect(third.checks.find(({ check }) => check === 'log')?.message).toMatch(
      /[1-9]\d* of them verified before/,
    );
    const all = await verify(bench, { again: true });
    expect(all.read.length).toBeGreaterThan(third.read.length + 3);
    expect((await verify(bench, { maxAgeMs: -1 })).read).toEqual(all.read);
  });

  test('with a restore does it again only when something came', async () => {
    const bench = await makeBench();
    await write(bench, 'first');
    await takeBackup(bench.database);
    await write(bench, 'more');
    await archiveAll(bench);
    expect((await verify(bench, { deep: true })).verdict).toBe('verified');
    const again = await verify(bench, { deep: true });
    expect(again).toMatchObject({ verdict: 'verified', read: [] });
    expect(again.checks.at(-1)).toMatchObject({ check: 'restore', bytes: 0 });
    expect(again.checks.at(-1)?.rememberedAt).not.toBeNull();
    await write(bench, 'new');
    await archiveAll(bench);
    const third = await verify(bench, { deep: true });
    expect(third.checks.at(-1)).toMatchObject({ check: 'restore', rememberedAt: null });
  });

  test('P9 reads again what was written since, and says what is damaged', async () => {
    const bench = await makeBench();
    await write(bench, 'first');
    await takeBackup(bench.database);
    await write(bench, 'more');
    await write(bench, 'end');
    await archiveAll(bench);
    await verify(bench);
    await flipByte(await segmentIn(bench, 1), 300);
    const found = await verify(bench);
    expect(found.verdict).toBe('damaged');
    // And it is not forgotten what is wrong.
    expect((await verify(bench)).verdict).toBe('damaged');
  });

  test('P9 bits that rot are found by who reads again, in tables that several backups share too', async () => {
    const bench = await makeBench();
    await write(bench, 'first');
    await intoTables(bench.database);
    const { tables = [] } = await takeBackup(bench.database, { form: 'physical' });
    await write(bench, 'second');
    await takeBackup(bench.database, { form: 'physical' });
    await archiveAll(bench);
    await verify(bench);
    const table = (await objects(bench)).find((name) =>
      tables.some(({ file }) => name.endsWith(`/${file}`) && file.endsWith('.ldb')),
    );
    const path = join(bench.folder, String(table));
    const rotten = await readFile(path);
    const time = new Date(Date.now() - 60_000);
    await utimes(path, time, time);
    await verify(bench);
    rotten[50] = (rotten[50] ?? 0) ^ 1;
    await writeFile(path, rotten);
    await utimes(path, time, time);
    expect((await verify(bench)).verdict).toBe('verified');
    const found = await verify(bench, { again: true });
    const damaged = found.checks.filter(({ verdict }) => verdict === 'damaged');
    expect(damaged.map(({ check }) => check)).toEqual(['files', 'files']);
    expect((await verify(bench)).verdict).toBe('damaged');
  });

  test('P9 log that does not continue what is remembered is damage', async () => {
    const bench = await makeBench();
    await write(bench, 'first');
    await takeBackup(bench.database);
    await write(bench, 'more');
    await archiveAll(bench);
    await verify(bench);
    await write(bench, 'new');
    await write(bench, 'newer');
    await archiveAll(bench);
    const segments = (await objects(bench)).filter((name) => name.endsWith('.seg'));
    const archive = await watchedArchive(bench.folder);
    await archive.delete(String(segments.at(-2)));
    expect((await verify(bench)).verdict).toBe('damaged');
  });

  test('P9 a memory that is not what was written is none', async () => {
    const bench = await makeBench();
    await write(bench, 'first');
    await takeBackup(bench.database);
    await archiveAll(bench);
    const first = await verify(bench);
    await appendFile(bench.memory, 'x');
    expect((await verify(bench)).read).toEqual(first.read);
  });
});
