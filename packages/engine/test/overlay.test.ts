// What is acknowledged is readable before the store has it: reads, iterators and snapshots are exact
// while the store lags behind the log, and commits that were asked for from memory are no exception.
import { join } from 'node:path';
import type { StoreLevel } from '@pamina/env';
import { expect, test } from 'vitest';
import { Pamina } from '../src/pamina.js';
import type { PaminaOptions } from '../src/pamina-options.js';
import { SlowStores } from './slow-stores.js';
import { FaultyDisk, cleanUp, codeOf, temporaryFolder, until } from './workbench.js';

type Db = Pamina;

async function lagging(
  options: PaminaOptions<string, string> = {},
): Promise<{ db: Db; store: SlowStores }> {
  const store = new SlowStores();
  const db = new Pamina(join(await temporaryFolder(), 'orders'), { env: store.env, ...options });
  await db.open();
  cleanUp(async () => {
    store.release();
    await db.close();
  });
  await db.batch(['a', 'b', 'c', 'd'].map((key) => ({ type: 'put', key, value: 'old' }) as const));
  await db.database.whenApplied(db.database.durable().seq);
  store.hold();
  return { db, store };
}

/** Commits that only the log has: a new key, a changed one, a deleted one. */
async function change(db: Db): Promise<void> {
  await db.batch([
    { type: 'put', key: 'b', value: 'new' },
    { type: 'put', key: 'bb', value: 'ü' },
  ]);
  await db.del('c');
}

const changed = [
  ['a', 'old'],
  ['b', 'new'],
  ['bb', 'ü'],
  ['d', 'old'],
];

test('P1 a commit is acknowledged by the log while the store does not take it', async () => {
  const { db } = await lagging();
  await change(db);
  const { database } = db;
  expect(database.applied().seq).toBe(database.durable().seq - 2);
});

test('P2 point reads see what was acknowledged before the store has it', async () => {
  const { db } = await lagging();
  await change(db);
  expect(await db.get('b')).toBe('new');
  expect(await db.get('bb', { valueEncoding: 'buffer' })).toEqual(Buffer.from('ü'));
  expect(await db.get('bb', { valueEncoding: 'view' })).toEqual(new TextEncoder().encode('ü'));
  expect(await db.get('c')).toBeUndefined();
  expect(db.getSync('b')).toBe('new');
  expect(db.getSync('c')).toBeUndefined();
  expect(db.getSync('d')).toBe('old');
  expect(await db.getMany(['d', 'c', 'bb', 'x'])).toEqual(['old', undefined, 'ü', undefined]);
  expect(await db.has('bb')).toBe(true);
  expect(await db.has('c')).toBe(false);
  expect(await db.hasMany(['a', 'b', 'c'])).toEqual([true, true, false]);
});

test('P2 an iterator made while the store lags is of that moment, whatever is committed after it', async () => {
  const { db, store } = await lagging();
  await change(db);
  const iterator = db.iterator();
  iterator.seek('a');
  const keys = db.keys({ reverse: true, limit: 2 });
  await db.put('a', 'later');
  await db.put('e', 'later');
  const entries = iterator.all();
  const reversed = keys.all();
  store.release();
  expect(await entries).toEqual(changed);
  expect(await reversed).toEqual(['d', 'bb']);
  expect(await db.values().all()).toEqual(['later', 'new', 'ü', 'old', 'later']);
});

test('P2 a snapshot made while the store lags answers at once and stays what it was', async () => {
  const { db, store } = await lagging();
  await change(db);
  const snapshot = db.snapshot();
  await db.put('b', 'later');
  const read = async (): Promise<void> => {
    expect(db.getSync('b', { snapshot })).toBe('new');
    expect(await db.get('c', { snapshot })).toBeUndefined();
    expect(await db.getMany(['a', 'bb'], { snapshot })).toEqual(['old', 'ü']);
    expect(await db.has('c', { snapshot })).toBe(false);
  };
  await read();
  const entries = db.iterator({ snapshot }).all();
  store.release();
  expect(await entries).toEqual(changed);
  await db.database.whenApplied(db.database.durable().seq);
  await read();
  expect(await db.iterator({ snapshot }).all()).toEqual(changed);
  await snapshot.close();
});

