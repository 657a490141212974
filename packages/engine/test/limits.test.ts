// Both sides of every limit that a writer can meet: exactly the limit is taken and read again, one byte
// more is refused with code, figures and remedy, and the database goes on as if nothing had been asked.
import {
  backlogBytesMax,
  commitBodyHeaderBytes,
  commitBytesMax,
  keyBytesMax,
  operationBytes,
  valueBytesMax,
} from '@pamina/format';
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Database } from '../src/database.js';
import { Pamina } from '../src/pamina.js';
import {
  cleanUp,
  copyAs,
  crashCopy,
  failure,
  openDatabase,
  pump,
  stateOf,
  temporaryFolder,
} from './workbench.js';

type Bytes = Pamina<Buffer, Buffer>;
type Put = { type: 'put'; key: Buffer; value: Buffer };

async function open(folder: string): Promise<Bytes> {
  const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
  const db = new Pamina<Buffer, Buffer>(folder, encodings);
  await db.open();
  cleanUp(() => db.close());
  return db;
}

async function newPamina(): Promise<Bytes> {
  return open(join(await temporaryFolder(), 'orders'));
}

function put(key: Buffer | string, value: Buffer): Put {
  return { type: 'put', key: Buffer.from(key), value };
}

/** Refused with the code, both figures and what to do; nothing was written and writing goes on. */
async function expectRefusal(
  db: Bytes,
  task: () => Promise<unknown>,
  code: string,
  figures: readonly number[],
): Promise<void> {
  const before = db.database.durable();
  const error = await failure(task());
  expect(error.code).toBe(code);
  for (const figure of figures) expect(error.message).toContain(String(figure));
  expect(error.hint).not.toBe('');
  expect(error).toMatchObject({ exitStatus: 9, retryable: false });
  expect(db.database.durable()).toEqual(before);
  expect(db.database.state).toBe('open');
  const key = Buffer.from('goes on');
  await db.put(key, Buffer.from(code));
  expect(await db.get(key)).toEqual(Buffer.from(code));
  await db.del(key);
}

describe('P13 keys', () => {
  const largest = randomBytes(keyBytesMax);
  const larger = Buffer.concat([largest, Buffer.of(0)]);

  test('of exactly the limit are taken, read, passed over by iterators and deleted', async () => {
    const db = await newPamina();
    const neighbour = largest.subarray(0, keyBytesMax - 1);
    await db.batch([put(largest, Buffer.from('1')), put(neighbour, Buffer.from('2'))]);
    await db.batch().put(largest, Buffer.from('3')).write();
    expect(await db.get(largest)).toEqual(Buffer.from('3'));
    expect(db.getSync(largest)).toEqual(Buffer.from('3'));
    expect(await db.getMany([largest, larger, neighbour])).toEqual([
      Buffer.from('3'),
      undefined,
      Buffer.from('2'),
    ]);
    expect(briefs(await db.keys({ gt: neighbour, lt: larger }).all())).toEqual(briefs([largest]));
    const again = await reopened(db);
    const reversed = await again.keys({ reverse: true }).all();
    expect(briefs(reversed)).toEqual(briefs([largest, neighbour]));
    await again.del(largest);
    await again.clear({ lte: largest });
    expect(await again.keys().all()).toEqual([]);
  });

  test('of one byte more are refused by every way to write', async () => {
    const db = await newPamina();
    const value = Buffer.from('1');
    const figures = [keyBytesMax + 1, keyBytesMax];
    const ways: (() => Promise<unknown>)[] = [
      () => db.put(larger, value),
      () => db.del(larger),
      () => db.batch([put('small', value), put(larger, value)]),
      () => db.batch().put(Buffer.from('small'), value).put(larger, value).write(),
      () => db.batch([{ type: 'del', key: larger }]),
    ];
    for (const way of ways) await expectRefusal(db, way, 'KEY_TOO_LARGE', figures);
    expect(await db.keys().all()).toEqual([]);
  });

  test('that are too large are found absent, and may bound a range', async () => {
    const db = await newPamina();
    await db.put(largest, Buffer.from('1'));
    expect(await db.get(larger)).toBeUndefined();
    expect(await db.has(larger)).toBe(false);
    expect(briefs(await db.keys({ lt: larger }).all())).toEqual(briefs([largest]));
    expect(await db.keys({ gt: larger }).all()).toEqual([]);
    await db.clear({ gte: larger });
    expect(await db.has(largest)).toBe(true);
  });

  test('of a sublevel count with the name of the sublevel', async () => {
    const db = await newPamina();
    const bytes = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
    const sublevel = db.sublevel<Buffer, Buffer>('s', bytes);
    const fits = largest.subarray('!s!'.length);
    await sublevel.put(fits, Buffer.from('1'));
    expect(briefs(await sublevel.keys().all())).toEqual(briefs([fits]));
    const more = largest.subarray('!s!'.length - 1);
    const figures = [keyBytesMax + 1, keyBytesMax];
    await expectRefusal(db, () => sublevel.put(more, fits), 'KEY_TOO_LARGE', figures);
  });

  test('of text count in bytes of UTF-8', async () => {
    const db = await newPamina();
    const text = 'ä'.repeat(keyBytesMax / 2);
    const utf8 = { keyEncoding: 'utf8' } as const;
    await db.put<string, Buffer>(text, Buffer.from('1'), utf8);
    expect(await db.get<string, Buffer>(text, utf8)).toEqual(Buffer.from('1'));
    const refused = (): Promise<void> => db.put<string, Buffer>(`${text}a`, Buffer.from('1'), utf8);
    await expectRefusal(db, refused, 'KEY_TOO_LARGE', [keyBytesMax + 1, keyBytesMax]);
  });
});

