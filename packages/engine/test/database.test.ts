import {
  type PaminaError,
  backlogBytesMax,
  commitBytesMax,
  keyBytesMax,
  valueBytesMax,
  type MarkBody,
} from '@pamina/format';
import { expect, test } from 'vitest';
import { readCheckpoint } from '../src/checkpoint.js';
import { Database } from '../src/database.js';
import type { StoreSnapshot } from '../src/state-store.js';
import {
  FaultyDisk,
  codeOf,
  contents,
  crashCopy,
  env,
  failure,
  newDatabase,
  openDatabase,
  text,
  there,
} from './workbench.js';

const isSegmentSync = ({ operation, path }: { operation: string; path: string }): boolean =>
  operation === 'sync the data of' && path.endsWith('.seg');
const isSegmentWrite = ({ operation, path }: { operation: string; path: string }): boolean =>
  operation === 'write' && path.endsWith('.seg');

function markBody(seq: number): MarkBody {
  return { backup: `backup-${seq}`, tag: null };
}

async function keysOf(snapshot: StoreSnapshot): Promise<string[]> {
  const keys: string[] = [];
  for await (const entries of snapshot.entries()) {
    for (const [key] of entries) if (key[0] === 2) keys.push(text(key.subarray(1)));
  }
  await snapshot.close();
  return keys;
}

test('a commit gives its position, and positions have no gaps across sessions', async () => {
  const database = await newDatabase();
  expect(await database.commit([{ type: 'put', key: 'a', value: '1' }])).toEqual({
    timeline: 1,
    seq: 2,
  });
  await database.close();
  const again = await openDatabase(database.folder);
  expect(again.session).toBe(2);
  expect((await again.commit([{ type: 'del', key: 'a' }])).seq).toBe(4);
  const spaces = new Set(again.log.segments().map(({ name }) => name.split('/')[1]));
  expect([...spaces]).toEqual(['00000001', '00000002']);
});

test('the identification pattern appears with the first session and stays', async () => {
  const database = await newDatabase();
  const { pattern, instance } = database.identity;
  expect(pattern).toMatch(/^[0-9a-f]{32}$/);
  expect(instance).toMatch(/^[0-9a-f]{32}$/);
  const [segment] = database.log.segments();
  expect(await database.log.header(there(segment))).toMatchObject({
    pattern,
    session: 1,
    firstSeq: 1,
  });
  await database.close();
  expect((await openDatabase(database.folder)).identity).toEqual({ pattern, instance });
});

test('P2 commits of one caller are applied in order, each whole', async () => {
  const database = await newDatabase();
  const commits = Array.from({ length: 200 }, (_, index) =>
    database.commit([
      { type: 'put', key: 'last', value: String(index) },
      { type: 'put', key: `key-${index}`, value: String(index) },
      { type: 'del', key: `key-${index - 3}` },
    ]),
  );
  const positions = await Promise.all(commits);
  expect(positions.map(({ seq }) => seq)).toEqual(positions.map((_, index) => index + 2));
  expect(await contents(database)).toEqual({
    last: '199',
    'key-197': '197',
    'key-198': '198',
    'key-199': '199',
  });
});

test('keys and values of every byte pattern come back as they were, also after replay', async () => {
  const database = await newDatabase();
  const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const keys = [
    new Uint8Array(0),
    ...Array.from(every, (byte) => Uint8Array.of(byte)),
    Uint8Array.of(255, 255, 255, 255),
    Uint8Array.of(0, 0),
    every,
  ];
  await Promise.all(keys.map((key) => database.put(key, key)));
  await database.put('empty', new Uint8Array(0));
  const recovered = await openDatabase(await crashCopy(database.folder));
  for (const opened of [database, recovered]) {
    for (const key of keys) expect(await opened.get(key)).toEqual(Buffer.from(key));
    expect(await opened.get('empty')).toEqual(Buffer.alloc(0));
    const listed: string[] = [];
    for await (const [key] of opened.entries()) listed.push(Buffer.from(key).toString('hex'));
    expect(listed).toEqual([...listed].sort());
    expect(listed).toHaveLength(keys.length + 1);
  }
});

