// LevelDB's own errors cannot be had through the disk that tests hold; its words are put into its mouth.
import { join } from 'node:path';
import { valueBytesMax } from '@pamina/format';
import type { Env } from '@pamina/env';
import { expect, test } from 'vitest';
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
