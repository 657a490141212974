// Incremental backups: the log since the last backup, proved, chained, and readable for recovery.
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Database } from '@pamina/engine';
import {
  decodeManifest,
  decodeSegmentTrailer,
  encodeManifest,
  encodeSegmentTrailer,
  segmentTrailerBytes,
  type BackupManifest,
} from '@pamina/format';
import {
  expireBackups,
  folderSource,
  listBackups,
  restore,
  takeBackup,
  takeIncremental,
  verifyBackup,
} from '../src/index.js';
import { backupChain } from '../src/backup-chain.js';
import { incrementalLogSource } from '../src/incremental-log-source.js';
import {
  Model,
  env,
  filesBelow,
  flipByte,
  newDatabase,
  openDatabase,
  temporaryFolder,
} from './support.js';

const backupsOf = (database: Database): string => join(database.folder, 'backups');
const folderOf = (database: Database, { id }: BackupManifest): string =>
  join(backupsOf(database), id);
const code = (expected: string) => expect.objectContaining({ code: expected });

/** A full backup and two incremental ones with commits between them. */
async function takeChain(database: Database): Promise<BackupManifest[]> {
  const model = new Model(database);
  await model.put('a', '1');
  const full = await takeBackup(database);
  // More than one segment.
  for (let i = 0; i < 4; i++) await model.put(`b${i}`, Buffer.alloc(30_000, i));
  const first = await takeIncremental(database);
  await model.put('c', '3');
  const second = await takeIncremental(database, { tag: 'evening' });
  return [full, first, second];
}

test('an incremental backup holds the closed log since the last backup, up to a mark of its own', async () => {
  const database = await newDatabase();
  const [full, first, second] = (await takeChain(database)) as [
    BackupManifest,
    BackupManifest,
    BackupManifest,
  ];
  expect(first).toMatchObject({ kind: 'incremental', after: full.id, chunks: [], tag: null });
  expect(second).toMatchObject({ kind: 'incremental', after: first.id, tag: 'evening' });
  expect(first.segments?.length).toBeGreaterThan(1);
  expect(first.segments?.[0]?.firstSeq).toBe(full.position.seq + 1);
  expect(first.segments?.at(-1)?.lastSeq).toBe(first.position.seq);
  expect(second.segments?.[0]).toMatchObject({
    firstSeq: first.position.seq + 1,
    chainBefore: first.chain,
  });
  const listed = await listBackups(env, backupsOf(database));
  expect(listed.map(({ id, problem }) => [id, problem])).toEqual([
    [second.id, null],
    [first.id, null],
    [full.id, null],
    ['initial', null],
  ]);
  expect(backupChain(listed, second.id).map(({ id }) => id)).toEqual([
    full.id,
    first.id,
    second.id,
  ]);
  for (const one of [first, second]) {
    expect(await verifyBackup(folderSource(env, folderOf(database, one)))).toEqual({
      manifest: one,
      stateHash: null,
    });
  }
});

test('P3 its segments are byte for byte those of the log, and a log source gives them back', async () => {
  const database = await newDatabase();
  const log = join(database.folder, 'log');
  await takeChain(database);
  const source = incrementalLogSource(env, backupsOf(database), database.identity.pattern);
  const entries = await source.segments();
  const segments = database.log.segments().filter(({ closed }) => closed);
  const known = new Map(segments.map((segment) => [segment.firstSeq, segment]));
  expect(entries.length).toBeGreaterThan(2);
  for (const entry of entries) {
    const pieces: Uint8Array[] = [];
    for await (const piece of source.read(entry, 100)) pieces.push(piece);
    const original = await readFile(join(log, known.get(entry.firstSeq)!.name));
    expect(Buffer.concat(pieces).equals(original.subarray(100))).toBe(true);
    expect(entry.bytes).toBe(original.length);
  }
  expect(await incrementalLogSource(env, backupsOf(database), 'f'.repeat(32)).segments()).toEqual(
    [],
  );
});

