// A store is built anew from backup and log: whatever happened to the old one, all that was
// acknowledged is in the new one.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Database } from '@pamina/engine';
import { toPaminaError } from '@pamina/format';
import { beforeEach, expect, test } from 'vitest';
import {
  planRebuild,
  rebuild,
  removeKeptStores,
  takeBackup,
  verdictOf,
  verifyContent,
  verifyDatabaseFiles,
} from '../src/index.js';
import {
  DyingDisk,
  Model,
  env,
  filesBelow,
  flipByte,
  newDatabase,
  openDatabase,
  temporaryFolder,
  userEntries,
} from './support.js';

let database: Database;
let model: Model;
let folder: string;

beforeEach(async () => {
  database = await newDatabase();
  model = new Model(database);
  folder = database.folder;
});

async function fill(from: number, count: number): Promise<void> {
  for (let at = from; at < from + count; at++) {
    await model.put(`key-${String(at).padStart(4, '0')}`, `${at} `.repeat(500));
  }
}

/** What an open database holds, and whether it says that all is well with it. */
async function contentOf(of: Database): Promise<string[]> {
  expect(await verifyContent({ env, folder: of.folder, content: of })).toMatchObject({
    verdict: 'verified',
  });
  return userEntries(of);
}

test('P1 P3 a store that is lost is rebuilt with everything that was acknowledged, on its timeline', async () => {
  await fill(0, 20);
  await takeBackup(database);
  await fill(20, 30);
  const { timelines } = database;
  const end = database.durable().seq;
  await database.close();
  await rm(join(folder, 'store'), { recursive: true });
  expect(await planRebuild({ env, folder })).toMatchObject({
    backup: 'initial',
    position: `1/${end}`,
    records: end,
  });
  const rebuilt = await rebuild({ env, folder });
  expect(rebuilt).toMatchObject({ backup: 'initial', entries: 50, kept: null });
  expect(rebuilt.compared).toBeGreaterThan(1);
  const again = await openDatabase(folder);
  expect(again.timelines).toEqual(timelines);
  expect(await contentOf(again)).toEqual(model.at(end));
  await again.put('more', 'x');
});

test('P9 silent damage is mended, the old store is kept aside until it is told to go', async () => {
  await fill(0, 20);
  await takeBackup(database);
  await fill(20, 30);
  await database.close();
  const [log = ''] = (await readdir(join(folder, 'store'))).filter((name) => name.endsWith('.log'));
  await flipByte(join(folder, 'store', log), 3000);
  const damaged = await filesBelow(join(folder, 'store'));
  expect(verdictOf(await verifyDatabaseFiles({ env, folder }))).toBe('damaged');
  const { kept } = await rebuild({ env, folder });
  // As it was: opening it would have thrown away what is behind the damage.
  const asKept = await filesBelow(kept ?? '');
  // The note of its damage went with it.
  expect(asKept.delete('damage.json')).toBe(true);
  expect(asKept).toEqual(damaged);
  expect(verdictOf(await verifyDatabaseFiles({ env, folder }))).toBe('verified');
  expect(await contentOf(await openDatabase(folder, { access: 'read' }))).toEqual(model.at(1000));
  expect(await removeKeptStores({ env, folder })).toEqual([kept]);
  expect((await readdir(folder)).filter((name) => name.startsWith('store'))).toEqual(['store']);
});

test('P9 a store that is ahead of its log is rebuilt to the end of the log', async () => {
  await fill(0, 5);
  await takeBackup(database);
  await fill(5, 1);
  await database.close();
  const before = await temporaryFolder();
  await cp(join(folder, 'log'), join(before, 'log'), { recursive: true });
  const end = database.durable().seq;
  const again = await openDatabase(folder);
  await again.put('later', 'x');
  await again.close();
  await rm(join(folder, 'log'), { recursive: true });
  await rm(join(folder, 'checkpoint.json'));
  await cp(join(before, 'log'), join(folder, 'log'), { recursive: true });
  await expect(Database.open(folder, { env })).rejects.toMatchObject({ code: 'STORE_AHEAD' });
  expect(await rebuild({ env, folder })).toMatchObject({ position: `1/${end}` });
  expect(await contentOf(await openDatabase(folder))).toEqual(model.at(end));
});

