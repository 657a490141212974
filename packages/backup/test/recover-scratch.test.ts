// The state hash at a position, from a backup and the log, while the database runs or is shut.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createDatabase } from '@pamina/engine';
import type { Env } from '@pamina/env';
import { parsePosition } from '@pamina/format';
import { folderSource, recoverScratch, restore, takeBackup } from '../src/index.js';
import {
  Model,
  env as nodeEnv,
  flipByte,
  newDatabase,
  openDatabase,
  temporaryFolder,
} from './support.js';

/** Folders for copies that recoverScratch asked for in this file: none may stay. */
const asked: string[] = [];
const env: Env = {
  ...nodeEnv,
  disk: {
    ...nodeEnv.disk,
    temporaryFolder: async (prefix) => {
      const path = await nodeEnv.disk.temporaryFolder(prefix);
      asked.push(path);
      return path;
    },
  },
};

async function scratches(): Promise<string[]> {
  const found = await Promise.all(asked.map((path) => env.disk.stat(path)));
  return asked.filter((_, index) => found[index] !== null);
}

/** Three backups with commits between and behind them, over many small segments. */
async function history() {
  const database = await newDatabase();
  const model = new Model(database);
  const backups: number[] = [];
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 60; i++) {
      await model.put(`key-${(i * 7) % 40}`, Buffer.alloc(3000, `${round}/${i} `));
      if (i % 9 === 0) await model.del(`key-${i % 40}`);
    }
    backups.push((await takeBackup(database)).position.seq);
  }
  for (let i = 0; i < 30; i++) await model.put(`late-${i}`, Buffer.alloc(5000, `${i}`));
  return { database, model, backups };
}

test('P3 the hash at any position equals the model, from the newest backup before it, across segments', async () => {
  const { database, model, backups } = await history();
  const [first, second, third] = backups as [number, number, number];
  const end = database.durable().seq;
  expect(database.log.segments().length).toBeGreaterThan(8);
  const rolls = database.log.segments().flatMap(({ firstSeq }) => [firstSeq - 1, firstSeq]);
  // The log before the first backup is not kept; the initial backup still gives its own position.
  const wanted = [0, first, first + 1, second, third - 1, third, third + 1, end];
  const some = rolls.filter((seq, index) => index % 3 === 0 && seq >= first);
  for (const seq of [...wanted, ...some].filter((seq) => seq <= end)) {
    const position = parsePosition(`1/${seq}`);
    const found = await recoverScratch({ env, folder: database.folder, position });
    expect(found.stateHash, `at ${seq}`).toBe(model.hashAt(seq));
    expect(found.point).toMatchObject({ timeline: 1, seq, chain: await database.log.chainAt(seq) });
    const start = backups.findLast((backup) => backup <= seq);
    if (start === undefined) expect(found.backup).toBe('initial');
    else expect(Number(found.backup.slice(0, 16))).toBe(start);
  }
  expect(asked.length).toBeGreaterThan(0);
  expect(await scratches()).toEqual([]);
});

test('P3 without another backup the initial one and the whole log lead to every position', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  for (let i = 0; i < 60; i++) await model.put(`key-${i % 7}`, Buffer.alloc(4000, `${i}`));
  const end = database.durable().seq;
  expect(database.log.segments().length).toBeGreaterThan(2);
  const rolls = database.log.segments().flatMap(({ firstSeq }) => [firstSeq - 1, firstSeq]);
  for (const seq of new Set([...rolls, 1, 2, end])) {
    const position = { timeline: 1, seq };
    const found = await recoverScratch({ env, folder: database.folder, position });
    expect(found.stateHash).toBe(model.hashAt(seq));
    expect(found.backup).toBe('initial');
  }
});

test('P3 the hash is found while writers go on, and again when the database is shut', async () => {
  const { database, model } = await history();
  const done = new AbortController();
  const writing = (async () => {
    for (let i = 0; !done.signal.aborted; i++)
      await model.put(`new-${i % 20}`, Buffer.alloc(2000, `${i}`));
  })();
  const hashes = new Map<number, string>();
  for (let i = 0; i < 5; i++) {
    const { seq, timeline } = await model.put(`asked-${i}`, 'x');
    const { folder } = database;
    const pin = (fromSeq: number) => database.log.pin(fromSeq);
    const found = await recoverScratch({ env, folder, position: { timeline, seq }, pin });
    hashes.set(seq, found.stateHash);
  }
  done.abort();
  await writing;
  await database.close();
  for (const [seq, hash] of hashes) {
    expect(hash).toBe(model.hashAt(seq));
    const position = { timeline: 1, seq };
    const found = await recoverScratch({ env, folder: database.folder, position });
    expect(found.stateHash).toBe(hash);
  }
});

