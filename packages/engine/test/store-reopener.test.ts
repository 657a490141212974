// LevelDB's own errors cannot be had through the disk that tests hold; its words are put into its mouth.
import { join } from 'node:path';
import { PaminaError, valueBytesMax } from '@pamina/format';
import type { Env } from '@pamina/env';
import { expect, test } from 'vitest';
import { createDatabase } from '../src/create-database.js';
import type { Database } from '../src/database.js';
import { Pamina } from '../src/pamina.js';
import { SlowStores } from './slow-stores.js';
import {
  cleanUp,
  codeOf,
  contents,
  env,
  newDatabase,
  openDatabase,
  temporaryFolder,
  text,
  until,
} from './workbench.js';

const broken = new Error('IO error: store/000005.log: Input/output error');
const full = new Error('IO error: store/000005.log: No space left on device');

/** A disk without space until somebody makes some, and a clock that does not dawdle. */
function fullEnv(): { env: Env; makeSpace: () => void } {
  let freeBytes = 1000;
  const disk = { ...env.disk, freeBytes: () => Promise.resolve(freeBytes) };
  const sleep: Env['clock']['sleep'] = (_, signal) => env.clock.sleep(1, signal);
  const makeSpace = (): void => {
    freeBytes = 2 ** 40;
  };
  return { env: { ...env, disk, clock: { ...env.clock, sleep } }, makeSpace };
}

/** A store whose next writes fail so: each with its error, the last one for ever if it is said so. */
function failing(base: Env = env): {
  env: Env;
  failWith: (errors: Error[], isForEver?: boolean) => void;
} {
  const store = new SlowStores();
  return {
    env: { ...base, stores: store.stores },
    failWith: (errors, isForEver = false) => {
      const left = [...errors];
      store.fault = () => (isForEver ? (errors[0] ?? null) : (left.shift() ?? null));
    },
  };
}

async function events(database: Database): Promise<string[]> {
  return (await database.jobLog.tail(50)).map(({ event }) => event);
}

test('P1 after an error of its disk LevelDB is opened again inside, and the commit that met it succeeds', async () => {
  const { env: failingEnv, failWith } = failing();
  const database = await newDatabase({ env: failingEnv });
  await database.put('a', '1');
  await database.whenApplied(database.durable().seq);
  failWith([broken]);
  await Promise.all([database.put('b', '1'), database.put('c', '1')]);
  await database.put('d', '1');
  expect(database.state).toBe('open');
  expect(Object.keys(await contents(database))).toEqual(['a', 'b', 'c', 'd']);
  expect(await events(database)).toContain('store-reopened');
  await database.close();
  expect(Object.keys(await contents(await openDatabase(database.folder)))).toHaveLength(4);
});

test('open iterators and snapshots end with STORE_REOPENED, new ones read on', async () => {
  const { env: failingEnv, failWith } = failing();
  const db = new Pamina(join(await temporaryFolder(), 'orders'), { env: failingEnv });
  cleanUp(() => db.close());
  await db.batch(['a', 'b'].map((key) => ({ type: 'put', key, value: '1' }) as const));
  const iterator = db.iterator({ limit: 2 });
  const snapshot = db.snapshot();
  const placed = await db.database.stateSnapshot();
  expect(await iterator.next()).toEqual(['a', '1']);
  failWith([broken]);
  await db.put('c', '1');
  await db.database.whenApplied(db.database.durable().seq);
  expect(await codeOf(iterator.next())).toBe('STORE_REOPENED');
  expect(await codeOf(db.get('a', { snapshot }))).toBe('STORE_REOPENED');
  expect(() => db.iterator({ snapshot })).toThrow(/opened again/);
  expect(await codeOf(placed.snapshot.entries().next())).toBe('STORE_REOPENED');
  await placed.snapshot.close();
  await iterator.close();
  await snapshot.close();
  expect(await db.keys().all()).toEqual(['a', 'b', 'c']);
});

