// Continuous archiving of a real database into a folder: what is there afterwards is its log, whatever
// happens on the way.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openArchive } from '@pamina/archive';
import type { Database } from '@pamina/engine';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { describe, expect, test } from 'vitest';
import { archiveBackupSource, listArchivedBackups } from '../../src/archiver/archive-backups.js';
import { archiveLogSource } from '../../src/archiver/archive-log-source.js';
import { archivePlace } from '../../src/archiver/archive-place.js';
import { positionPath } from '../../src/archiver/archive-position.js';
import type { ArchiverRunner } from '../../src/archiver/archiver-runner.js';
import { tableObject } from '../../src/archiver/shared-files.js';
import { segmentFacts, type LogSource } from '../../src/log-source.js';
import { backupsFolderOf } from '../../src/layout.js';
import { takeBackup } from '../../src/take-backup.js';
import { verifyBackup } from '../../src/verify.js';
import { planRecovery } from '../../src/recover/plan.js';
import { recoverTo } from '../../src/recover/recover.js';
import {
  Model,
  env,
  flipByte,
  intoTables,
  newDatabase,
  openDatabase,
  temporaryFolder,
  userEntries,
} from '../support.js';
import { archiverOf, placeOf, unavailable, watchedArchive } from './bench.js';

/** Some closed segments and an open one. */
async function write(database: Database, count = 30): Promise<void> {
  for (let index = 0; index < count; index++) {
    await database.put(`key${index % 7}`, `${index}`.padEnd(8000, 'x'));
  }
}

async function sourceOf(database: Database, folder: string): Promise<LogSource> {
  return archiveLogSource(await watchedArchive(folder), placeOf(database));
}

async function bytesOf(source: LogSource, entry: Parameters<LogSource['read']>[0], offset = 0) {
  const parts: Uint8Array[] = [];
  for await (const part of source.read(entry, offset)) parts.push(part);
  return Buffer.concat(parts);
}

/** Every durable byte of every segment is in the archive, and nothing else. */
async function expectArchived(database: Database, folder: string): Promise<void> {
  const source = await sourceOf(database, folder);
  const entries = await source.segments();
  const own = database.log.segments().filter(({ bytes }) => bytes > 128);
  expect(entries.map(({ firstSeq }) => firstSeq)).toEqual(own.map(({ firstSeq }) => firstSeq));
  for (const segment of own) {
    const entry = entries.find(({ firstSeq }) => firstSeq === segment.firstSeq);
    if (entry === undefined) throw new Error(`${segment.name} is not archived`);
    const content = (await readFile(segment.path)).subarray(0, segment.bytes);
    expect(entry.bytes).toBe(segment.bytes);
    expect(Buffer.compare(await bytesOf(source, entry), content)).toBe(0);
    expect(Buffer.compare(await bytesOf(source, entry, 200), content.subarray(200))).toBe(0);
    const facts = await segmentFacts(source, entry);
    expect(facts.header.firstSeq).toBe(segment.firstSeq);
    expect(facts.trailer === null).toBe(!segment.closed);
  }
}

async function settled(archiver: ArchiverRunner): Promise<void> {
  archiver.start();
  await archiver.settle();
}

async function failure(archiver: ArchiverRunner): Promise<unknown> {
  archiver.start();
  return archiver.settle().then(
    () => null,
    (error: unknown) => error,
  );
}

async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { timeout: 20_000, interval: 5 }).toBe(true);
}