test('text is stored as Level stores it, lone surrogates included', async () => {
  const database = await newDatabase();
  const texts = [
    '',
    'a',
    'ä',
    '𝄞',
    '\ud800',
    'a\udc00b',
    '\ud800\ud800',
    '\udc00\ud800',
    '\0',
    '\uffff',
  ];
  for (const key of texts) await database.put(`k${key}`, `v${key}`);
  for (const key of texts) {
    expect(await database.get(Buffer.from(`k${key}`))).toEqual(Buffer.from(`v${key}`));
    expect(await database.get(`k${key}`)).toEqual(Buffer.from(`v${key}`));
  }
});

test('P13 keys, values and commits over their limits are refused before a byte is written', async () => {
  const database = await newDatabase();
  const { seq } = database.durable();
  const put = (keyBytes: number, valueBytes: number): Promise<unknown> =>
    database.commit([
      { type: 'put', key: new Uint8Array(keyBytes), value: new Uint8Array(valueBytes) },
    ]);
  expect(await codeOf(put(keyBytesMax + 1, 1))).toBe('KEY_TOO_LARGE');
  expect(await codeOf(put(1, valueBytesMax + 1))).toBe('VALUE_TOO_LARGE');
  const value = new Uint8Array(commitBytesMax / 2 - 1024);
  const three = ['a', 'b', 'c'].map((key) => ({ type: 'put', key, value }) as const);
  expect(await codeOf(database.commit(three))).toBe('COMMIT_TOO_LARGE');
  expect(database.durable().seq).toBe(seq);
  await put(keyBytesMax, valueBytesMax);
  await database.close();
  const again = await openDatabase(database.folder);
  expect((await again.get(new Uint8Array(keyBytesMax)))?.length).toBe(valueBytesMax);
});

test('P13 a synchronous loop of puts is rejected with BACKLOG_FULL, and what was taken is there', async () => {
  const database = await newDatabase();
  const value = new Uint8Array(16 * 1024 * 1024);
  const puts: Promise<void>[] = [];
  let refused: unknown = null;
  while (refused === null && puts.length < 32) {
    try {
      puts.push(database.put(`key-${puts.length}`, value));
    } catch (error) {
      refused = error;
    }
  }
  expect(refused).toMatchObject({ code: 'BACKLOG_FULL', retryable: true });
  expect(puts.length).toBe(Math.floor(backlogBytesMax / (value.length + 1024)));
  await Promise.all(puts);
  expect(database.durable().seq).toBe(puts.length + 1);
  await database.put('after', '1');
}, 60_000);

test('P7 after a failed log sync the outcome is unknown, writes are refused, reads work, reopening recovers', async () => {
  const faulty = new FaultyDisk();
  const database = await newDatabase({ env: faulty.env });
  await database.put('before', '1');
  const failures: PaminaError[] = [];
  database.onFailed((error) => failures.push(error));
  faulty.fault = (step) => (isSegmentSync(step) ? 'DISK_ERROR' : null);
  const first = database.put('first', '1');
  const second = database.put('second', '1');
  expect(await codeOf(first)).toBe('COMMIT_UNKNOWN');
  expect(await codeOf(second)).toBe('COMMIT_UNKNOWN');
  faulty.fault = () => null;
  expect(database.state).toBe('failed');
  expect(failures).toHaveLength(1);
  expect(database.failure).toBe(failures[0]);
  expect(() => database.put('third', '1')).toThrow(/has failed/);
  expect(await codeOf(database.commit([]))).toBe('DATABASE_FAILED');
  expect(text(await database.get('before'))).toBe('1');
  expect(await database.get('first')).toBeUndefined();
  await database.close();
  const again = await openDatabase(database.folder);
  const entries = await contents(again);
  expect(entries).toMatchObject({ before: '1' });
  // Both were in one group: both are there or neither (the process lived, so the bytes were kept).
  expect('first' in entries).toBe('second' in entries);
  await again.put('third', '1');
  const events = await again.jobLog.tail(50);
  expect(events.filter(({ event }) => event === 'failed')).toHaveLength(1);
});