test('P9 what backup and log cannot reach is refused, and nothing is changed', async () => {
  await fill(0, 5);
  await takeBackup(database);
  await fill(5, 5);
  await database.close();
  const files = async (): Promise<unknown> => {
    const all = await filesBelow(folder);
    for (const name of all.keys()) if (name.startsWith('open-in-')) all.delete(name);
    return all;
  };
  const backups = join(folder, 'backups');
  await cp(backups, `${backups}-aside`, { recursive: true });
  await rm(backups, { recursive: true });
  const without = await files();
  for (const run of [planRebuild, rebuild]) {
    await expect(run({ env, folder })).rejects.toMatchObject({ code: 'REBUILD_IMPOSSIBLE' });
  }
  expect(await files()).toEqual(without);
  await cp(`${backups}-aside`, backups, { recursive: true });
  const [segment = ''] = [...(await filesBelow(join(folder, 'log'))).keys()].filter((name) =>
    name.endsWith('.seg'),
  );
  await flipByte(join(folder, 'log', segment), 200);
  const damaged = await files();
  await expect(rebuild({ env, folder })).rejects.toMatchObject({ code: 'REBUILD_IMPOSSIBLE' });
  expect(await files()).toEqual(damaged);
});

test('a database that is open is not rebuilt, nor is one opened that is being rebuilt', async () => {
  await fill(0, 5);
  await expect(rebuild({ env, folder })).rejects.toMatchObject({ code: 'DATABASE_IN_USE' });
  await database.close();
  const tried: Promise<void>[] = [];
  const tryToOpen = async (): Promise<void> => {
    await expect(Database.open(folder, { env })).rejects.toMatchObject({ code: 'DATABASE_IN_USE' });
  };
  await rebuild({
    env,
    folder,
    onProgress: ({ step }) => {
      if (step === 'replay') tried.push(tryToOpen());
    },
  });
  expect(tried).not.toEqual([]);
  await Promise.all(tried);
});

test('a store that another process has open is not rebuilt, and keeps its lock', async () => {
  await database.close();
  const store = join(folder, 'store');
  const script = `
    const { Level } = require('level');
    const level = new Level(${JSON.stringify(store)});
    level.open().then(() => process.stdout.write('open'), (error) => process.stdout.write(error.cause.code));
    process.stdin.on('data', () => level.close().then(() => process.exit(0)));`;
  const other = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const [said] = (await once(other.stdout, 'data')) as [Buffer];
    expect(said.toString()).toBe('open');
    await expect(rebuild({ env, folder })).rejects.toMatchObject({ code: 'DATABASE_IN_USE' });
    await expect(Database.open(folder, { env })).rejects.toMatchObject({ code: 'DATABASE_IN_USE' });
  } finally {
    other.stdin.end('end');
    await once(other, 'exit');
  }
  expect(await rebuild({ env, folder })).toMatchObject({ backup: 'initial' });
});

test('a rebuild ends when it is told to, and leaves the old store as it was', async () => {
  await fill(0, 5);
  await database.close();
  const before = await filesBelow(join(folder, 'store'));
  const controller = new AbortController();
  const reason = new Error('enough');
  const running = rebuild({
    env,
    folder,
    signal: controller.signal,
    onProgress: ({ step }) => step === 'replay' && controller.abort(reason),
  });
  await expect(running).rejects.toBe(reason);
  expect(await filesBelow(join(folder, 'store'))).toEqual(before);
  expect((await readdir(folder)).filter((name) => name.startsWith('store'))).toEqual(['store']);
});

test('P8 a rebuild that dies at any step leaves the old store or the new one, and a second run finishes', async () => {
  await fill(0, 5);
  await takeBackup(database);
  await fill(5, 5);
  const good = model.at(database.durable().seq);
  // Past the log: what LevelDB would do if it lost a key.
  await database.store.level.del(Buffer.from('\u0002key-0003'));
  const lost = await userEntries(database);
  expect(lost).toHaveLength(good.length - 1);
  await database.close();
  const place = await temporaryFolder();
  const seen = { old: 0, new: 0 };
  for (let dieAt = 1; ; dieAt++) {
    const dying = new DyingDisk();
    const victim = join(place, `victim-${dieAt}`);
    await cp(folder, victim, { recursive: true });
    dying.arm(dieAt);
    const error = await rebuild({ env: dying.env, folder: victim }).then(
      () => null,
      (thrown: unknown) => toPaminaError(thrown),
    );
    // Elsewhere: what this process still knows of the folder is not what another one would know.
    for (const [name, finish] of [
      ['opened', false],
      ['finished', true],
    ] as const) {
      const copy = join(place, `${name}-${dieAt}`);
      await cp(victim, copy, { recursive: true });
      if (finish) await rebuild({ env, folder: copy });
      const opened = await Database.open(copy, { env });
      const found = await userEntries(opened);
      await opened.close();
      if (finish) expect(found, `died at ${dieAt}`).toEqual(good);
      else if (found.length === good.length) seen.new++;
      else seen.old++;
      expect([lost, good], `died at ${dieAt}`).toContainEqual(found);
    }
    if (error === null) break;
    expect(error.toString()).toContain('the process died at');
  }
  expect(seen.old).toBeGreaterThan(5);
  expect(seen.new).toBeGreaterThan(1);
});