describe('what is archived', () => {
  test('is every durable byte: closed segments whole, the open one in pieces', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const archiver = await archiverOf({ database, folder });
    await write(database);
    await settled(archiver);
    await expectArchived(database, folder);
    await database.put('one', 'more');
    await archiver.settle();
    await write(database, 20);
    await archiver.settle();
    await expectArchived(database, folder);
    expect(archiver.status()).toMatchObject({
      problem: null,
      behindBytes: 0,
      archivedSeq: database.log.durable.seq,
    });
  });

  test('comes by itself, at the interval', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const archiver = await archiverOf({ database, folder, intervalMs: 20 });
    archiver.start();
    await write(database, 10);
    const { seq } = database.log.durable;
    await until(() => archiver.status().archivedSeq === seq && archiver.status().state === 'idle');
    await expectArchived(database, folder);
  });

  test('who waits for what is durable now does not wait for writers that never rest', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    let isWriting = true;
    // Whatever is put, more is written meanwhile.
    const before = async (operation: string): Promise<void> => {
      if (isWriting && operation === 'put') await database.put('more', 'of it');
    };
    const archiver = await archiverOf({ database, folder, hooks: { before }, intervalMs: 60_000 });
    await write(database);
    await takeBackup(database);
    const { seq } = database.log.durable;
    await settled(archiver);
    isWriting = false;
    expect(archiver.status().archivedSeq).toBeGreaterThanOrEqual(seq);
    expect(database.log.durable.seq).toBeGreaterThan(seq);
    expect(await listArchivedBackups(await watchedArchive(folder), placeOf(database))).toHaveLength(
      1,
    );
  });

  test('pieces give way to the closed segment', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const archiver = await archiverOf({ database, folder });
    archiver.start();
    for (let index = 0; index < 12; index++) {
      await write(database, 1);
      await archiver.settle();
    }
    const names = (await (await watchedArchive(folder)).list('')).map(({ name }) => name);
    const open = String(database.log.segments().at(-1)?.firstSeq).padStart(16, '0');
    for (const name of names.filter((one) => one.endsWith('.part'))) expect(name).toContain(open);
    await expectArchived(database, folder);
  });

  test('P4 is read on from the closed segment where the pieces that were listed gave way to it', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const archiver = await archiverOf({ database, folder });
    await write(database, 1);
    await settled(archiver);
    const source = await sourceOf(database, folder);
    const open = (await source.segments()).at(-1);
    if (open === undefined) throw new Error('nothing is archived');
    const before = await bytesOf(source, open);
    await write(database, 9);
    await archiver.settle();
    expect(
      (await watchedArchive(folder).then((one) => one.list(''))).map(({ name }) => name),
    ).not.toContain(open.name);
    expect(Buffer.compare(await bytesOf(source, open), before)).toBe(0);
    expect((await segmentFacts(source, open)).header.firstSeq).toBe(open.firstSeq);
  });

  test('is kept in several archives at once, each at its own pace', async () => {
    const database = await newDatabase();
    const folders = [await temporaryFolder(), await temporaryFolder()] as const;
    const first = await archiverOf({ database, folder: folders[0] });
    const second = await archiverOf({ database, folder: folders[1], name: 'second' });
    await write(database);
    await settled(first);
    await write(database, 10);
    await Promise.all([settled(second), first.settle()]);
    for (const folder of folders) await expectArchived(database, folder);
    expect(database.control.archives?.map(({ fromSeq }) => fromSeq)).toEqual([
      database.log.segments().at(-1)?.firstSeq,
      database.log.segments().at(-1)?.firstSeq,
    ]);
  });

  test('can be encrypted, and is read with the identity', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const identity = await generateX25519Identity();
    const identityFile = join(await temporaryFolder(), 'key.txt');
    await writeFile(identityFile, identity);
    const encryption = { recipients: [await identityToRecipient(identity)], identityFile };
    const open = () =>
      openArchive({ env, address: folder, environment: {}, encryption, create: true });
    const archiver = await archiverOf({ database, folder, open });
    await write(database);
    const { id } = await takeBackup(database);
    await settled(archiver);
    const source = archiveLogSource(await open(), placeOf(database));
    const own = database.log.segments();
    for (const [index, entry] of (await source.segments()).entries()) {
      const content = await readFile(own[index]?.path ?? '');
      const bytes = await bytesOf(source, entry);
      expect(Buffer.compare(bytes, content.subarray(0, own[index]?.bytes))).toBe(0);
    }
    await verifyBackup(archiveBackupSource(await open(), placeOf(database), id));
    await archiver.stop();
    await settled(await archiverOf({ database, folder, open }));
  });
});