test('an iterator and a snapshot that are closed before the store has come that far leave nothing behind', async () => {
  const { db, store } = await lagging();
  await change(db);
  const iterator = db.iterator();
  const snapshot = db.snapshot();
  await iterator.close();
  await snapshot.close();
  store.release();
  await db.database.whenApplied(db.database.durable().seq);
  expect(await db.iterator().all()).toEqual(changed);
});

test('iterators that are closed unread when the store has come that far leave none open in it', async () => {
  const { db, store } = await lagging();
  await change(db);
  const snapshot = db.snapshot();
  const opened: { closed: boolean }[] = [];
  const { level } = db.database.reader;
  const iterator = level.iterator.bind(level) as (
    options: object,
  ) => ReturnType<StoreLevel['iterator']>;
  const watched = (options: object): ReturnType<typeof iterator> => {
    const inner = iterator(options);
    const entry = { closed: false };
    opened.push(entry);
    const close = inner.close.bind(inner);
    inner.close = async () => {
      await close();
      entry.closed = true;
    };
    return inner;
  };
  Object.assign(level, { iterator: watched });
  const unread = [db.iterator(), db.keys(), db.iterator({ snapshot })];
  store.release();
  await until(() => opened.length === unread.length);
  for (const one of unread) await one.close();
  await snapshot.close();
  await until(() => opened.every(({ closed }) => closed));
});

test('clear() deletes what is visible, also what the store does not have yet', async () => {
  const { db, store } = await lagging();
  await change(db);
  const cleared = db.clear({ gt: 'a', lt: 'd' });
  store.release();
  await cleared;
  expect(await db.iterator().all()).toEqual([
    ['a', 'old'],
    ['d', 'old'],
  ]);
});

test('keys and values stay right when the buffers of their commits are used again', async () => {
  const { db, store } = await lagging();
  const snapshots = [];
  for (let round = 0; round < 20; round++) {
    await db.batch([
      { type: 'put', key: 'round', value: `${round}` },
      { type: 'put', key: `filler-${round}`, value: 'x'.repeat(200_000) },
    ]);
    snapshots.push(db.snapshot());
    if (round % 5 === 4) {
      store.release();
      await db.database.whenApplied(db.database.durable().seq);
      store.hold();
    }
  }
  for (const [round, snapshot] of snapshots.entries()) {
    expect(db.getSync('round', { snapshot })).toBe(`${round}`);
  }
  expect(db.getSync('round')).toBe('19');
});

async function withHeldSyncs(): Promise<{ db: Db; disk: FaultyDisk; release: () => void }> {
  const disk = new FaultyDisk();
  const db = new Pamina(join(await temporaryFolder(), 'orders'), { env: disk.env });
  await db.open();
  cleanUp(() => db.close());
  await db.put('a', 'disk');
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  disk.before = ({ operation }) => (operation.startsWith('sync') ? gate : Promise.resolve());
  return { db, disk, release };
}

test('P1 a commit from memory is acknowledged and visible before its sync, one for the disk after it', async () => {
  const { db, release } = await withHeldSyncs();
  let isSynced = false;
  const durable = db.put('b', 'disk').then(() => (isSynced = true));
  await db.put('c', 'memory', { durability: 'memory' });
  expect(await db.get('c')).toBe('memory');
  const iterator = db.iterator();
  await db.batch([{ type: 'put', key: 'd', value: 'memory' }], { durability: 'memory' });
  await db.del('a', { durability: 'memory' });
  expect(db.getSync('a')).toBeUndefined();
  expect(isSynced).toBe(false);
  release();
  await durable;
  // It was made in the middle of a group, and sees just that much of it.
  expect(await iterator.all()).toEqual([
    ['a', 'disk'],
    ['b', 'disk'],
    ['c', 'memory'],
  ]);
  expect(await db.keys().all()).toEqual(['b', 'c', 'd']);
});

test('P7 a log that fails under commits from memory fails the database, and says how many are lost', async () => {
  const { db, disk, release } = await withHeldSyncs();
  await db.put('b', 'memory', { durability: 'memory' });
  await db.put('c', 'memory', { durability: 'memory' });
  disk.fault = ({ operation }) => (operation === 'sync the data of' ? 'DISK_ERROR' : null);
  const iterator = db.iterator();
  release();
  await until(() => db.database.state === 'failed');
  expect(db.database.failure?.message).toContain('2 commits that were acknowledged from memory');
  expect(await db.get('b')).toBeUndefined();
  expect(await codeOf(iterator.next())).toBe('DATABASE_FAILED');
  await iterator.close();
  expect(await db.keys().all()).toEqual(['a']);
});

