// What opening finds and does: damage, a store ahead of its log or of another history, the checkpoint,
// replay.
import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createDatabase } from '../src/create-database.js';
import { Database } from '../src/database.js';
import { readCheckpoint } from '../src/checkpoint.js';
import {
  codeOf,
  contents,
  crashCopy,
  env,
  failure,
  newDatabase,
  openDatabase,
  stateOf,
  temporaryFolder,
  there,
} from './workbench.js';

async function put(database: Database, from: number, to: number, valueBytes = 100): Promise<void> {
  const value = 'v'.repeat(valueBytes);
  const puts = Array.from({ length: to - from }, (_, index) =>
    database.put(`key-${String(from + index).padStart(6, '0')}`, `${from + index}${value}`),
  );
  await Promise.all(puts);
}

async function logFiles(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, 'log'), { recursive: true });
  return names
    .filter((name) => name.endsWith('.seg'))
    .map((name) => join(folder, 'log', name))
    .sort();
}

async function flip(path: string, offset: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[offset] = there(bytes[offset]) ^ 0x10;
  await writeFile(path, bytes);
}

test('P6 a flipped bit in a segment stops the open and names file and offset', async () => {
  const database = await newDatabase();
  await put(database, 0, 100);
  const folder = await crashCopy(database.folder);
  const [segment] = await logFiles(folder);
  await flip(there(segment), 4000);
  const error = await failure(Database.open(folder, { env }));
  expect(error.code).toBe('LOG_DAMAGED');
  expect(error.context).toMatchObject({ file: segment });
  expect(error.context['offset']).toBeLessThanOrEqual(4000);
  expect(error.message).toContain(`offset ${String(error.context['offset'])}`);
  await flip(there(segment), 4000);
  await openDatabase(folder);
});

test('P6 a flipped bit in a closed segment that replay needs stops the open', async () => {
  const database = await newDatabase();
  await put(database, 0, 100);
  await database.close();
  const [segment] = await logFiles(database.folder);
  await rm(join(database.folder, 'checkpoint.json'));
  await flip(there(segment), 4000);
  expect(await codeOf(Database.open(database.folder, { env }))).toBe('LOG_DAMAGED');
});

test('P6 bytes behind the last sync that form no record are cut, kept beside and reported', async () => {
  const database = await newDatabase();
  await put(database, 0, 10);
  const folder = await crashCopy(database.folder);
  const [segment] = await logFiles(folder);
  const bytes = await readFile(there(segment));
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  await writeFile(
    there(segment),
    Buffer.concat([bytes.subarray(0, end), Buffer.from('torn record')]),
  );
  const opened = await openDatabase(folder);
  expect(Object.keys(await contents(opened))).toHaveLength(10);
  const events = await opened.jobLog.tail(20);
  expect(events.map(({ event }) => event)).toContain('torn-tail-cut');
});

test('STORE_AHEAD: the log was put back to an earlier valid state', async () => {
  const database = await newDatabase();
  await put(database, 0, 10);
  const earlier = await crashCopy(database.folder);
  await put(database, 10, 20);
  await database.close();
  await rm(join(database.folder, 'log'), { recursive: true });
  await cp(join(earlier, 'log'), join(database.folder, 'log'), { recursive: true });
  const error = await failure(Database.open(database.folder, { env }));
  expect(error.code).toBe('STORE_AHEAD');
  expect(error.context).toMatchObject({ durable: 11 });
});

test('STORE_AHEAD: the store was copied from a later state', async () => {
  const database = await newDatabase();
  await put(database, 0, 10);
  const earlier = await crashCopy(database.folder);
  await put(database, 10, 20);
  await database.close();
  await rm(join(earlier, 'store'), { recursive: true });
  await cp(join(database.folder, 'store'), join(earlier, 'store'), { recursive: true });
  expect(await codeOf(Database.open(earlier, { env }))).toBe('STORE_AHEAD');
});

test('P5 the store of another history is refused', async () => {
  const database = await newDatabase();
  await put(database, 0, 5);
  const fork = await crashCopy(database.folder);
  await database.put('here', '1');
  await database.put('here', '2');
  await database.close();
  const other = await openDatabase(fork);
  await other.close();
  await rm(join(fork, 'store'), { recursive: true });
  await cp(join(database.folder, 'store'), join(fork, 'store'), { recursive: true });
  await rm(join(fork, 'checkpoint.json'));
  const code = await codeOf(Database.open(fork, { env }));
  expect(['STORE_DIVERGED', 'STORE_AHEAD']).toContain(code);
});

