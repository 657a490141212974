// A database is verified from its files alone, running or not; the deepest check opens it.
import { randomBytes } from 'node:crypto';
import { cp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Database } from '@pamina/engine';
import { beforeEach, expect, test } from 'vitest';
import {
  takeBackup,
  verdictOf,
  verifyContent,
  verifyDatabaseFiles,
  type VerifyCheck,
} from '../src/index.js';
import { Model, env, flipByte, newDatabase, openDatabase } from './support.js';

let database: Database;
let model: Model;

beforeEach(async () => {
  database = await newDatabase();
  model = new Model(database);
});

async function fill(from: number, count: number, valueBytes = 20_000): Promise<void> {
  for (let at = from; at < from + count; at++) {
    await model.put(`key-${String(at).padStart(4, '0')}`, randomBytes(valueBytes));
  }
}

function checksOf(checks: readonly VerifyCheck[], check: VerifyCheck['check']): VerifyCheck[] {
  return checks.filter((one) => one.check === check);
}

const files = (): Promise<VerifyCheck[]> => verifyDatabaseFiles({ env, folder: database.folder });

const content = (of: Database): Promise<VerifyCheck> =>
  verifyContent({ env, folder: of.folder, content: of });

async function segmentFiles(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, 'log'), { recursive: true });
  return names
    .filter((name) => name.endsWith('.seg'))
    .sort()
    .map((name) => join(folder, 'log', name));
}

test('P9 a sound database is verified while it is running and after it was closed', async () => {
  await fill(0, 40);
  const first = await takeBackup(database);
  await fill(40, 40);
  const running = await files();
  expect(verdictOf(running), JSON.stringify(running)).toBe('verified');
  expect(running.map(({ check }) => check)).toEqual([
    'tables',
    'log',
    'files',
    'files',
    'chain',
    'chain',
  ]);
  expect(checksOf(running, 'chain').map(({ subject }) => subject)).toEqual([first.id, 'initial']);
  expect(await content(database)).toMatchObject({ verdict: 'verified' });
  await database.close();
  expect(verdictOf(await files())).toBe('verified');
});

test('P9 a segment that has its name and its space, and no header yet, is no damage', async () => {
  await fill(0, 10);
  const { durable } = database.log;
  const last = database.log.segments().at(-1)?.path ?? '';
  const name = `${String(durable.seq + 1).padStart(16, '0')}.seg`;
  await writeFile(join(dirname(last), name), new Uint8Array(65_536));
  const checks = await files();
  expect(verdictOf(checks), JSON.stringify(checks)).toBe('verified');
});

test('P9 a running database that is written to all the time is verified as it is', async () => {
  await fill(0, 10);
  const controller = new AbortController();
  const writing = (async () => {
    for (let at = 0; !controller.signal.aborted; at++) await fill(at % 50, 1, 100_000);
  })();
  try {
    for (let round = 0; round < 5; round++) {
      const checks = await files();
      expect(verdictOf(checks), JSON.stringify(checks)).toBe('verified');
    }
    expect(await content(database)).toMatchObject({ verdict: 'verified' });
  } finally {
    controller.abort();
    await writing;
  }
});

test('P6 P9 a flipped byte in any segment is found with file and offset, and the rest is verified still', async () => {
  await fill(0, 12, 200_000);
  const segments = await segmentFiles(database.folder);
  expect(segments.length).toBeGreaterThan(2);
  for (const segment of segments.slice(0, 2)) {
    const { size } = await stat(segment);
    for (const at of [3, 60, 100, Math.floor(size / 2), size - 60, size - 20]) {
      await flipByte(segment, at);
      const [log] = checksOf(await files(), 'log');
      expect(log, `${segment} ${at}`).toMatchObject({ verdict: 'damaged', code: 'LOG_DAMAGED' });
      expect(segment.endsWith(String(/\S+\.seg/.exec(log?.message ?? '')?.[0]))).toBe(true);
      expect(log?.problemCount).toBe(1);
      await flipByte(segment, at);
    }
  }
  expect(verdictOf(await files())).toBe('verified');
});