/** A database whose LevelDB is closed after an error and not open again before `open` is called. */
async function reopening(): Promise<{ database: Database; open: (error?: Error) => void }> {
  const store = new SlowStores();
  let open = (_error?: Error): void => undefined;
  const gate = new Promise<void>((resolve, reject) => {
    open = (error) => (error === undefined ? resolve() : reject(error));
  });
  let opened = 0;
  const stores: Env['stores'] = {
    ...store.stores,
    open: async (folder, options) => {
      opened++;
      if (opened > 1) await gate;
      return store.stores.open(folder, options);
    },
  };
  const folder = join(await temporaryFolder(), 'orders');
  await createDatabase(folder, { env });
  const database = await openDatabase(folder, { env: { ...env, stores } });
  await database.commit(['a', 'b'].map((key) => ({ type: 'put', key, value: '1' }) as const));
  await database.whenApplied(database.durable().seq);
  const errors = [broken];
  store.fault = () => errors.shift() ?? null;
  await database.put('c', '1');
  await until(() => opened === 2);
  return { database, open };
}

test('P1 point reads wait for a LevelDB that is being opened again', async () => {
  const { database, open } = await reopening();
  const { reader } = database;
  const key = (text: string): Buffer => Buffer.from(text);
  const formats = { keyEncoding: 'buffer', valueEncoding: 'utf8' } as const;
  const reads = Promise.all([
    reader.get('user', key('a'), formats),
    reader.getMany('user', ['a', 'b', 'c', 'd'].map(key), formats),
    reader.has('user', key('b')),
    reader.hasMany('user', ['a', 'c', 'd'].map(key)),
  ]);
  expect(text(await database.get('c'))).toBe('1');
  expect(() => reader.getSync('user', key('a'))).toThrow(/opened again/);
  open();
  expect(await reads).toEqual(['1', ['1', '1', '1', undefined], true, [true, true, false]]);
});

test('P9 where LevelDB cannot be opened again reads say why, and what only the log has is read', async () => {
  const { database, open } = await reopening();
  const read = codeOf(database.get('a'));
  open(new PaminaError('STORE_ERROR', 'LevelDB cannot open it'));
  expect(await read).toBe('STORE_ERROR');
  await until(() => database.state === 'failed');
  expect(await codeOf(database.get('a'))).toBe('STORE_ERROR');
  expect(() => database.reader.view()).toThrow('cannot open it');
  expect(text(await database.get('c'))).toBe('1');
});

/** Two reads over several turns that have begun, and how to go on with one to its end. */
async function longReads(database: Database): Promise<{
  reads: AsyncGenerator[];
  drain: (read: AsyncGenerator) => Promise<void>;
}> {
  for (let at = 0; at < 3; at++) {
    const operations = Array.from({ length: 1000 }, (_, key) => {
      return { type: 'put', key: `${at} ${key}`, value: '1' } as const;
    });
    await database.commit(operations);
  }
  await database.whenApplied(database.durable().seq);
  const { snapshot } = await database.stateSnapshot();
  const reads = [database.entries(), snapshot.entries()];
  await Promise.all(reads.map((read) => read.next()));
  const drain = async (read: AsyncGenerator): Promise<void> => {
    while ((await read.next()).done !== true);
  };
  return { reads, drain };
}

test('P9 what reads over several turns ends with STORE_REOPENED too, wherever it is', async () => {
  const { env: failingEnv, failWith } = failing();
  const database = await newDatabase({ env: failingEnv });
  const { reads, drain } = await longReads(database);
  failWith([broken]);
  await database.put('c', '1');
  await database.whenApplied(database.durable().seq);
  for (const read of reads) expect(await codeOf(drain(read))).toBe('STORE_REOPENED');
  expect(Object.keys(await contents(database))).toHaveLength(3001);
});

