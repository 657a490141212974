// A database that is closed while a backup of it, its audit or an expiry goes on: close waits until nothing
// of them is left, and nobody changes its control file any more.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '@pamina/engine';
import { expect, test } from 'vitest';
import {
  expireBackups,
  listBackups,
  takeBackup,
  takeIncremental,
  type BackupDatabase,
} from '../src/index.js';
import { env, gate, newDatabase, openDatabase } from './support.js';

const filesOf = async ({ folder }: Database): Promise<Record<string, string>> => {
  const control = await readFile(join(folder, 'control.json'), 'utf8');
  const backups = await readdir(join(folder, 'backups'));
  return { control, backups: backups.sort().join(' ') };
};

/** The database with a disk that waits before a change of the backups folder, until it is let go on. */
function held(database: Database, when: RegExp) {
  const reached = gate();
  const goOn = gate();
  const { disk } = database.env;
  const hold = async (path: string): Promise<void> => {
    if (!when.test(path)) return;
    reached.open();
    await goOn.opened;
  };
  const holding = {
    ...disk,
    open: async (path: string, mode: Parameters<typeof disk.open>[1]) => {
      if (mode !== 'read') await hold(path);
      return disk.open(path, mode);
    },
    removeTree: async (path: string) => {
      await hold(path);
      return disk.removeTree(path);
    },
  };
  const slow = new Proxy(database, {
    get(target, name) {
      if (name === 'env') return { ...target.env, disk: holding };
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  }) as unknown as BackupDatabase & Database;
  return { slow, reached: reached.opened, goOn: goOn.open };
}

test.each(['logical', 'physical'] as const)(
  'P8 closing in the middle of a %s backup ends it: nothing of it stays, nothing is written after',
  async (form) => {
    const database = await newDatabase();
    for (let i = 0; i < 50; i++) await database.put(`key-${i}`, Buffer.alloc(2000, i));
    const { goOn, reached, slow } = held(database, /\.partial\//);
    const taking = takeBackup(slow, { form }).then(
      () => 'taken',
      (error: unknown) => (error as { code?: string }).code,
    );
    await reached;
    let isClosed = false;
    const closing = database.close().then(() => (isClosed = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isClosed).toBe(false);
    goOn();
    await closing;
    const before = await filesOf(database);
    expect(await taking).toBe('DATABASE_CLOSED');
    expect(before['backups']).not.toContain('partial');
    expect(await filesOf(database)).toEqual(before);
    const again = await openDatabase(database.folder);
    expect(again.control.keepFromSeq).toBeNull();
    expect(await listBackups(env, join(database.folder, 'backups'))).toHaveLength(1);
    await takeBackup(again, { form });
  },
);

test('P8 closing in the middle of an incremental backup, and of an expiry, waits for their end', async () => {
  const database = await newDatabase();
  await database.put('a', '1');
  await takeBackup(database);
  await database.put('b', '1');
  const incremental = held(database, /\.partial\//);
  const taking = takeIncremental(incremental.slow).catch((error: unknown) => error);
  await incremental.reached;
  const closing = database.close();
  incremental.goOn();
  await closing;
  expect(await taking).toMatchObject({ code: 'DATABASE_CLOSED' });

  const again = await openDatabase(database.folder);
  for (let i = 0; i < 3; i++) {
    await again.put('c', `${i}`);
    await takeBackup(again);
  }
  const expiry = held(again, /\.removing$/);
  const expiring = expireBackups(expiry.slow, { generations: 1 });
  await expiry.reached;
  const ending = again.close();
  expiry.goOn();
  await ending;
  const before = await filesOf(again);
  expect((await expiring).removed).toHaveLength(3);
  expect(await filesOf(again)).toEqual(before);
});

test('P8 the control file of a closed database is not changed, and close waits for a change under way', async () => {
  const database = await newDatabase();
  const writing = database.updateControl({ keepFromSeq: 1 });
  await database.close();
  await writing;
  const { folder } = database;
  const text = await readFile(join(folder, 'control.json'), 'utf8');
  expect((JSON.parse(text) as { keepFromSeq: number }).keepFromSeq).toBe(1);
  await expect(database.updateControl({ keepFromSeq: 7 })).rejects.toMatchObject({
    code: 'DATABASE_CLOSED',
  });
  expect(await readFile(join(folder, 'control.json'), 'utf8')).toBe(text);
});

test('P9 a backup whose audit closing ended says that it is not proved, and why, at the next open too', async () => {
  const database = await newDatabase();
  for (let i = 0; i < 50; i++) await database.put(`key-${i}`, `${i}`);
  const going = gate();
  const slow = withSlowState(database, going.opened);
  const manifest = await takeBackup(slow, { form: 'physical' });
  const closing = database.close();
  going.open();
  await closing;
  const before = await filesOf(database);
  await openDatabase(database.folder);
  const [listed] = await listBackups(env, join(database.folder, 'backups'));
  expect(listed).toMatchObject({
    id: manifest.id,
    problem: null,
    stateHash: null,
    unproved: {
      why: 'its state was not read to its end: the database was closed',
      isDoubted: false,
      isNoted: true,
    },
  });
  expect((await filesOf(database))['backups']).toBe(before['backups']);
});

/** States at marks whose first entry waits. */
function withSlowState(database: Database, going: Promise<void>): BackupDatabase {
  const mark: BackupDatabase['mark'] = async (...given) => {
    const placed = await database.mark(...given);
    const { snapshot } = placed;
    async function* entries() {
      for await (const batch of snapshot.entries()) {
        await going;
        yield batch;
      }
    }
    return { ...placed, snapshot: { entries, close: () => snapshot.close() } };
  };
  return new Proxy(database, {
    get(target, name) {
      if (name === 'mark') return mark;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
