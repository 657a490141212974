// What backups in an archive share: each table stands there once, and goes when nobody needs it any more,
// also while a backup is on its way; an incremental backup does not bring again the log that is there.
import { cp, rename, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Archive } from '@pamina/archive';
import type { Database } from '@pamina/engine';
import { isPaminaError, type BackupManifest } from '@pamina/format';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { archiveBackupSource, listArchivedBackups } from '../../src/archiver/archive-backups.js';
import { backupObject, type ArchivePlace } from '../../src/archiver/archive-layout.js';
import { archivePlace } from '../../src/archiver/archive-place.js';
import { copyBackup } from '../../src/archiver/copy-backup.js';
import { expireArchive } from '../../src/archiver/expire-archive.js';
import { planTables, type StayingBackup } from '../../src/archiver/expire-tables.js';
import {
  retiredTableObject,
  sharedKeepMsMin,
  tableKey,
  tableObject,
  type SharedTable,
} from '../../src/archiver/shared-files.js';
import {
  expireBackups,
  planRecovery,
  recoverTo,
  takeBackup,
  takeIncremental,
} from '../../src/index.js';
import { backupsFolderOf, storedFiles } from '../../src/layout.js';
import { verifyBackup } from '../../src/verify.js';
import {
  Model,
  env,
  intoTables,
  newDatabase,
  openDatabase,
  temporaryFolder,
  userEntries,
} from '../support.js';
import { archiverOf, placeOf, watchedArchive } from './bench.js';

const hourMs = 3_600_000;

interface Bench {
  readonly database: Database;
  readonly model: Model;
  readonly place: ArchivePlace;
  readonly folder: string;
  readonly archive: Archive;
  readonly advance: (hours: number) => void;
}

async function makeBench(): Promise<Bench> {
  let ahead = 0;
  const clock = { ...env.clock, now: () => env.clock.now() + ahead };
  const database = await newDatabase({ env: { ...env, clock } });
  await database.system.setSettings({ backupGenerations: 1 });
  const folder = await temporaryFolder();
  return {
    database,
    model: new Model(database),
    place: placeOf(database),
    folder,
    archive: await watchedArchive(folder),
    advance: (hours) => void (ahead += hours * hourMs),
  };
}

/** Some more, in a table of its own, and a physical backup of all. */
async function physicalBackup({ database, model }: Bench, name: string): Promise<BackupManifest> {
  for (let at = 0; at < 3; at++) await model.put(`${name}-${at}`, env.random.bytes(20_000));
  await intoTables(database);
  return takeBackup(database, { form: 'physical' });
}

async function archiveAll({ database, folder }: Bench, calls: string[] = []): Promise<void> {
  const archiver = await archiverOf({ database, folder, calls });
  archiver.start();
  await archiver.settle();
  await archiver.stop();
}

const hashed = (manifest: BackupManifest): string[] =>
  storedFiles(manifest).map(({ file }) => file);

async function tablesThere({ archive, place }: Bench): Promise<string[]> {
  const prefix = tableObject(place, '');
  return (await archive.list(prefix)).map(({ name }) => name.slice(prefix.length));
}

async function expectWhole({ archive, place }: Bench, ids: readonly string[]): Promise<void> {
  const listed = await listArchivedBackups(archive, place);
  expect(listed.map(({ id, problem }) => [id, problem])).toEqual(ids.map((id) => [id, null]));
  for (const id of ids) await verifyBackup(archiveBackupSource(archive, place, id));
}