describe('P13 values', () => {
  test('of exactly the limit are taken, one byte more is refused, and so are 64 MiB', async () => {
    const db = await newPamina();
    const largest = randomBytes(valueBytesMax);
    await db.put(Buffer.from('largest'), largest);
    const key = Buffer.from('larger');
    for (const bytes of [valueBytesMax + 1, 64 * 1024 * 1024]) {
      const value = Buffer.alloc(bytes, 1);
      const figures = [bytes, valueBytesMax];
      await expectRefusal(db, () => db.put(key, value), 'VALUE_TOO_LARGE', figures);
      const batch = [put('small', key), put(key, value)];
      await expectRefusal(db, () => db.batch(batch), 'VALUE_TOO_LARGE', figures);
    }
    const again = await reopened(db);
    expect(await again.keys().all()).toEqual([Buffer.from('largest')]);
    const read = await again.get(Buffer.from('largest'));
    expect(read?.equals(largest)).toBe(true);
  });
});

describe('P13 commits', () => {
  /** Two values that fill a commit exactly, with so many bytes more. */
  function filling(more: number): Put[] {
    const header = operationBytes('a'.length + 1, 0);
    const room = commitBytesMax - commitBodyHeaderBytes - 3 * header;
    const [first, second] = [valueBytesMax, valueBytesMax - 1000];
    const sizes = [first, second, room - first - second + more];
    return sizes.map((bytes, index) => put(String(index), Buffer.alloc(bytes, index)));
  }

  test('of exactly the limit are taken, and are whole after reopening and on a replica', async () => {
    const { db, replica } = await newPair();
    const operations = filling(0);
    await db.batch(operations);
    await pump(db.database, replica, 1024 * 1024);
    await replica.whenApplied(replica.durable().seq);
    await replica.updateControl({ simultaneousQuery: true });
    const again = await reopened(db);
    for (const { key, value } of operations) {
      expect((await again.get(key))?.equals(value)).toBe(true);
      expect(value.equals((await replica.get(key)) ?? Buffer.alloc(0))).toBe(true);
    }
  });

  test('of one byte more are refused as a whole', async () => {
    const db = await newPamina();
    const operations = filling(1);
    const figures = [commitBytesMax + 1, commitBytesMax];
    await expectRefusal(db, () => db.batch(operations), 'COMMIT_TOO_LARGE', figures);
    const chained = (): Promise<void> => {
      const batch = db.batch();
      for (const { key, value } of operations) batch.put(key, value);
      return batch.write();
    };
    await expectRefusal(db, chained, 'COMMIT_TOO_LARGE', figures);
    const error = await failure(db.batch(operations));
    expect(error.context).toMatchObject({ bytes: commitBytesMax + 1 });
    expect(await db.keys().all()).toEqual([]);
  });

  test('P2 of 100,000 operations are seen whole or not at all, also after a crash and on a replica', async () => {
    const { db, replica } = await newPair();
    const count = 100_000;
    const operations = Array.from({ length: count }, (_, index) =>
      put(`key-${index}`, Buffer.from(`value-${index}`)),
    );
    const commit = { isDone: false };
    const done = db.batch(operations).then(() => (commit.isDone = true));
    const seen = new Set<number>();
    while (!commit.isDone) {
      const first = db.getSync(Buffer.from('key-0'));
      seen.add((await db.keys().all()).length - 1);
      // What was there is there from then on.
      if (first !== undefined) expect(await countOf(db)).toBe(count);
    }
    await done;
    seen.add(await countOf(db));
    expect([...seen].filter((entries) => entries !== 0)).toEqual([count]);
    await pump(db.database, replica, 256 * 1024);
    await replica.whenApplied(replica.durable().seq);
    expect((await stateOf(replica)).join() === (await stateOf(db.database)).join()).toBe(true);
    const crashed = await open(await crashCopy(db.database.folder));
    expect(await countOf(crashed)).toBe(count);
    const again = await reopened(db);
    expect(await countOf(again)).toBe(count);
    await again.batch(operations.map(({ key }) => ({ type: 'del', key })));
    expect(await countOf(again)).toBe(0);
  });
});

test('the README states the limits as they are', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const mebibytes = [keyBytesMax, valueBytesMax, commitBytesMax, backlogBytesMax].map(
    (bytes) => bytes / (1024 * 1024),
  );
  const [key, value, commit, backlog] = mebibytes;
  expect(readme).toMatch(new RegExp(`a key, .*\\| ${key} MiB .*KEY_TOO_LARGE`));
  expect(readme).toMatch(new RegExp(`a value .*\\| ${value} MiB .*VALUE_TOO_LARGE`));
  expect(readme).toMatch(new RegExp(`a commit: .*\\| ${commit} MiB .*COMMIT_TOO_LARGE`));
  expect(readme).toMatch(new RegExp(`that wait, .*\\| ${backlog} MiB .*BACKLOG_FULL`));
});

/** What long bytes are compared by: a comparison that prints both takes seconds. */
function briefs(keys: readonly Buffer[]): string[] {
  return keys.map((key) => `${key.length} ${createHash('sha256').update(key).digest('hex')}`);
}

async function countOf(db: Bytes): Promise<number> {
  return (await db.keys({ gte: Buffer.from('key-'), lt: Buffer.from('key.') }).all()).length;
}

/** The same database, closed and opened. */
async function reopened(db: Bytes): Promise<Bytes> {
  await db.close();
  return open(db.location);
}

async function newPair(): Promise<{ db: Bytes; replica: Database }> {
  const db = await newPamina();
  await db.put(Buffer.from('base'), Buffer.from('1'));
  const { folder } = db.database;
  await db.close();
  const replica = await openDatabase(await copyAs('replica', folder, 'orders-replica'));
  return { db: await open(db.location), replica };
}