test('P5 the store of a history of equal length is refused', async () => {
  const database = await newDatabase();
  await put(database, 0, 5);
  const fork = await crashCopy(database.folder);
  await database.close();
  for (const [folder, value] of [
    [database.folder, 'one'],
    [fork, 'two'],
  ] as const) {
    const opened = await openDatabase(folder);
    await opened.put('a', value);
    await opened.close();
  }
  await rm(join(fork, 'store'), { recursive: true });
  await cp(join(database.folder, 'store'), join(fork, 'store'), { recursive: true });
  expect(await codeOf(Database.open(fork, { env }))).toBe('STORE_DIVERGED');
});

test('P5 the log of another database is refused', async () => {
  const database = await newDatabase();
  await put(database, 0, 5);
  await database.close();
  const other = join(await temporaryFolder(), 'other');
  await createDatabase(other, { env });
  await cp(join(database.folder, 'log'), join(other, 'log'), { recursive: true });
  expect(await codeOf(Database.open(other, { env }))).toBe('LOG_DAMAGED');
});

test('a store that has lost what was known to be on disk is told', async () => {
  const database = await newDatabase();
  await put(database, 0, 5);
  const earlier = await crashCopy(database.folder);
  await put(database, 5, 10);
  await database.close();
  await rm(join(database.folder, 'store'), { recursive: true });
  await cp(join(earlier, 'store'), join(database.folder, 'store'), { recursive: true });
  expect(await codeOf(Database.open(database.folder, { env }))).toBe('STORE_DAMAGED');
});

test('P1 a block that LevelDB’s log lost in a power cut comes back by replay from the checkpoint', async () => {
  const database = await newDatabase();
  await put(database, 0, 100);
  await database.whenApplied(database.durable().seq);
  await database.applyRetention();
  const { seq } = await readCheckpoint(env.disk, database.folder, database.control.base);
  expect(seq).toBe(database.applied().seq);
  for (let from = 100; from < 1500; from += 100) await put(database, from, from + 100);
  const whole = await stateOf(database);
  const folder = await crashCopy(database.folder);
  const store = join(folder, 'store');
  const [levelLog] = (await readdir(store)).filter((name) => name.endsWith('.log'));
  const path = join(store, there(levelLog));
  expect((await stat(path)).size).toBeGreaterThan(4 * 32_768);
  const bytes = await readFile(path);
  bytes.fill(0, 2 * 32_768, 3 * 32_768);
  await writeFile(path, bytes);
  const opened = await openDatabase(folder);
  expect(Object.keys(await contents(opened))).toHaveLength(1500);
  // Its own session record apart it is the state that was there.
  expect(await stateOf(opened)).toEqual(whole);
});

test('P3 replay is idempotent: once more over a whole store it changes nothing', async () => {
  const database = await newDatabase();
  await put(database, 0, 50);
  await database.del('key-000003');
  await database.put('key-000004', 'new');
  const whole = await stateOf(database);
  await database.close();
  for (let time = 0; time < 2; time++) {
    await rm(join(database.folder, 'checkpoint.json'));
    const opened = await openDatabase(database.folder, { access: 'read' });
    expect(await stateOf(opened)).toEqual(whole);
    await opened.close();
  }
});

test('a checkpoint that cannot be read is told, not guessed', async () => {
  const database = await newDatabase();
  await database.close();
  for (const content of ['{', 'null', '{"seq":-1,"chain":0,"time":0}']) {
    await writeFile(join(database.folder, 'checkpoint.json'), content);
    expect(await codeOf(Database.open(database.folder, { env }))).toBe('CONTROL_INVALID');
  }
});

test('log that replay needs and that is gone stops the open', async () => {
  const database = await newDatabase({ segmentBytes: 65_536 });
  for (let from = 0; from < 40; from += 10) await put(database, from, from + 10, 5000);
  await database.close();
  const segments = await logFiles(database.folder);
  expect(segments.length).toBeGreaterThan(2);
  await rm(join(database.folder, 'checkpoint.json'));
  await rm(there(segments[0]));
  expect(await codeOf(Database.open(database.folder, { env }))).toBe('LOG_GONE');
  await rm(join(database.folder, 'store'), { recursive: true });
  expect(await codeOf(Database.open(database.folder, { env }))).toBe('STORE_ERROR');
});

test('an open that only reads recovers and writes no record', async () => {
  const database = await newDatabase();
  await put(database, 0, 10);
  const { seq } = database.durable();
  const folder = await crashCopy(database.folder);
  const reader = await openDatabase(folder, { access: 'read' });
  expect(reader.durable().seq).toBe(seq);
  expect(Object.keys(await contents(reader))).toHaveLength(10);
  expect(await codeOf(reader.commit([{ type: 'del', key: 'a' }]))).toBe('READ_ONLY');
});