describe('costs nothing while nothing is written', () => {
  test('no request and no timer but for the next heartbeat once all is there', async () => {
    let timers = 0;
    const clock: typeof env.clock = {
      ...env.clock,
      now: () => env.clock.now(),
      after: (ms, task) => {
        timers++;
        let isOver = false;
        const end = (): void => {
          if (!isOver) timers--;
          isOver = true;
        };
        const cancel = env.clock.after(ms, () => {
          end();
          task();
        });
        return () => {
          end();
          cancel();
        };
      },
    };
    const database = await newDatabase({ env: { ...env, clock } });
    await database.system.setSettings({ archiveHeartbeatMinutes: 0 });
    const folder = await temporaryFolder();
    const calls: string[] = [];
    const archiver = await archiverOf({ database, folder, calls, intervalMs: 10 });
    await write(database);
    await settled(archiver);
    await until(() => archiver.status().state === 'idle');
    const [before, beats] = [
      calls.length,
      calls.filter((call) => /^replace .*heartbeat$/.test(call)).length,
    ];
    expect(timers).toBe(0);
    expect(beats).toBe(1);
    await database.put('a', 'b');
    await until(() => archiver.status().state === 'idle' && calls.length > before);
    expect(calls.slice(before).map((call) => call.split(' ')[0])).toEqual([
      'replace',
      'put',
      'replace',
      'replace',
    ]);
    const rested = calls.length;
    await database.system.setSettings({ archiveHeartbeatMinutes: 60 });
    await until(() => archiver.status().state === 'idle' && calls.length > rested);
    archiver.settingsChanged();
    expect(timers).toBe(1);
  });
});

describe('the heartbeat', () => {
  test('P9 says until when nothing came after the last record', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const archiver = await archiverOf({ database, folder, intervalMs: 10 });
    await write(database);
    const before = env.clock.now();
    archiver.start();
    await until(() => archiver.status().state === 'idle');
    const complete = await (await sourceOf(database, folder)).completeUntil?.();
    expect(complete?.seq).toBe(database.log.durable.seq);
    expect(complete?.time).toBeGreaterThanOrEqual(before - 1);
    expect(complete?.time).toBeLessThanOrEqual(env.clock.now());
  });

  test('P9 comes again while the database is idle, and never goes back with the clock', async () => {
    let ahead = 0;
    let tick: (() => void) | null = null;
    const clock: typeof env.clock = {
      ...env.clock,
      now: () => env.clock.now() + ahead,
      after: (ms, task) => {
        if (ms !== 60 * 60_000) return env.clock.after(ms, task);
        tick = task;
        return () => (tick = null);
      },
    };
    const database = await newDatabase({ env: { ...env, clock } });
    const folder = await temporaryFolder();
    const calls: string[] = [];
    const archiver = await archiverOf({ database, folder, calls, intervalMs: 10 });
    await write(database, 3);
    archiver.start();
    await until(() => archiver.status().state === 'idle' && tick !== null);
    const source = await sourceOf(database, folder);
    const first = await source.completeUntil?.();
    const asked = calls.length;
    const beat = async (): Promise<void> => {
      const due = tick;
      tick = null;
      due?.();
      await until(() => archiver.status().state === 'idle' && tick !== null);
    };
    ahead += 60 * 60_000;
    await beat();
    expect(calls.slice(asked).map((call) => call.split(' ')[0])).toEqual(['replace', 'replace']);
    const second = await source.completeUntil?.();
    expect(second?.seq).toBe(first?.seq);
    expect((second?.time ?? 0) - (first?.time ?? 0)).toBeGreaterThanOrEqual(60 * 60_000);
    ahead = 0;
    await beat();
    expect(await source.completeUntil?.()).toEqual(second);
    // A commit after it is later than what was said, whatever the clock says.
    await database.put('later', '1');
    expect(database.log.durable.time).toBeGreaterThan(second?.time ?? 0);
    await archiver.stop();
    const again = await archiverOf({ database, folder });
    await settled(again);
    await again.finish();
    const third = await source.completeUntil?.();
    expect(third === null || third === undefined || third.time >= (second?.time ?? 0)).toBe(true);
  });

  test('P9 is written once more when the database closes, and what is left is archived', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const archiver = await archiverOf({ database, folder });
    await settled(archiver);
    await database.put('a', 'b');
    const before = env.clock.now();
    await archiver.finish();
    const complete = await (await sourceOf(database, folder)).completeUntil?.();
    expect(complete?.seq).toBe(database.log.durable.seq);
    expect(complete?.time).toBeGreaterThanOrEqual(before - 1);
    expect(archiver.status().state).toBe('stopped');
  });

  test('a database does not wait at its close for an archive that fails', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    let isAway = false;
    const hooks = {
      before: () => {
        if (isAway) throw unavailable();
      },
    };
    const archiver = await archiverOf({ database, folder, hooks });
    await settled(archiver);
    isAway = true;
    await database.put('a', 'b');
    await archiver.finish();
    expect(archiver.status().state).toBe('stopped');
  });

  test('P9 is not written while a record is on its way', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const calls: string[] = [];
    await write(database, 3);
    const log = {
      segments: () => database.log.segments(),
      get durable() {
        return database.log.durable;
      },
      get firstSeq() {
        return database.log.firstSeq;
      },
      get encodedSeq() {
        return database.log.durable.seq + 1;
      },
      notBefore: (time: number) => database.log.notBefore(time),
      onDurable: (listener: () => void) => database.log.onDurable(listener),
    };
    const view = new Proxy(database, {
      get(target, name) {
        if (name === 'log') return log;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    const archiver = await archiverOf({ database: view, folder, calls });
    await settled(archiver);
    await until(() => archiver.status().state === 'idle');
    expect(calls.filter((call) => /^replace .*heartbeat$/.test(call))).toEqual([]);
    await archiver.stop();
  });
});

