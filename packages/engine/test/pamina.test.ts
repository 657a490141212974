// What the published suite does not ask: several commits of one clear(), exact iterators and snapshots,
// byte keys below sublevels, opening and closing.
import { Level } from 'level';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createDatabase } from '../src/create-database.js';
import { Pamina } from '../src/pamina.js';
import type { PaminaOptions } from '../src/pamina-options.js';
import { FaultyDisk, cleanUp, codeOf, env, temporaryFolder } from './workbench.js';

async function newPamina<K = string, V = string>(
  options: PaminaOptions<K, V> = {},
): Promise<Pamina<K, V>> {
  const db = new Pamina<K, V>(join(await temporaryFolder(), 'orders'), options);
  await db.open();
  cleanUp(() => db.close());
  return db;
}

/** The code of the cause that abstract-level wraps. */
async function causeOf(task: Promise<unknown>): Promise<string> {
  const error = await task.then(
    () => null,
    (reason: unknown) => reason as { code: string; cause?: { code: string } },
  );
  return error?.cause?.code ?? error?.code ?? 'no error';
}

test('a database is opened on first use, as with Level, and its name is the folder’s', async () => {
  const db = new Pamina(join(await temporaryFolder(), 'orders'));
  cleanUp(() => db.close());
  await db.put('a', '1');
  expect(await db.get('a')).toBe('1');
  expect(db.getSync('a')).toBe('1');
  expect(db.getSync('b')).toBeUndefined();
  expect(db.database.control.name).toBe('orders');
});

test('P2 an iterator and a snapshot see exactly what was acknowledged when they were made', async () => {
  const db = await newPamina();
  await db.batch([
    { type: 'put', key: 'a', value: '1' },
    { type: 'put', key: 'b', value: '1' },
  ]);
  const snapshot = db.snapshot();
  const iterator = db.iterator();
  const later = db.batch([
    { type: 'put', key: 'a', value: '2' },
    { type: 'del', key: 'b' },
    { type: 'put', key: 'c', value: '2' },
  ]);
  const unacknowledged = await db.iterator().all();
  expect([
    ['1', '1'],
    ['2', '2'],
  ]).toContainEqual(unacknowledged.map(([, value]) => value));
  await later;
  expect(await iterator.all()).toEqual([
    ['a', '1'],
    ['b', '1'],
  ]);
  expect(await db.getMany(['a', 'b', 'c'], { snapshot })).toEqual(['1', '1', undefined]);
  expect(await db.keys({ snapshot, reverse: true }).all()).toEqual(['b', 'a']);
  expect(await db.iterator().all()).toEqual([
    ['a', '2'],
    ['c', '2'],
  ]);
  await snapshot.close();
  await iterator.close();
});

test('a clear() that is larger than a commit may be deletes everything, in several commits', async () => {
  const db = await newPamina<Buffer>({ keyEncoding: 'buffer' });
  const count = 70;
  for (let index = 0; index < count; index++) {
    await db.put(Buffer.concat([Buffer.of(index), Buffer.alloc(1_000_000, 7)]), 'v');
  }
  const { seq } = db.database.durable();
  await db.clear();
  expect(db.database.durable().seq).toBe(seq + 2);
  expect(await db.keys().all()).toEqual([]);
});

test('P2 a clear() below that size is one commit, and one that deletes nothing is none', async () => {
  const db = await newPamina();
  await db.batch(['a', 'b', 'c', 'd'].map((key) => ({ type: 'put', key, value: '1' }) as const));
  const { seq } = db.database.durable();
  await db.clear({ gt: 'a', lte: 'c' });
  expect(db.database.durable().seq).toBe(seq + 1);
  expect(await db.keys().all()).toEqual(['a', 'd']);
  await db.clear({ gt: 'x' });
  expect(db.database.durable().seq).toBe(seq + 1);
});

test('every way to write is one record of the log', async () => {
  const db = await newPamina();
  const { seq } = db.database.durable();
  const sub = db.sublevel('sub');
  await db.put('a', '1');
  await sub.put('b', '1');
  await sub.batch([{ type: 'put', key: 'c', value: '1' }]);
  await db.batch().put('d', '1').del('a').put('e', '1', { sublevel: sub }).write();
  await sub.clear();
  await db.del('d');
  await db.batch([]);
  expect(db.database.durable().seq).toBe(seq + 6);
  expect(await db.keys().all()).toEqual([]);
});

test('system data is not among the user’s keys, and neither can reach the other', async () => {
  const db = await newPamina<Buffer, Buffer>({ keyEncoding: 'buffer', valueEncoding: 'buffer' });
  await db.database.permit('replica', { simultaneousQuery: false });
  await db.put(Buffer.from('\u0001permitted/other'), Buffer.from('x'));
  await db.put(Buffer.alloc(0), Buffer.from('empty'));
  expect(await db.keys().all()).toHaveLength(2);
  await db.clear();
  expect(await db.database.permitted()).toMatchObject([{ name: 'replica' }]);
  expect(await db.keys().all()).toEqual([]);
});