test('P9 a database that is closed under them says so, and nothing of an error of the disk', async () => {
  const database = await newDatabase();
  const { reads, drain } = await longReads(database);
  await database.close();
  for (const read of reads) expect(await codeOf(drain(read))).toBe('DATABASE_CLOSED');
});

test('P1 while the disk is full commits are acknowledged by the log, reads are exact, and the store catches up with space', async () => {
  const { env: withoutSpace, makeSpace } = fullEnv();
  const { env: failingEnv, failWith } = failing(withoutSpace);
  const database = await newDatabase({ env: failingEnv });
  await database.put('a', '1');
  await database.whenApplied(database.durable().seq);
  failWith([full, full]);
  await Promise.all(['b', 'c', 'd'].map((key) => database.put(key, '1')));
  await until(async () => (await events(database)).includes('store-disk-full'));
  expect(text(await database.get('a'))).toBe('1');
  expect(text(await database.get('d'))).toBe('1');
  expect(database.applied().seq).toBeLessThan(database.durable().seq);
  expect(database.state).toBe('open');
  makeSpace();
  await database.whenApplied(database.durable().seq);
  expect(Object.keys(await contents(database))).toEqual(['a', 'b', 'c', 'd']);
});

test('P13 commits wait for a store that is too far behind, and are told unknown if it is closed before it takes them', async () => {
  const { env: withoutSpace } = fullEnv();
  const { env: failingEnv, failWith } = failing(withoutSpace);
  const database = await newDatabase({ env: failingEnv });
  failWith([full], true);
  const value = Buffer.alloc(valueBytesMax, 'x');
  await database.put('first', value);
  let settled = false;
  const puts = ['second', 'third'].map((key) => codeOf(database.put(key, value)));
  for (const put of puts) void put.finally(() => (settled = true));
  await until(() => database.durable().seq >= 4);
  expect(settled).toBe(false);
  await database.close();
  expect(await Promise.all(puts)).toEqual(['COMMIT_UNKNOWN', 'COMMIT_UNKNOWN']);
  const reopened = await openDatabase(database.folder);
  expect((await reopened.get('third'))?.length).toBe(valueBytesMax);
});

test('P7 a store that fails again at once fails the database, reads stay exact, and the log has everything', async () => {
  const { env: failingEnv, failWith } = failing();
  const database = await newDatabase({ env: failingEnv });
  await database.put('a', '1');
  await database.whenApplied(database.durable().seq);
  failWith([broken], true);
  await database.put('b', '1');
  await until(() => database.state === 'failed');
  expect(database.failure).toMatchObject({ code: 'STORE_ERROR' });
  expect(() => database.put('c', '1')).toThrow(/has failed/);
  expect(text(await database.get('a'))).toBe('1');
  expect(text(await database.get('b'))).toBe('1');
  await database.close();
  expect(await contents(await openDatabase(database.folder))).toEqual({ a: '1', b: '1' });
});

/** A full disk below the store, and commits that only the log has. */
async function stuck(): Promise<{ db: Pamina; makeSpace: () => void }> {
  const { env: withoutSpace, makeSpace } = fullEnv();
  const { env: failingEnv, failWith } = failing(withoutSpace);
  const db = new Pamina(join(await temporaryFolder(), 'orders'), { env: failingEnv });
  await db.open();
  cleanUp(() => db.close());
  const { database } = db;
  await db.batch(['a', 'b', 'c', 'd'].map((key) => ({ type: 'put', key, value: 'old' }) as const));
  await database.whenApplied(database.durable().seq);
  failWith([full, full]);
  await db.put('b', 'new');
  await db.batch([
    { type: 'del', key: 'c' },
    { type: 'put', key: 'cc', value: 'new' },
    { type: 'put', key: 'e', value: 'new' },
  ]);
  return { db, makeSpace };
}