describe('tables', () => {
  test('P3 of a second physical backup only the new ones are sent, and each backup restores', async () => {
    const bench = await makeBench();
    const first = await physicalBackup(bench, 'first');
    await archiveAll(bench);
    const second = await physicalBackup(bench, 'second');
    const calls: string[] = [];
    await archiveAll(bench, calls);
    const sent = calls.filter((call) => call.startsWith('put') && call.includes('/tables/'));
    const news = hashed(second).filter((file) => !hashed(first).includes(file));
    expect(sent.map((call) => String(call.split('/').at(-1))).sort()).toEqual(news.sort());
    expect(news.length).toBeLessThan(hashed(second).length);
    const both = new Set([...hashed(first), ...hashed(second)]);
    expect((await tablesThere(bench)).sort()).toEqual([...both].sort());
    await expectWhole(bench, [second.id, first.id]);
    const { pattern } = bench.place;
    for (const { id, position } of [first, second]) {
      const place = await archivePlace(bench.archive, { name: 'orders', pattern });
      const plan = await planRecovery({ place, backup: id, target: { kind: 'none' } });
      const copy = join(await temporaryFolder(), 'copy');
      await recoverTo({ env, plan, folder: copy, name: 'copy' });
      const opened = await openDatabase(copy, { access: 'read' });
      expect(await userEntries(opened)).toEqual(bench.model.at(position.seq));
    }
  });

  test('P15 that stand beside the manifest, as earlier versions put them, are read there', async () => {
    const bench = await makeBench();
    const manifest = await physicalBackup(bench, 'first');
    await archiveAll(bench);
    for (const file of hashed(manifest)) {
      const path = (object: string): string => join(bench.folder, object);
      const own = backupObject(bench.place, manifest.id, file);
      await rename(path(tableObject(bench.place, file)), path(own));
    }
    await expectWhole(bench, [manifest.id]);
    const plan = await expireArchive({ ...bench, dryRun: true });
    expect(plan.removed).toEqual([]);
  });

  test('P8 P10 go with the last backup that needs them, never one that is kept', async () => {
    const bench = await makeBench();
    const first = await physicalBackup(bench, 'first');
    await archiveAll(bench);
    const second = await physicalBackup(bench, 'second');
    await archiveAll(bench);
    await expireBackups(bench.database);
    await expireArchive(bench);
    const obsolete = hashed(first).filter((file) => !hashed(second).includes(file));
    expect(obsolete.length).toBeGreaterThan(0);
    const marks = (await tablesThere(bench)).filter((name) => name.endsWith('.retired'));
    expect(marks.sort()).toEqual(obsolete.map((file) => `${file}.retired`).sort());
    // Who reads the retired one still can.
    await verifyBackup(archiveBackupSource(bench.archive, bench.place, first.id));
    bench.advance(25);
    const report = await expireArchive(bench);
    expect(report.removed).toEqual([first.id]);
    expect(report.freedBytes).toBeGreaterThan(0);
    expect((await tablesThere(bench)).sort()).toEqual(hashed(second).sort());
    await expectWhole(bench, [second.id]);
  });

  test('P8 killed at every call of their expiry, what is listed is whole and a second run finishes', async () => {
    const bench = await makeBench();
    await physicalBackup(bench, 'first');
    await archiveAll(bench);
    const second = await physicalBackup(bench, 'second');
    await archiveAll(bench);
    await expireBackups(bench.database);
    await expireArchive(bench);
    bench.advance(25);
    const place = await temporaryFolder();
    const copyOf = async (name: string): Promise<string> => {
      const folder = join(place, name);
      await cp(bench.folder, folder, { recursive: true, preserveTimestamps: true });
      return folder;
    };
    const done = await watchedArchive(await copyOf('done'));
    await expireArchive({ ...bench, archive: done });
    const expected = (await done.list('')).map(({ name }) => name);
    for (let step = 1, isDead = true; isDead; step++) {
      const folder = await copyOf(`victim-${step}`);
      let deletions = 0;
      const die = (operation: string): void => {
        if (operation === 'delete' && ++deletions > step) throw new TypeError('killed');
      };
      const victim = await watchedArchive(folder, { before: die });
      isDead = await expireArchive({ ...bench, archive: victim }).then(
        () => false,
        () => true,
      );
      const archive = await watchedArchive(folder);
      await expectWhole({ ...bench, archive }, [second.id]);
      await expireArchive({ ...bench, archive });
      expect((await archive.list('')).map(({ name }) => name)).toEqual(expected);
      expect(step).toBeLessThan(100);
    }
  });

  test('P10 that are on their way out are not counted on by a backup that is sent then', async () => {
    const bench = await makeBench();
    const manifest = await physicalBackup(bench, 'first');
    await archiveAll(bench);
    const folder = join(backupsFolderOf(bench.database.folder), manifest.id);
    // As if another machine had lost it: its tables are there, and nobody needs them.
    await bench.archive.delete(backupObject(bench.place, manifest.id, 'manifest'));
    const elsewhere = { ...bench, database: stranger(bench) };
    await expireArchive(elsewhere);
    const dayAgo = Date.now() / 1000 - 25 * 3600;
    for (const file of hashed(manifest)) {
      const mark = retiredTableObject(bench.place, file);
      await utimes(join(bench.folder, mark), dayAgo, dayAgo);
    }
    const { signal } = new AbortController();
    const hooked = await watchedArchive(bench.folder, {
      before: async (operation, name) => {
        // The other machine removes them before this one has put its manifest.
        if (operation === 'put' && name.endsWith('/manifest')) await expireArchive(elsewhere);
      },
    });
    const copy = { env, archive: hooked, place: bench.place, signal };
    await copyBackup(copy, folder, manifest.id);
    expect(await tablesThere(bench)).toEqual([]);
    await expectWhole(bench, [manifest.id]);
  });

  test('P10 that were marked while a backup was sent for long are sent with it', async () => {
    const bench = await makeBench();
    const manifest = await physicalBackup(bench, 'first');
    await archiveAll(bench);
    const folder = join(backupsFolderOf(bench.database.folder), manifest.id);
    await bench.archive.delete(backupObject(bench.place, manifest.id, 'manifest'));
    let isLate = false;
    let monotonicMs = 0;
    const hooked = await watchedArchive(bench.folder, {
      after: async (operation, name) => {
        if (isLate || operation !== 'list' || !name.endsWith('/tables/')) return;
        isLate = true;
        monotonicMs += sharedKeepMsMin;
        for (const file of hashed(manifest)) {
          await bench.archive.putIfAbsent(retiredTableObject(bench.place, file), Buffer.from('x'));
        }
      },
    });
    const clock = { ...env.clock, monotonic: () => monotonicMs };
    const { signal } = new AbortController();
    const copy = { env: { ...env, clock }, archive: hooked, place: bench.place, signal };
    await copyBackup(copy, folder, manifest.id);
    const own = await bench.archive.list(backupObject(bench.place, manifest.id, ''));
    // What its audit recorded may have come beside them.
    const sent = own.filter(({ name }) => !name.endsWith('/audit.json'));
    expect(sent).toHaveLength(hashed(manifest).length + 1);
  });
});