test('P9 it ends with its mark, also where more of the log is closed before it is looked at', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  await model.put('a', '1');
  await takeBackup(database);
  await model.put('b', '2');
  const mark = database.mark.bind(database);
  let markedSeq = 0;
  database.mark = async (...args) => {
    const marked = await mark(...args);
    markedSeq = marked.point.seq;
    for (let i = 0; i < 6; i++) await model.put(`c${i}`, Buffer.alloc(30_000, i));
    return marked;
  };
  const taken = await takeIncremental(database, { tag: 'evening' });
  const closed = database.log.segments().filter((segment) => segment.closed);
  expect(closed.at(-1)?.lastSeq).toBeGreaterThan(markedSeq);
  expect(taken.position.seq).toBe(markedSeq);
  expect(taken.segments?.at(-1)?.lastSeq).toBe(markedSeq);
});

test('P10 a reader of the log source holds the backups from expiring', async () => {
  const database = await newDatabase();
  await takeChain(database);
  const source = incrementalLogSource(env, backupsOf(database), database.identity.pattern);
  const entries = await source.segments();
  const release = source.hold?.(entries.at(-1)!.firstSeq);
  await takeBackup(database);
  expect((await expireBackups(database, { generations: 1 })).removed).toEqual([]);
  release?.();
  await database.system.setSettings({ backupGenerations: 1 });
  // The tag of the last one keeps the chain.
  expect((await expireBackups(database)).removed).toEqual([]);
});

test('expiry removes a chain from its end, and keeps all links of one that is kept', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  await model.put('a', '1');
  const full = await takeBackup(database);
  const first = await takeIncremental(database);
  const second = await takeIncremental(database);
  const removedInOrder: string[] = [];
  const newest = await takeBackup(database);
  const report = await expireBackups(database, { generations: 1 });
  for (const { event, fields } of await database.jobLog.tail(50)) {
    if (event === 'backup-removed') removedInOrder.push(String(fields?.['backup']));
  }
  expect(removedInOrder).toEqual([second.id, first.id, full.id]);
  expect(report.kept).toEqual([newest.id]);
});

test('an incremental backup needs a full one of the same history', async () => {
  const database = await newDatabase();
  await new Model(database).put('a', '1');
  await expect(takeIncremental(database)).rejects.toThrow(code('INCREMENTAL_IMPOSSIBLE'));
  expect(await listBackups(env, backupsOf(database))).toHaveLength(1);
});

test('P9 a damaged last backup is not continued: the one before it is', async () => {
  const database = await newDatabase();
  const [full, first, second] = (await takeChain(database)) as [
    BackupManifest,
    BackupManifest,
    BackupManifest,
  ];
  await flipByte(join(folderOf(database, second), 'manifest'), 40);
  const third = await takeIncremental(database);
  expect(third.after).toBe(first.id);
  expect(third.segments?.[0]?.firstSeq).toBe(first.position.seq + 1);
  const listed = await listBackups(env, backupsOf(database));
  expect(backupChain(listed, third.id).map(({ id }) => id)).toEqual([full.id, first.id, third.id]);
});

test('P9 a missing link, a damaged one and one of another chain are told at listing', async () => {
  const database = await newDatabase();
  const [full, first, second] = (await takeChain(database)) as [
    BackupManifest,
    BackupManifest,
    BackupManifest,
  ];
  const problems = async (): Promise<Record<string, string>> => {
    const listed = await listBackups(env, backupsOf(database));
    return Object.fromEntries(listed.map(({ id, problem }) => [id, problem?.message ?? '']));
  };
  const aside = join(await temporaryFolder(), 'aside');
  await rename(folderOf(database, first), aside);
  expect((await problems())[second.id]).toContain(`${first.id} is missing`);
  const listed = await listBackups(env, backupsOf(database));
  expect(() => backupChain(listed, second.id)).toThrow(code('BACKUP_INVALID'));
  await rename(aside, folderOf(database, first));
  expect((await problems())[second.id]).toBe('');

  await rm(join(folderOf(database, full), 'chunk-000000.pbk'));
  expect((await problems())[second.id]).toContain(`${full.id} is not whole`);
  expect((await problems())[first.id]).toContain(`${full.id} is not whole`);
});