test('keys and values are stored as Level stores them, whatever the text', async () => {
  const folder = await temporaryFolder();
  const level = new Level(join(folder, 'level'));
  const db = await newPamina();
  const texts = ['a', 'ä', '𝄞', '\ud800', 'a\udc00b', '\0', '\uffff', '\ud800\udbff'];
  for (const target of [level, db]) {
    await target.batch(texts.map((key) => ({ type: 'put', key: `k${key}`, value: `v${key}` })));
  }
  const asBytes = { keyEncoding: 'view', valueEncoding: 'view' } as const;
  const ours = await db.iterator<Uint8Array, Uint8Array>(asBytes).all();
  const theirs = await level.iterator<Uint8Array, Uint8Array>(asBytes).all();
  expect(ours.map(([key, value]) => [...key, 0, ...value])).toEqual(
    theirs.map(([key, value]) => [...key, 0, ...value]),
  );
  for (const key of texts) expect(await db.get(`k${key}`)).toBe(await level.get(`k${key}`));
  await level.close();
});

test('what is only read cannot be written', async () => {
  const db = await newPamina();
  await db.put('a', '1');
  await db.close();
  const reader = new Pamina(db.location, { access: 'read' });
  await reader.open();
  cleanUp(() => reader.close());
  expect(await reader.get('a')).toBe('1');
  expect(await codeOf(reader.put('b', '1'))).toBe('READ_ONLY');
  expect(await codeOf(reader.clear())).toBe('READ_ONLY');
});

test('a plain LevelDB is refused and untouched', async () => {
  const folder = await temporaryFolder();
  const level = new Level(folder);
  await level.put('a', '1');
  await level.close();
  expect(await causeOf(new Pamina(folder).open())).toBe('LEVEL_STORE_FOUND');
  await level.open();
  expect(await level.get('a')).toBe('1');
  await level.close();
});

test('an open that fails can be tried again, and a second one at the same time is refused', async () => {
  const folder = join(await temporaryFolder(), 'orders');
  const faulty = new FaultyDisk();
  faulty.fault = ({ operation, path }) =>
    operation === 'write' && path.endsWith('.seg') ? 'DISK_FULL' : null;
  const db = new Pamina(folder, { env: faulty.env });
  expect(await causeOf(db.open())).toBe('DISK_FULL');
  faulty.fault = () => null;
  await db.open();
  const other = new Pamina(folder);
  expect(await causeOf(other.open())).toBe('DATABASE_IN_USE');
  await db.put('a', '1');
  await db.close();
  expect(() => db.database).toThrow(/is not open/);
  await other.open();
  expect(await other.get('a')).toBe('1');
  await other.close();
});

test('of two that open a new folder at the same time one creates it and one is refused', async () => {
  const folder = join(await temporaryFolder(), 'orders');
  const [one, two] = [new Pamina(folder), new Pamina(folder)];
  const causes = await Promise.all([causeOf(one.open()), causeOf(two.open())]);
  expect(causes.toSorted()).toEqual(['DATABASE_IN_USE', 'no error']);
  await one.close();
  await two.close();
});

test('createIfMissing and errorIfExists mean what they mean with Level', async () => {
  const folder = join(await temporaryFolder(), 'orders');
  expect(await causeOf(new Pamina(folder, { createIfMissing: false }).open())).toBe(
    'DATABASE_NOT_FOUND',
  );
  await createDatabase(folder, { env, name: 'orders-2' });
  expect(await causeOf(new Pamina(folder, { errorIfExists: true }).open())).toBe('DATABASE_EXISTS');
  const db = new Pamina(folder, { createIfMissing: false, name: 'ignored' });
  await db.open();
  expect(db.database.control.name).toBe('orders-2');
  await db.close();
});

test('a compaction takes all that was acknowledged before it, also what the store has not taken yet', async () => {
  const db = await newPamina();
  const values = Array.from({ length: 64 }, () => randomBytes(64 * 1024).toString('base64'));
  await db.batch(values.map((value, index) => ({ type: 'put', key: `key-${index}`, value })));
  await db.compactRange('a', 'z');
  expect(await db.approximateSize('a', 'z')).toBeGreaterThan(64 * 64 * 1024);
});

test('approximateSize and compactRange speak of the user’s keys', async () => {
  const db = await newPamina();
  for (let index = 0; index < 20; index++) await db.put(`key-${index}`, 'x'.repeat(50_000));
  await db.compactRange('a', 'z');
  expect(await db.approximateSize('a', 'z')).toBeGreaterThan(10_000);
  expect(await db.approximateSize('x', 'z')).toBe(0);
});