/** Who expires the archive and has no backup of its own. */
function stranger({ database }: Bench) {
  const { env: itsEnv, jobLog, system, timelines } = database;
  return { folder: '/nowhere', env: itsEnv, jobLog, system, timelines };
}

test('P10 whatever is listed, retired and marked, no table goes that a staying backup needs', () => {
  const file = fc.constantFrom(...['a', 'b', 'c', 'd'].map((c) => `${c.repeat(64)}.ldb`));
  const recipients = fc.constantFrom(null, 'a'.repeat(16), 'b'.repeat(16));
  const backup = fc.record({
    files: fc.uniqueArray(file),
    own: fc.uniqueArray(file),
    isListed: fc.boolean(),
    isReadable: fc.boolean().map((no) => !no),
    recipientsId: recipients,
  });
  const table = fc.record({
    file,
    recipientsId: recipients,
    isThere: fc.boolean(),
    markedHoursAgo: fc.option(fc.integer({ min: 0, max: 48 })),
  });
  const given = fc.record({
    backups: fc.array(backup, { maxLength: 4 }),
    tables: fc.array(table),
    keepHours: fc.constantFrom(0, 24),
    noDelete: fc.boolean(),
  });
  fc.assert(
    fc.property(given, ({ backups, keepHours, noDelete, tables }) => {
      const now = 1e12;
      const object = (name: string, modifiedMs: number) => ({ name, bytes: 10, modifiedMs });
      const there = new Map<string, SharedTable>(
        tables.map(({ file: name, isThere, markedHoursAgo: hours, recipientsId }) => [
          tableKey(name, recipientsId),
          {
            object: isThere ? object(name, 0) : null,
            mark: hours === null ? null : object(name, now - hours * hourMs),
          },
        ]),
      );
      const staying = backups.map(({ files, isReadable, own, ...rest }): StayingBackup => {
        const stored = files.map((name) => ({ file: name, bytes: 10, sha256: name.slice(0, 64) }));
        const manifest = { chunks: [], tables: stored } as unknown as BackupManifest;
        return { ...rest, own: new Set(own), manifest: isReadable ? manifest : null };
      });
      const plan = planTables(there, staying, { noDelete, now, keepMs: keepHours * hourMs });
      const needed = backups.flatMap(({ files, own, recipientsId }) =>
        files.filter((one) => !own.includes(one)).map((one) => tableKey(one, recipientsId)),
      );
      const isBlind = backups.some(({ isReadable }) => !isReadable);
      if (noDelete || isBlind) expect(plan.remove).toEqual([]);
      for (const name of plan.remove) {
        expect(needed).not.toContain(name);
        const hours = (now - (there.get(name)?.mark?.modifiedMs ?? now)) / hourMs;
        expect(hours).toBeGreaterThanOrEqual(Math.max(1, keepHours));
      }
    }),
    { numRuns: 500 },
  );
});

describe('log', () => {
  test('P3 of an incremental backup is not sent again, and the backup is whole', async () => {
    const bench = await makeBench();
    await takeBackup(bench.database);
    for (let at = 0; at < 6; at++) await bench.model.put(`k${at}`, env.random.bytes(20_000));
    const { id, segments = [] } = await takeIncremental(bench.database);
    expect(segments.length).toBeGreaterThan(0);
    const calls: string[] = [];
    await archiveAll(bench, calls);
    const sent = calls.filter((call) => call.startsWith('put') && call.includes(`/${id}/`));
    expect(sent.map((call) => call.split('/').at(-1))).toEqual(['manifest']);
    await verifyBackup(archiveBackupSource(bench.archive, bench.place, id));
    const [first] = segments;
    const log = (await bench.archive.list('')).find(({ name }) =>
      name.endsWith(`/${String(first?.firstSeq).padStart(16, '0')}.seg`),
    );
    await bench.archive.delete(String(log?.name));
    const listed = await listArchivedBackups(bench.archive, bench.place);
    const { problem } = listed.find((backup) => backup.id === id) ?? {};
    expect(isPaminaError(problem, 'BACKUP_INVALID')).toBe(true);
  });
});