test('P7 a full disk under commits from memory is a failure: an acknowledged commit is not rejected', async () => {
  const { db, disk, release } = await withHeldSyncs();
  release();
  disk.fault = ({ operation, path }) =>
    operation === 'write' && path.endsWith('.seg') ? 'DISK_FULL' : null;
  await db.put('b', 'memory', { durability: 'memory' });
  await until(() => db.database.state === 'failed');
  expect(db.database.failure?.context['lost']).toBe(1);
});

test('the durability of a database is what its commits get that do not say so; `sync` is one way to say it', async () => {
  const disk = new FaultyDisk();
  const folder = join(await temporaryFolder(), 'orders');
  const db = new Pamina(folder, { env: disk.env, durability: 'memory' });
  await db.open();
  cleanUp(() => db.close());
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  disk.before = ({ operation }) => (operation.startsWith('sync') ? gate : Promise.resolve());
  await db.put('a', '1');
  await db.batch().put('b', '1').write();
  const { seq } = db.database.durable();
  const synced = db.put('c', '1', { sync: true } as object);
  release();
  await synced;
  expect(db.database.durable().seq).toBe(seq + 3);
});

test('P13 commits from memory wait for the disk when too many are ahead of it', async () => {
  const { db, release } = await withHeldSyncs();
  const value = 'x'.repeat(1024 * 1024);
  let acknowledged = 0;
  const puts = Array.from({ length: 20 }, (_, index) =>
    db.put(`${index}`, value, { durability: 'memory' }).then(() => acknowledged++),
  );
  await Promise.all(puts.slice(0, 5));
  expect(acknowledged).toBeLessThan(12);
  release();
  await Promise.all(puts);
  expect(await db.get('19')).toBe(value);
});

test('P13 commits from memory wait for the store when it is too far behind, and never meet BACKLOG_FULL', async () => {
  const { db, store } = await lagging();
  const { log } = db.database;
  const value = 'x'.repeat(4 * 1024 * 1024);
  let acknowledged = 0;
  const put = async (): Promise<void> => {
    await db.put(`${acknowledged}`, value, { durability: 'memory' });
    acknowledged++;
  };
  const puts: Promise<void>[] = [];
  while (acknowledged === puts.length) {
    const latest = put();
    puts.push(latest);
    // Then nothing of it waits for the log any more.
    const synced = until(() => log.durable.seq === log.encodedSeq);
    await Promise.race([latest, synced]);
    await synced;
  }
  store.release();
  await Promise.all(puts);
  expect(await db.get(`${puts.length - 1}`)).toBe(value);
});

test('durability of replicas is refused as long as there is none, and nonsense as a misuse', async () => {
  const { db } = await lagging();
  expect(await codeOf(db.put('x', '1', { durability: { replicas: 2 } }))).toBe(
    'DURABILITY_UNAVAILABLE',
  );
  for (const durability of ['none', { replicas: 0 }, {}, 7]) {
    await expect(db.put('x', '1', { durability } as object)).rejects.toThrow(TypeError);
  }
  const options = { durability: { replicas: 0 } };
  expect(() => new Pamina('somewhere', options)).toThrow(/replicas/);
  expect(await db.get('x')).toBeUndefined();
});

test('a signal that is aborted keeps a commit from being written; later it ends the wait alone', async () => {
  const { db, release } = await withHeldSyncs();
  const gone = AbortSignal.abort(new Error('no more'));
  await expect(db.put('b', '1', { signal: gone })).rejects.toThrow('no more');
  const controller = new AbortController();
  const put = db.put('c', '1', { signal: controller.signal });
  const failed = expect(put).rejects.toMatchObject({
    code: 'COMMIT_UNKNOWN',
    cause: { message: 'enough' },
  });
  controller.abort(new Error('enough'));
  await failed;
  release();
  await db.batch([{ type: 'put', key: 'd', value: '1' }], { signal: new AbortController().signal });
  expect(await db.keys().all()).toEqual(['a', 'c', 'd']);
});