describe('P8 killed at any step', () => {
  /** Pieces are there, then closed segments and a backup come. Returns how many calls of the archive that takes. */
  async function run(kill: { at: number; when: 'before' | 'after' } | null): Promise<number> {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const first = await archiverOf({ database, folder });
    await write(database, 9);
    await settled(first);
    await first.stop();
    await write(database, 18);
    await takeBackup(database);
    let count = 0;
    let isDead = false;
    const dead = (): Promise<void> => {
      isDead = true;
      return new Promise(() => undefined);
    };
    const hooks = {
      before: () => {
        count++;
        return kill?.when === 'before' && count === kill.at ? dead() : Promise.resolve();
      },
      after: () => (kill?.when === 'after' && count === kill.at ? dead() : Promise.resolve()),
    };
    const isKilled = kill !== null;
    const archiver = await archiverOf({ database, folder, hooks, isKilled });
    archiver.start();
    archiver.settle().catch(() => {
      // A killed one ends in no way that anybody waits for.
    });
    await until(() => (isKilled ? isDead : archiver.status().state === 'idle'));
    const calls = count;
    await settled(await archiverOf({ database, folder }));
    await expectArchived(database, folder);
    const backups = await listArchivedBackups(await watchedArchive(folder), placeOf(database));
    expect(backups.map(({ problem }) => problem)).toEqual([null]);
    return calls;
  }

  test('a second run finishes', async () => {
    const calls = await run(null);
    expect(calls).toBeGreaterThan(8);
    for (let at = 1; at <= calls; at++) {
      await run({ at, when: 'before' });
      await run({ at, when: 'after' });
    }
  });
});

describe('another start', () => {
  test('goes on where it was, and asks for one list', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const first = await archiverOf({ database, folder });
    await write(database);
    await settled(first);
    await first.stop();
    const calls: string[] = [];
    await settled(await archiverOf({ database, folder, calls }));
    const puts = calls.filter((call) => call.startsWith('put'));
    expect(puts).toEqual([]);
    expect(calls.filter((call) => call.startsWith('get')).length).toBeLessThanOrEqual(2);
  });

  test('after the database was closed and opened archives the rest', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const first = await archiverOf({ database, folder });
    await write(database, 10);
    await settled(first);
    await write(database, 3);
    await first.stop();
    await database.close();
    const again = await openDatabase(database.folder);
    await write(again, 3);
    await settled(await archiverOf({ database: again, folder }));
    await expectArchived(again, folder);
  });

  test('P9 finds its place in the archive when the noted one is lost or damaged', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const path = positionPath(database.folder, 'main');
    for (const spoil of [
      () => rm(path),
      () => writeFile(path, 'nonsense'),
      async () => writeFile(path, (await readFile(path, 'utf8')).replace('"seq":', '"seq":1')),
    ]) {
      const archiver = await archiverOf({ database, folder });
      await write(database, 10);
      await settled(archiver);
      await archiver.stop();
      await spoil();
      const again = await archiverOf({ database, folder });
      await write(database, 2);
      await settled(again);
      await again.stop();
      await expectArchived(database, folder);
    }
  });

  test('fills what was removed from the archive', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const archiver = await archiverOf({ database, folder });
    await write(database);
    await settled(archiver);
    await archiver.stop();
    const archive = await watchedArchive(folder);
    const [, second] = (await archive.list('')).filter(({ name }) => name.endsWith('.seg'));
    const parts = (await archive.list('')).filter(({ name }) => name.endsWith('.part'));
    for (const object of [second, ...parts]) await archive.delete(object?.name ?? '');
    await settled(await archiverOf({ database, folder }));
    await expectArchived(database, folder);
  });
});