test('P12 while the disk is full iterators and snapshots are exact and wait for nothing', async () => {
  const { db, makeSpace } = await stuck();
  // Made before or after the store is known to be stuck.
  const early = db.iterator().all();
  await until(async () => (await events(db.database)).includes('store-disk-full'));
  const entries = [
    ['a', 'old'],
    ['b', 'new'],
    ['cc', 'new'],
    ['d', 'old'],
    ['e', 'new'],
  ];
  expect(await early).toEqual(entries);
  const snapshot = db.snapshot();
  const before = db.iterator();
  await db.put('a', 'later');
  await db.del('e');
  expect(await before.all()).toEqual(entries);
  expect(await db.iterator({ snapshot }).all()).toEqual(entries);
  expect(await db.keys({ snapshot, reverse: true, limit: 3 }).all()).toEqual(['e', 'd', 'cc']);
  expect(await db.iterator({ keyEncoding: 'buffer', gt: 'a', lte: 'cc' }).all()).toEqual([
    [Buffer.from('b'), 'new'],
    [Buffer.from('cc'), 'new'],
  ]);
  expect(await db.values().all()).toEqual(['later', 'new', 'new', 'old']);
  expect(await db.iterator({ keys: false, limit: 1 }).next()).toEqual([undefined, 'later']);
  expect(await db.getMany(['a', 'c', 'd', 'e'])).toEqual(['later', undefined, 'old', undefined]);
  expect(await db.hasMany(['a', 'c', 'cc', 'd'])).toEqual([true, false, true, true]);
  for (const [reverse, found] of [
    [false, ['cc', 'd']],
    [true, ['b', 'a']],
  ] as const) {
    const sought = db.keys({ reverse, keyEncoding: 'utf8' });
    expect(await sought.next()).toBe(reverse ? 'd' : 'a');
    sought.seek('c');
    expect(await sought.nextv(2)).toEqual(found);
    await sought.close();
  }
  await snapshot.close();
  makeSpace();
  await db.database.whenApplied(db.database.durable().seq);
  expect(await db.keys().all()).toEqual(['a', 'b', 'cc', 'd']);
});

test('P9 says why nothing is applied for as long as it waits for space', async () => {
  const { db, makeSpace } = await stuck();
  const { database } = db;
  await until(async () => (await events(database)).includes('store-disk-full'));
  expect(database.stuck).toMatchObject({ code: 'STORE_ERROR', cause: full });
  makeSpace();
  await database.whenApplied(database.durable().seq);
  expect(database.stuck).toBe(null);
});

test('P1 P16 space that others take before LevelDB is open again is waited for once more', async () => {
  const { env: withoutSpace, makeSpace } = fullEnv();
  makeSpace();
  const { env: failingEnv, failWith } = failing(withoutSpace);
  let refused = 0;
  const stores: Env['stores'] = {
    ...failingEnv.stores,
    open: (folder, options) => {
      if (refused === 0 || refused > 3) return failingEnv.stores.open(folder, options);
      refused += 1;
      const message = 'Database failed to open';
      return Promise.reject(new Error(message, { cause: full }));
    },
  };
  const database = await newDatabase({ env: { ...failingEnv, stores } });
  await database.put('a', '1');
  await database.whenApplied(database.durable().seq);
  refused = 1;
  failWith([full]);
  await database.put('b', '1');
  await database.whenApplied(database.durable().seq);
  expect(refused).toBe(4);
  expect(database.state).toBe('open');
  expect(await contents(database)).toEqual({ a: '1', b: '1' });
});

test('a database whose store waits for space closes, whoever reads', async () => {
  const { db } = await stuck();
  const reading = db.iterator().next();
  await db.close();
  expect(await reading).toEqual(['a', 'old']);
});

test('a backup’s snapshot is not to be had of a store that waits for space', async () => {
  const { db } = await stuck();
  await until(async () => (await events(db.database)).includes('store-disk-full'));
  expect(await codeOf(db.database.stateSnapshot())).toBe('STORE_ERROR');
});