test('a full disk rejects the commit, leaves the database readable, and writing goes on when there is space', async () => {
  const faulty = new FaultyDisk();
  const database = await newDatabase({ env: faulty.env });
  await database.put('before', '1');
  faulty.fault = (step) => (isSegmentWrite(step) ? 'DISK_FULL' : null);
  const error = await failure(database.put('refused', 'x'.repeat(200_000)));
  expect(error).toMatchObject({ code: 'DISK_FULL', retryable: true });
  expect(database.state).toBe('open');
  expect(text(await database.get('before'))).toBe('1');
  faulty.fault = () => null;
  await database.put('after', '1');
  expect(Object.keys(await contents(database))).toEqual(['after', 'before']);
  const recovered = await openDatabase(await crashCopy(database.folder));
  expect(Object.keys(await contents(recovered))).toEqual(['after', 'before']);
});

test('commits that wait when the database is closed are finished, later ones refused', async () => {
  const database = await newDatabase();
  const waiting = Array.from({ length: 50 }, (_, index) => database.put(`key-${index}`, '1'));
  const closing = database.close();
  expect(() => database.put('late', '1')).toThrow(/is closed/);
  await Promise.all(waiting);
  await closing;
  expect(database.state).toBe('closed');
  expect(await codeOf(database.get('key-1'))).toBe('DATABASE_CLOSED');
  const again = await openDatabase(database.folder);
  expect(Object.keys(await contents(again))).toHaveLength(50);
});

test('two calls of close() end together, and a third after them does nothing', async () => {
  const database = await newDatabase();
  await Promise.all([database.close(), database.close()]);
  await database.close();
  await openDatabase(database.folder);
});

test('a database whose close fails lets go of its folder', async () => {
  const faulty = new FaultyDisk();
  const database = await newDatabase({ env: faulty.env });
  await database.put('a', '1');
  faulty.fault = () => 'DISK_ERROR';
  expect(await codeOf(database.close())).toMatch(/DISK_ERROR|DATABASE_FAILED/);
  expect(database.state).toBe('closed');
  const again = await openDatabase(database.folder);
  expect(await contents(again)).toEqual({ a: '1' });
});

test('P7 no checkpoint is published over a log of LevelDB whose sync has failed, whatever its next sync says', async () => {
  const faulty = new FaultyDisk();
  const database = await newDatabase({ env: faulty.env });
  await database.put('a', '1');
  await database.whenApplied(database.durable().seq);
  const checkpoint = (): Promise<{ seq: number }> =>
    readCheckpoint(env.disk, database.folder, database.control.base);
  const before = await checkpoint();
  faulty.fault = ({ operation, path }) =>
    operation === 'sync the data of' && path.includes('/store/') ? 'DISK_ERROR' : null;
  await database.applyRetention();
  faulty.fault = () => null;
  await database.applyRetention();
  expect(await checkpoint()).toEqual(before);
  await database.close();
  expect(await checkpoint()).toEqual(before);
  const again = await openDatabase(database.folder);
  expect((await checkpoint()).seq).toBe(again.durable().seq - 1);
  expect(await contents(again)).toEqual({ a: '1' });
});

test('a checkpoint that fails at close costs replay, not the close', async () => {
  const faulty = new FaultyDisk();
  const database = await newDatabase({ env: faulty.env });
  await database.put('a', '1');
  faulty.fault = ({ path }) => (path.endsWith('checkpoint.json') ? 'DISK_FULL' : null);
  await database.close();
  const again = await openDatabase(database.folder);
  const events = (await again.jobLog.tail(50)).map(({ event }) => event);
  expect(events).toContain('maintenance-failed');
  expect(events).toContain('replayed');
});