test('P6 P9 what was synced at the end of the log and is damaged is found', async () => {
  await fill(0, 20);
  await database.close();
  const [segment = ''] = (await segmentFiles(database.folder)).slice(-1);
  const { size } = await stat(segment);
  for (const at of [Math.floor(size / 2), size - 40]) {
    await flipByte(segment, at);
    expect(verdictOf(checksOf(await files(), 'log')), String(at)).toBe('damaged');
    await flipByte(segment, at);
  }
});

test('P9 a segment that is missing is found, in the middle, at the end, and before a kept backup', async () => {
  await takeBackup(database);
  await fill(0, 12, 200_000);
  const segments = await segmentFiles(database.folder);
  const aside = join(database.folder, 'aside.seg');
  for (const index of [0, 1, 2]) {
    const segment = segments[index] ?? '';
    await cp(segment, aside);
    await rm(segment);
    const checks = await files();
    expect(verdictOf(checks), segment).toBe('damaged');
    expect(verdictOf(checksOf(checks, 'chain')), segment).toBe('damaged');
    await cp(aside, segment);
  }
  await rm(aside);
  expect(verdictOf(await files())).toBe('verified');
});

test('P9 silent damage in a table is found by its checksum and by the content, with the keys that differ', async () => {
  await takeBackup(database);
  await fill(0, 400);
  const folder = database.folder;
  await database.close();
  // What LevelDB has in its log becomes a table when it is opened.
  await (await openDatabase(folder)).close();
  const tablesThere = (await env.disk.list(join(folder, 'store')))
    .filter(({ name }) => name.endsWith('.ldb'))
    .sort((a, b) => b.bytes - a.bytes);
  const { name: table, bytes } = tablesThere[0] ?? { name: '', bytes: 0 };
  // At its beginning stand positions that were written over long ago.
  await flipByte(join(folder, 'store', table), Math.floor(bytes / 2));
  const [tables] = checksOf(await files(), 'tables');
  expect(tables).toMatchObject({ verdict: 'damaged', code: 'STORE_DAMAGED' });
  expect(tables?.message).toContain(table);
  const again = await openDatabase(folder);
  const found = await content(again);
  expect(found).toMatchObject({ verdict: 'damaged', code: 'STATE_HASH_MISMATCH' });
  expect(found.differences).toMatchObject([{ space: 'user', what: 'other value' }]);
});

test('P9 a byte flipped in a log of LevelDB is found, before it is opened by its checksum and afterwards by the content', async () => {
  await takeBackup(database);
  for (let at = 0; at < 100; at++) {
    await fill(at, 1, 1000);
    // A batch of its own: what is damaged takes no other one with it.
    await database.whenApplied(database.durable().seq);
  }
  const folder = database.folder;
  await database.close();
  const logs = (await readdir(join(folder, 'store'))).filter((name) => name.endsWith('.log'));
  expect(logs).toHaveLength(1);
  await flipByte(join(folder, 'store', logs[0] ?? ''), 40_000);
  expect(checksOf(await files(), 'tables')).toMatchObject([{ verdict: 'damaged' }]);
  const again = await openDatabase(folder, { access: 'read' });
  const found = await content(again);
  expect(found).toMatchObject({ verdict: 'damaged', code: 'STATE_HASH_MISMATCH' });
  expect(found.differences[0]).toMatchObject({ space: 'user', what: 'missing' });
  expect(found.differences[0]?.key).toMatch(/^key-\d{4}$/);
});

test('P9 a backup that was taken of a damaged store is told from the good one before it', async () => {
  await fill(0, 10);
  await takeBackup(database);
  // Past the log: what LevelDB would do if it lost a key.
  await database.store.level.del(Buffer.from('\u0002key-0003'));
  await fill(20, 1);
  const bad = await takeBackup(database);
  const found = await content(database);
  expect(found).toMatchObject({ verdict: 'damaged', code: 'STATE_HASH_MISMATCH' });
  expect(found.differences).toEqual([{ space: 'user', key: 'key-0003', what: 'missing' }]);
  expect(found.problems.join('\n')).toContain(`not what backup ${bad.id} recorded`);
});

test('P9 a database without a backup that its log continues is not called good', async () => {
  await fill(0, 3);
  await rm(join(database.folder, 'backups'), { recursive: true });
  expect(await content(database)).toMatchObject({
    verdict: 'unverified',
    code: 'POSITION_UNREACHABLE',
  });
});