describe('what must not be archived', () => {
  test('P5 another history under the same names is left as it is, and said', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const archiver = await archiverOf({ database, folder });
    await write(database, 3);
    await settled(archiver);
    await archiver.stop();
    await database.close();
    const copy = join(await temporaryFolder(), 'orders');
    await import('node:fs/promises').then((fs) =>
      fs.cp(database.folder, copy, { recursive: true }),
    );
    const original = await openDatabase(database.folder);
    await write(original, 20);
    const owner = await archiverOf({ database: original, folder });
    await settled(owner);
    const other = await openDatabase(copy);
    await write(other, 25);
    const second = await archiverOf({ database: other, folder });
    expect(await failure(second)).toMatchObject({ code: 'ARCHIVE_CONFLICT' });
    expect(second.status()).toMatchObject({
      state: 'blocked',
      problem: { code: 'ARCHIVE_CONFLICT' },
    });
    await expectArchived(original, folder);
  });

  test('P5 a database that was put back to an earlier state does not mix with its later one', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    await write(database, 2);
    await database.close();
    const earlier = join(await temporaryFolder(), 'orders');
    await import('node:fs/promises').then((fs) =>
      fs.cp(database.folder, earlier, { recursive: true }),
    );
    const later = await openDatabase(database.folder);
    await write(later, 2);
    await settled(await archiverOf({ database: later, folder }));
    const back = await openDatabase(earlier);
    await write(back, 3);
    expect(await failure(await archiverOf({ database: back, folder }))).toMatchObject({
      code: expect.stringMatching(/^(ARCHIVE_CONFLICT|DIVERGED)$/),
    });
    await expectArchived(later, folder);
  });

  test('P6 a damaged segment is refused, with file and offset', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    await write(database);
    const [, segment] = database.log.segments();
    const bytes = await readFile(segment?.path ?? '');
    bytes[3000] = (bytes[3000] ?? 0) ^ 1;
    await writeFile(segment?.path ?? '', bytes);
    const archiver = await archiverOf({ database, folder });
    expect(await failure(archiver)).toMatchObject({
      code: 'LOG_DAMAGED',
      context: { file: segment?.path },
    });
    const source = await sourceOf(database, folder);
    expect(await source.segments()).toHaveLength(1);
  });
});

describe('log that is not there', () => {
  test('P10 log is kept until it is archived', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const archiver = await archiverOf({ database, folder });
    await write(database);
    await database.updateControl({ keepFromSeq: database.log.durable.seq });
    await database.applyRetention();
    expect(database.log.firstSeq).toBe(1);
    await settled(archiver);
    await write(database);
    await archiver.settle();
    await database.applyRetention();
    expect(database.log.firstSeq).toBeGreaterThan(20);
    await archiver.stop();
    await settled(await archiverOf({ database, folder }));
  });

  test('P9 a gap is said, never skipped; a backup behind it lets archiving go on', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const archiver = await archiverOf({ database, folder });
    await write(database);
    await settled(archiver);
    await archiver.stop();
    await write(database);
    await database.log.deleteBefore(database.log.durable.seq);
    const again = await archiverOf({ database, folder });
    expect(await failure(again)).toMatchObject({ code: 'ARCHIVE_GAP' });
    await again.stop();
    await takeBackup(database);
    await write(database, 2);
    const next = await archiverOf({ database, folder });
    await settled(next);
    expect(next.status().archivedSeq).toBe(database.log.durable.seq);
  });
});

describe('an archive that fails', () => {
  test('is tried again, and status says why until it goes on', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    let isAway = true;
    const hooks = {
      before: () => {
        if (isAway) throw unavailable();
      },
    };
    const archiver = await archiverOf({ database, folder, hooks });
    await write(database);
    expect(await failure(archiver)).toMatchObject({ code: 'ARCHIVE_UNAVAILABLE' });
    expect(archiver.status()).toMatchObject({
      state: 'retrying',
      problem: { code: 'ARCHIVE_UNAVAILABLE' },
    });
    isAway = false;
    await until(() => archiver.status().problem === null);
    await archiver.settle();
    await expectArchived(database, folder);
    const events = (await database.jobLog.tail(50)).map(({ event }) => event);
    expect(events.filter((event) => event === 'archive-failed')).toHaveLength(1);
    expect(events).toContain('archive-resumed');
  });
});