test('a mark gives the state exactly at it, while others write', async () => {
  const database = await newDatabase();
  const before = Array.from({ length: 100 }, (_, index) => database.put(`a-${index}`, '1'));
  const marking = database.mark(markBody);
  const after = Array.from({ length: 100 }, (_, index) => database.put(`b-${index}`, '1'));
  const { point, snapshot, session } = await marking;
  expect(point.seq).toBe(102);
  expect(session).toBe(1);
  expect(await database.log.chainAt(point.seq)).toBe(point.chain);
  await Promise.all([...before, ...after]);
  const keys = await keysOf(snapshot);
  expect(keys).toHaveLength(100);
  expect(keys.every((key) => key.startsWith('a-'))).toBe(true);
  const [closed, open] = database.log.segments();
  expect(closed).toMatchObject({ closed: true, lastSeq: 102 });
  expect(open).toMatchObject({ firstSeq: 103 });
});

test('a mark that is rejected leaves no snapshot behind to whoever gets its number', async () => {
  const faulty = new FaultyDisk();
  const database = await newDatabase({ env: faulty.env });
  faulty.fault = (step) => (isSegmentWrite(step) ? 'DISK_FULL' : null);
  expect(await codeOf(database.mark(markBody))).toBe('DISK_FULL');
  faulty.fault = () => null;
  await database.put('a', '1');
  const { point, snapshot } = await database.mark(markBody);
  expect(point.seq).toBe(3);
  expect(await keysOf(snapshot)).toEqual(['a']);
});

test('a snapshot without a record is of exactly the point that it names', async () => {
  const database = await newDatabase();
  await database.put('a', '1');
  const { seq } = database.durable();
  const { point, snapshot } = await database.stateSnapshot();
  await database.put('b', '1');
  expect(point.seq).toBe(seq);
  expect(await keysOf(snapshot)).toEqual(['a']);
  expect(database.durable().seq).toBe(seq + 1);
});

test('changes of the control file are made one after the other and none is lost', async () => {
  const database = await newDatabase();
  await Promise.all([
    database.updateControl({ keepFromSeq: 7 }),
    database.updateControl({ readOnly: true }),
    database.updateControl({ name: 'renamed' }),
  ]);
  expect(database.control).toMatchObject({ keepFromSeq: 7, readOnly: true, name: 'renamed' });
  expect(await codeOf(database.commit([]))).toBe('READ_ONLY');
  await database.close();
  const again = await openDatabase(database.folder);
  expect(again.control).toMatchObject({ keepFromSeq: 7, readOnly: true, name: 'renamed' });
});

test('P8 a control file that cannot be replaced stays as it was', async () => {
  const faulty = new FaultyDisk();
  const database = await newDatabase({ env: faulty.env });
  const before = database.control;
  faulty.fault = ({ operation }) => (operation === 'replace' ? 'DISK_FULL' : null);
  expect(await codeOf(database.updateControl({ readOnly: true }))).toBe('DISK_FULL');
  expect(database.control).toBe(before);
  faulty.fault = () => null;
  await database.updateControl({ keepFromSeq: 1 });
  expect(database.control).toMatchObject({ readOnly: false, keepFromSeq: 1 });
});

test('P15 a control file of an unknown format is refused unchanged', async () => {
  const database = await newDatabase();
  await database.close();
  const path = `${database.folder}/control.json`;
  const control = JSON.parse(text(await env.disk.readFile(path))) as object;
  const changed = new TextEncoder().encode(JSON.stringify({ ...control, formatVersion: 2 }));
  await env.disk.replaceFile(path, changed);
  expect(await codeOf(Database.open(database.folder, { env }))).toBe('FORMAT_UNKNOWN');
  expect(await env.disk.readFile(path)).toEqual(changed);
});