test('P5 a link that is of another chain is no continuation', async () => {
  const database = await newDatabase();
  const [, first, second] = (await takeChain(database)) as [
    BackupManifest,
    BackupManifest,
    BackupManifest,
  ];
  const path = join(folderOf(database, first), 'manifest');
  const manifest = decodeManifest(await readFile(path));
  const last = manifest.segments!.at(-1)!;
  const forged = {
    ...manifest,
    chain: 1,
    segments: [...manifest.segments!.slice(0, -1), { ...last, chain: 1 }],
  };
  await env.disk.replaceFile(path, encodeManifest(forged));
  const listed = await listBackups(env, backupsOf(database));
  const problem = listed.find(({ id }) => id === second.id)?.problem;
  expect(problem).toMatchObject({ code: 'BACKUP_INVALID' });
  expect(problem?.message).toContain(`${second.id} does not continue ${first.id}`);
});

test('P9 a segment that is damaged in the log is not backed up, and nothing of it stays', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  await model.put('a', '1');
  await takeBackup(database);
  for (let i = 0; i < 4; i++) await model.put(`b${i}`, Buffer.alloc(30_000, i));
  const damaged = database.log.segments().findLast(({ closed }) => closed)!;
  await flipByte(damaged.path, 20_000);
  const before = await filesBelow(backupsOf(database));
  await expect(takeIncremental(database)).rejects.toMatchObject({
    code: 'LOG_DAMAGED',
    context: { file: damaged.path },
  });
  expect(await filesBelow(backupsOf(database))).toEqual(before);
});

test('P9 a trailer that says another time than the records before it is damage, though its own checksum is right', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  await model.put('a', '1');
  await takeBackup(database);
  for (let i = 0; i < 4; i++) await model.put(`b${i}`, Buffer.alloc(30_000, i));
  const { path } = database.log.segments().findLast(({ closed }) => closed)!;
  const bytes = await env.disk.readFile(path);
  const at = bytes.length - segmentTrailerBytes;
  const trailer = decodeSegmentTrailer(bytes.subarray(at));
  bytes.set(encodeSegmentTrailer({ ...trailer, lastTime: trailer.lastTime + 1 }), at);
  await writeFile(path, bytes);
  await expect(takeIncremental(database)).rejects.toMatchObject({
    code: 'LOG_DAMAGED',
    context: { file: path, offset: at },
  });
});

test('P10 the log behind a backup that is gone makes an incremental one impossible', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  await takeBackup(database);
  for (let i = 0; i < 4; i++) await model.put(`b${i}`, Buffer.alloc(30_000, i));
  await database.log.deleteBefore(database.durable().seq);
  await expect(takeIncremental(database)).rejects.toThrow(code('INCREMENTAL_IMPOSSIBLE'));
});

test('a database that is only read is backed up as far as its log is closed', async () => {
  const written = await newDatabase();
  const full = await takeBackup(written);
  await new Model(written).put('a', '1');
  await written.close();
  const database = await openDatabase(written.folder, { access: 'read' });
  const taken = await takeIncremental(database);
  expect(taken).toMatchObject({ after: full.id, position: { seq: database.durable().seq } });
  await expect(takeIncremental(database)).rejects.toThrow(code('INCREMENTAL_IMPOSSIBLE'));
});

test('an incremental backup is not restored on its own, and says what it builds on', async () => {
  const database = await newDatabase();
  const [full, first] = (await takeChain(database)) as [BackupManifest, BackupManifest];
  const target = join(await temporaryFolder(), 'copy');
  const source = folderSource(env, folderOf(database, first));
  const restored = restore({ env, source, folder: target, name: 'copy' });
  await expect(restored).rejects.toMatchObject({
    code: 'BACKUP_INCREMENTAL',
    context: { after: full.id },
  });
  expect(await env.disk.stat(target)).toBeNull();
});

test('progress counts the bytes of the log, and a cancelled one leaves nothing', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  await takeBackup(database);
  for (let i = 0; i < 4; i++) await model.put(`b${i}`, Buffer.alloc(30_000, i));
  const controller = new AbortController();
  const before = await filesBelow(backupsOf(database));
  const reason = new Error('enough');
  const cancelled = takeIncremental(database, {
    signal: controller.signal,
    onProgress: () => controller.abort(reason),
  });
  await expect(cancelled).rejects.toBe(reason);
  expect(await filesBelow(backupsOf(database))).toEqual(before);
  const seen: (number | null)[][] = [];
  const taken = await takeIncremental(database, {
    onProgress: ({ done, total }) => seen.push([done, total]),
  });
  const bytes = taken.segments!.reduce((sum, segment) => sum + segment.bytes, 0);
  expect(seen.at(-1)).toEqual([bytes, bytes]);
});