describe('backups', () => {
  test('are copied, the manifest last, and restore from there', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    const calls: string[] = [];
    const archiver = await archiverOf({ database, folder, calls });
    await write(database);
    const { id } = await takeBackup(database, { tag: 'first' });
    await settled(archiver);
    const isPut = (call: string): boolean =>
      call.startsWith('put') && call.includes(`/backups/${id}/`);
    const puts = calls.filter(isPut);
    expect(puts.at(-1)).toContain('/manifest');
    const archive = await watchedArchive(folder);
    const [backup] = await listArchivedBackups(archive, placeOf(database));
    expect(backup).toMatchObject({ id, problem: null });
    const { manifest } = await verifyBackup(archiveBackupSource(archive, placeOf(database), id));
    expect(manifest.tag).toBe('first');
    const before = calls.length;
    await takeBackup(database);
    archiver.backupsChanged();
    await archiver.settle();
    expect(calls.slice(before).some(isPut)).toBe(false);
    expect(await listArchivedBackups(archive, placeOf(database))).toHaveLength(2);
  });

  test('P9 a file that was damaged here is not copied', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    await write(database);
    const { chunks, id } = await takeBackup(database);
    const path = join(backupsFolderOf(database.folder), id, chunks[0]?.file ?? '');
    const bytes = await readFile(path);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect(await failure(await archiverOf({ database, folder }))).toMatchObject({
      code: 'BACKUP_INVALID',
    });
    expect(await listArchivedBackups(await watchedArchive(folder), placeOf(database))).toEqual([]);
  });

  test('P3 physical ones are whole in the archive too, and a recovery begins with them', async () => {
    const database = await newDatabase();
    const model = new Model(database);
    const folder = await temporaryFolder();
    for (let at = 0; at < 9; at++) await model.put(`key${at}`, `${at}`.padEnd(8000, 'x'));
    // What was written is in tables.
    await intoTables(database);
    const { id, position, tables = [] } = await takeBackup(database, { form: 'physical' });
    await model.put('later', '1');
    await model.put('last', '2');
    await settled(await archiverOf({ database, folder }));
    const archive = await watchedArchive(folder);
    const { pattern } = database.identity;
    const place = await archivePlace(archive, { name: 'orders', pattern });
    const to = { timeline: 1, seq: position.seq + 1 };
    const plan = await planRecovery({ place, target: { kind: 'position', position: to } });
    expect(plan.backup.id).toBe(id);
    const copy = join(await temporaryFolder(), 'copy');
    await recoverTo({ env, plan, folder: copy, name: 'copy' });
    const opened = await openDatabase(copy, { access: 'read' });
    expect(await userEntries(opened)).toEqual(model.at(to.seq));
    const lost = tables.find(({ name }) => name.endsWith('.ldb'))?.file ?? '';
    await rm(join(folder, tableObject(placeOf(database), lost)));
    expect(await listArchivedBackups(archive, placeOf(database))).toMatchObject([
      { id, problem: { code: 'BACKUP_INVALID', context: { file: lost } } },
    ]);
  });

  test('P9 a table that was damaged here is not copied', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    await write(database);
    await intoTables(database);
    const { id, tables = [] } = await takeBackup(database, { form: 'physical' });
    const table = tables.find(({ name }) => name.endsWith('.ldb'))?.file ?? '';
    await flipByte(join(backupsFolderOf(database.folder), id, table), 30);
    expect(await failure(await archiverOf({ database, folder }))).toMatchObject({
      code: 'BACKUP_INVALID',
      context: { file: table },
    });
    expect(await listArchivedBackups(await watchedArchive(folder), placeOf(database))).toEqual([]);
  });

  test('P9 a manifest that was swapped for that of another backup is found', async () => {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    await write(database, 3);
    const first = await takeBackup(database);
    await write(database, 3);
    const second = await takeBackup(database);
    await settled(await archiverOf({ database, folder }));
    const archive = await watchedArchive(folder);
    const place = placeOf(database);
    const [from, to] = [first.id, second.id].map(
      (id) => `${place.database}/${place.pattern}/backups/${id}/manifest`,
    ) as [string, string];
    await writeFile(join(folder, to), await readFile(join(folder, from)));
    await expect(
      verifyBackup(archiveBackupSource(archive, place, second.id)),
    ).rejects.toMatchObject({ code: 'BACKUP_INVALID' });
    const listed = await listArchivedBackups(archive, place);
    expect(listed.find(({ id }) => id === second.id)?.problem?.code).toBe('BACKUP_INVALID');
  });
});