test('P9 a position without backup or log is refused before anything is touched', async () => {
  const { database, backups } = await history();
  const { folder } = database;
  const end = database.durable().seq;
  const before = asked.length;
  const refused = { code: 'POSITION_UNREACHABLE' };
  const at = (text: string, backupsFolder?: string) =>
    recoverScratch({ env, folder, position: parsePosition(text), backupsFolder });
  await expect(at(`1/${end + 1}`)).rejects.toMatchObject(refused);
  await expect(at('2/5')).rejects.toMatchObject(refused);
  await expect(at('1/5', await temporaryFolder())).rejects.toMatchObject(refused);
  const middle = database.log.segments().find(({ firstSeq }) => firstSeq > (backups[0] ?? 0) + 20);
  await database.close();
  await rm(middle?.path ?? '');
  await expect(at(`1/${(backups[1] ?? 0) - 1}`)).rejects.toMatchObject(refused);
  expect(asked).toHaveLength(before);
  await at(`1/${backups[1]}`);
  expect(await scratches()).toEqual([]);
});

test('P6 a damaged record on the way is named with its file, and nothing of the copy stays', async () => {
  const { database, backups } = await history();
  const segment = database.log.segments().find(({ firstSeq }) => firstSeq > (backups[0] ?? 0) + 10);
  await database.close();
  await flipByte(segment?.path ?? '', 400);
  const position = { timeline: 1, seq: (backups[1] ?? 0) - 1 };
  await expect(recoverScratch({ env, folder: database.folder, position })).rejects.toMatchObject({
    code: 'LOG_DAMAGED',
    context: { file: segment?.path },
  });
  expect(await scratches()).toEqual([]);
});

test('P5 the log and the backups of another database lead nowhere', async () => {
  const { database } = await history();
  const otherFolder = join(await temporaryFolder(), 'other');
  await createDatabase(otherFolder, { env });
  const other = await openDatabase(otherFolder);
  await takeBackup(other);
  const { seq } = other.durable();
  const backupsFolder = join(database.folder, 'backups');
  await expect(
    recoverScratch({ env, folder: otherFolder, position: { timeline: 1, seq }, backupsFolder }),
  ).rejects.toMatchObject({ code: 'POSITION_UNREACHABLE' });
});

test('P11 after a fork each timeline has its own positions', async () => {
  const { database, model, backups } = await history();
  const folder = join(await temporaryFolder(), 'copy');
  const fork = backups[1] ?? 0;
  const id = `${String(fork).padStart(16, '0')}-1`;
  const backupsFolder = join(database.folder, 'backups');
  const source = folderSource(env, join(backupsFolder, id));
  await restore({ env, source, folder, name: 'copy' });
  const copy = await openDatabase(folder);
  await copy.commit([{ type: 'put', key: 'only-here', value: '1' }]);
  const at = (text: string) =>
    recoverScratch({ env, folder, backupsFolder, position: parsePosition(text) });
  expect((await at(`1/${fork}`)).stateHash).toBe(model.hashAt(fork));
  expect((await at(`2/${fork}`)).stateHash).toBe(model.hashAt(fork));
  expect((await at(`2/${fork + 1}`)).stateHash).toBe(model.hashAt(fork));
  const found = await at(`2/${fork + 2}`);
  expect(found.stateHash).not.toBe(model.hashAt(fork));
  expect(found.point.timelineId).toBe(copy.timelines[1]?.id);
  // The third backup stands behind the fork, on the branch that this copy is not on.
  expect(Number(found.backup.slice(0, 16))).toBe(fork);
  await expect(at(`1/${fork + 1}`)).rejects.toMatchObject({ code: 'POSITION_UNREACHABLE' });
});

test('a folder without a database is refused', async () => {
  const position = { timeline: 1, seq: 0 };
  await expect(
    recoverScratch({ env, folder: await temporaryFolder(), position }),
  ).rejects.toMatchObject({ code: 'DATABASE_NOT_FOUND' });
});
