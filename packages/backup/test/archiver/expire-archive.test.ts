// Expiry in an archive: what stays is whole and can be recovered, whatever happens on the way.
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openArchive, readObject, type Archive } from '@pamina/archive';
import type { Database } from '@pamina/engine';
import type { Env } from '@pamina/env';
import { isPaminaError, PaminaError } from '@pamina/format';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { archiveBackupSource, listArchivedBackups } from '../../src/archiver/archive-backups.js';
import { archiveLogSource } from '../../src/archiver/archive-log-source.js';
import type { ArchivePlace } from '../../src/archiver/archive-layout.js';
import { archivePlace } from '../../src/archiver/archive-place.js';
import { positionPath, readPosition } from '../../src/archiver/archive-position.js';
import { expireArchive, type ArchiveExpireReport } from '../../src/archiver/expire-archive.js';
import {
  expireBackups,
  planRecovery,
  recoverTo,
  takeBackup,
  takeIncremental,
} from '../../src/index.js';
import { segmentFacts } from '../../src/log-source.js';
import { verifyArchive } from '../../src/archiver/verify-archive.js';
import { Model, env, newDatabase, openDatabase, temporaryFolder, userEntries } from '../support.js';
import { archiverOf, placeOf, watchedArchive, type Hooks } from './bench.js';

const hourMs = 3_600_000;

/** An environment whose clock goes ahead of the storage's when it is told to. */
function skewed(): { readonly env: Env; readonly advance: (hours: number) => void } {
  let ahead = 0;
  return {
    env: { ...env, clock: { ...env.clock, now: () => env.clock.now() + ahead } },
    advance: (hours) => void (ahead += hours * hourMs),
  };
}

interface Bench {
  readonly database: Database;
  readonly model: Model;
  readonly place: ArchivePlace;
  readonly folder: string;
  readonly advance: (hours: number) => void;
}

type Settings = Parameters<Database['system']['setSettings']>[0];

/** A database of which an archive has everything, and which has expired itself. */
async function makeBench(settings: Settings): Promise<Bench> {
  const time = skewed();
  const database = await newDatabase({ env: time.env });
  await database.system.setSettings(settings);
  const model = new Model(database);
  const bench = {
    database,
    model,
    place: placeOf(database),
    folder: await temporaryFolder(),
    advance: time.advance,
  };
  return bench;
}

/** Closes a segment or two. */
async function write({ model }: Bench, name: string, count = 4): Promise<void> {
  for (let at = 0; at < count; at++) await model.put(`${name}-${at}`, env.random.bytes(30_000));
}

/** The last record that is there then. */
async function archiveAll({ database, folder }: Bench, hooks?: Hooks): Promise<number> {
  const archiver = await archiverOf({
    database,
    folder,
    ...(hooks === undefined ? {} : { hooks }),
  });
  archiver.start();
  await archiver.settle();
  await archiver.stop();
  return archiver.status().archivedSeq ?? 0;
}

interface Given {
  readonly archive?: Archive;
  readonly dryRun?: boolean;
}

async function expire(
  { database, folder, place }: Bench,
  { archive, dryRun }: Given = {},
): Promise<ArchiveExpireReport> {
  const at = archive ?? (await watchedArchive(folder));
  return expireArchive({ database, archive: at, place, dryRun });
}

async function idsIn({ folder, place }: Bench, archive?: Archive): Promise<string[]> {
  const listed = await listArchivedBackups(archive ?? (await watchedArchive(folder)), place);
  for (const { id, problem } of listed) expect(problem, id).toBeNull();
  return listed.map(({ id }) => id);
}

/** Every backup in the list leads to every record behind it, and the log has no gap. */
async function expectRecoverable(bench: Bench, archive: Archive, lastSeq: number): Promise<void> {
  const place = await archivePlace(archive, { name: 'orders', pattern: bench.place.pattern });
  for (const { id, manifest } of (await place.backups()).whole) {
    if (manifest.kind === 'incremental') continue;
    const { seq: from, timeline } = manifest.position;
    for (const seq of new Set([from, from + 1, Math.floor((from + lastSeq) / 2), lastSeq])) {
      if (seq > lastSeq) continue;
      const target = { kind: 'position', position: { timeline, seq } } as const;
      const plan = await planRecovery({ place, target, backup: id });
      expect(plan.point.seq).toBe(seq);
    }
  }
}

/** Of a segment or a piece of one. */
const isLog = (name: string): boolean => name.includes('/log/');
const seqIn = (name: string): number => Number(/(\d{16})[^/]*$/.exec(name)?.[1]);

async function names(archive: Archive): Promise<string[]> {
  return (await archive.list('')).map(({ name }) => name);
}

/** Each segment goes on where the one before ends. */
async function expectNoGap({ place }: Bench, archive: Archive): Promise<void> {
  const source = archiveLogSource(archive, place);
  let next: number | null = null;
  for (const entry of await source.segments()) {
    if (next !== null) expect(entry.firstSeq).toBe(next);
    const { trailer } = await segmentFacts(source, entry);
    next = trailer === null ? null : trailer.lastSeq + 1;
  }
}

async function expectVerified({ database, place }: Bench, archive: Archive): Promise<void> {
  const { timelines: history } = database;
  const checks = await verifyArchive({
    archive,
    env,
    name: 'orders',
    pattern: place.pattern,
    history,
  });
  expect(checks.map(({ verdict }) => verdict)).toEqual(checks.map(() => 'verified'));
}

function codeOf(error: unknown): string {
  if (isPaminaError(error)) return error.code;
  throw error;
}

/** Four full backups and two incremental ones, all of them archived; of now on one generation is kept. */
async function fourBackups(settings: Settings = {}) {
  const bench = await makeBench({ backupGenerations: 4 });
  const ids: string[] = [];
  for (let round = 0; round < 4; round++) {
    await write(bench, `round${round}`);
    ids.push((await takeBackup(bench.database)).id);
    if (round > 1) continue;
    await write(bench, `more${round}`);
    ids.push((await takeIncremental(bench.database)).id);
  }
  await write(bench, 'end');
  const lastSeq = await archiveAll(bench);
  await bench.database.system.setSettings({ backupGenerations: 1, ...settings });
  await expireBackups(bench.database);
  return { bench, ids, lastSeq, newest: String(ids.at(-1)) };
}

async function copyObjects(from: Archive, to: Archive): Promise<void> {
  for (const { name } of await from.list('')) {
    const bytes = await readObject(from, name, 1e9);
    if (/\/(?:announced|heartbeat)$/.test(name)) await to.replace(name, bytes);
    else await to.putIfAbsent(name, bytes);
  }
}

/** As `fourBackups` has made it, in another kind of archive. */
const kinds: Readonly<Record<string, () => Promise<Archive>>> = {
  'a folder': async () => watchedArchive(await temporaryFolder()),
  'an encrypted folder': async () => {
    const identity = await generateX25519Identity();
    const identityFile = join(await temporaryFolder(), 'key.txt');
    await writeFile(identityFile, identity);
    const encryption = { recipients: [await identityToRecipient(identity)], identityFile };
    const address = await temporaryFolder();
    return openArchive({ env, address, environment: {}, encryption, create: true });
  },
};

describe('what goes', () => {
  test.each(Object.entries(kinds))(
    'P8 P10 in %s leaves the list at once, and the archive when its readers have had their time',
    async (_kind, open) => {
      const { bench, ids, lastSeq, newest } = await fourBackups();
      const archive = await open();
      await copyObjects(await watchedArchive(bench.folder), archive);
      const before = await names(archive);

      const asked = await expire(bench, { archive, dryRun: true });
      expect(asked).toMatchObject({ removed: [], freedBytes: 0, freedLogBytes: 0, dryRun: true });
      expect(asked.decisions.filter(({ isDue }) => isDue)).toHaveLength(ids.length - 1);
      expect(await names(archive)).toEqual(before);

      const first = await expire(bench, { archive });
      expect(first.removed).toEqual([]);
      expect(first.decisions.at(-1)?.reasons.at(-1)).toMatch(/kept for 24 hours/);
      expect(await idsIn(bench, archive)).toEqual([newest]);
      expect((await names(archive)).filter((name) => !name.endsWith('/retired'))).toEqual(before);

      bench.advance(23);
      expect((await expire(bench, { archive })).removed).toEqual([]);
      bench.advance(2);
      const last = await expire(bench, { archive });
      expect([...last.removed].sort()).toEqual(ids.slice(0, -1).sort());
      expect(last.freedBytes).toBeGreaterThan(100_000);
      expect(last.freedLogBytes).toBeGreaterThan(100_000);
      const position = Number(newest.slice(0, 16));
      expect(last.keepFromSeq).toBe(position + 1);
      const left = await names(archive);
      expect(left.filter((name) => name.includes('/backups/'))).toEqual(
        before.filter((name) => name.includes(`/backups/${newest}/`)),
      );
      expect(left.filter(isLog)).toEqual(
        before.filter((name) => isLog(name) && seqIn(name) > position),
      );
      await expectRecoverable(bench, archive, lastSeq);
      await expectVerified(bench, archive);
      const again = await expire(bench, { archive });
      expect(again).toMatchObject({ removed: [], freedBytes: 0, freedLogBytes: 0 });
      expect(await names(archive)).toEqual(left);
    },
  );

  test('P3 what stays is recovered to what the database holds', async () => {
    const { bench, lastSeq } = await fourBackups({ archiveKeepHours: 0 });
    expect((await expire(bench)).removed).toHaveLength(5);
    const archive = await watchedArchive(bench.folder);
    const place = await archivePlace(archive, { name: 'orders', pattern: bench.place.pattern });
    const plan = await planRecovery({ place, target: { kind: 'all' } });
    expect(plan.point.seq).toBe(lastSeq);
    const folder = join(await temporaryFolder(), 'copy');
    await recoverTo({ env, plan, folder, name: 'copy' });
    const copy = await openDatabase(folder, { access: 'read' });
    expect(await userEntries(copy)).toEqual(bench.model.at(lastSeq));
  });

  test('stays with a tag, and the log behind it too', async () => {
    const bench = await makeBench({ archiveKeepHours: 0, backupGenerations: 1 });
    const { database } = bench;
    await write(bench, 'a');
    const first = await takeBackup(database);
    await write(bench, 'b');
    const pinned = await takeBackup(database, { tag: 'before-upgrade' });
    await write(bench, 'c');
    await takeBackup(database);
    await write(bench, 'd');
    const last = await takeBackup(database);
    const lastSeq = await archiveAll(bench);
    await expireBackups(database);
    const report = await expire(bench);
    expect(report.removed).toContain(first.id);
    expect(report.keepFromSeq).toBe(pinned.position.seq + 1);
    expect(await idsIn(bench)).toEqual([last.id, pinned.id]);
    await expectRecoverable(bench, await watchedArchive(bench.folder), lastSeq);
  });

  test('is nothing while the archive has fewer full backups than are kept: all leads on from the initial one', async () => {
    const bench = await makeBench({ archiveKeepHours: 0, backupGenerations: 3 });
    await write(bench, 'a');
    await takeBackup(bench.database);
    await write(bench, 'b');
    await takeBackup(bench.database);
    await archiveAll(bench);
    const report = await expire(bench);
    expect(report).toMatchObject({ removed: [], freedLogBytes: 0, keepFromSeq: 1 });
    await bench.database.system.setSettings({ backupGenerations: 2 });
    expect((await expire(bench)).freedLogBytes).toBeGreaterThan(100_000);
  });

  test('is nothing with backupNoDelete, and what was retired is in the list again', async () => {
    const { bench, ids, newest } = await fourBackups();
    await expire(bench);
    expect(await idsIn(bench)).toEqual([newest]);
    await bench.database.system.setSettings({ backupNoDelete: true });
    bench.advance(25);
    const report = await expire(bench);
    expect(report).toMatchObject({ removed: [], freedBytes: 0, freedLogBytes: 0 });
    expect(report.decisions.filter(({ isDue }) => isDue)).toHaveLength(ids.length - 1);
    expect(await idsIn(bench)).toHaveLength(ids.length);
  });

  test('is in the list again when the rules keep it after all', async () => {
    const { bench, ids } = await fourBackups();
    await expire(bench);
    await bench.database.system.setSettings({ backupGenerations: 9 });
    bench.advance(25);
    expect((await expire(bench)).removed).toEqual([]);
    expect(await idsIn(bench)).toHaveLength(ids.length);
  });

  test('P10 is not what somebody here reads, backup or log', async () => {
    const { bench, ids } = await fourBackups({ archiveKeepHours: 0 });
    const archive = await watchedArchive(bench.folder);
    const [oldest = ''] = ids;
    const release = archiveBackupSource(archive, bench.place, oldest).hold?.();
    const releaseLog = archiveLogSource(archive, bench.place).hold?.(2);
    const held = await expire(bench);
    expect(held.removed).not.toContain(oldest);
    expect(held).toMatchObject({ freedLogBytes: 0, keepFromSeq: 2 });
    const decision = held.decisions.find(({ id }) => id === oldest);
    expect(decision?.reasons).toContain('it is being read');
    release?.();
    expect((await expire(bench)).removed).toEqual([oldest]);
    releaseLog?.();
    expect((await expire(bench)).freedLogBytes).toBeGreaterThan(100_000);
  });

  test('P10 is nothing that a verification here still reads', async () => {
    const { bench, ids } = await fourBackups({ archiveKeepHours: 0 });
    const { place, folder } = bench;
    let report: ArchiveExpireReport | null = null;
    const archive = await watchedArchive(folder, {
      before: async (operation, name) => {
        const isContent = name.includes('/backups/') && !name.endsWith('/manifest');
        if (report !== null || operation !== 'get' || !isContent) return;
        report = await expire(bench);
      },
    });
    const { timelines: history } = bench.database;
    const { pattern } = place;
    const checks = await verifyArchive({ archive, env, name: 'orders', pattern, history });
    expect(report).toMatchObject({ removed: [], freedLogBytes: 0 });
    expect(checks.map(({ verdict }) => verdict)).toEqual(checks.map(() => 'verified'));
    expect((await expire(bench)).removed).toHaveLength(ids.length - 1);
  });

  test('P10 is no backup that the database has itself', async () => {
    const bench = await makeBench({ archiveKeepHours: 0, backupGenerations: 2 });
    await write(bench, 'a');
    const { id } = await takeBackup(bench.database);
    await takeBackup(bench.database);
    await archiveAll(bench);
    await bench.database.system.setSettings({ backupGenerations: 1 });
    const kept = await expire(bench);
    expect(kept.decisions.find((one) => one.id === id)?.reasons).toEqual([
      'the database itself has it too',
    ]);
    await expireBackups(bench.database);
    expect((await expire(bench)).removed).toEqual([id]);
  });

  test('P9 is no damaged backup, nor the log behind it', async () => {
    const { bench, ids } = await fourBackups({ archiveKeepHours: 0 });
    const archive = await watchedArchive(bench.folder);
    const [first = ''] = ids;
    await writeFile(
      join(bench.folder, 'orders', bench.place.pattern, 'backups', first, 'manifest'),
      'nonsense',
    );
    const report = await expire(bench);
    expect(report.removed).not.toContain(first);
    expect(report.keepFromSeq).toBe(Number(first.slice(0, 16)) + 1);
    const listed = await listArchivedBackups(archive, bench.place);
    expect(listed.find(({ id }) => id === first)?.problem).not.toBeNull();
  });

  test('are files of a copy that did not end, once they are old', async () => {
    const { bench } = await fourBackups();
    const archive = await watchedArchive(bench.folder);
    const stray = `orders/${bench.place.pattern}/backups/0000000000000003-1/000001.chunk`;
    await archive.putIfAbsent(stray, Buffer.from('half a copy'));
    await expire(bench);
    expect(await names(archive)).toContain(stray);
    bench.advance(25);
    await expire(bench);
    expect(await names(archive)).not.toContain(stray);
  });
});

test('P10 log of a timeline that was left goes with the rest, its last pieces too', async () => {
  const { bench, ids, lastSeq } = await fourBackups();
  const archive = await watchedArchive(bench.folder);
  const place = await archivePlace(archive, { name: 'orders', pattern: bench.place.pattern });
  // In the middle of a segment behind the third full backup; the old history goes on to its end.
  const seq = Number(ids[4]?.slice(0, 16)) + 2;
  const target = { kind: 'position', position: { timeline: 1, seq } } as const;
  const folder = join(await temporaryFolder(), 'orders');
  const plan = await planRecovery({ place, target });
  await recoverTo({ env, plan, folder, name: 'orders' });
  const database = await openDatabase(folder, { env: bench.database.env });
  const branch: Bench = { ...bench, database, model: new Model(database) };
  await database.system.setSettings({ backupGenerations: 1, archiveKeepHours: 0 });
  await write(branch, 'branch');
  const early = await takeBackup(database);
  await archiveAll(branch);
  const timelines = new Set((await names(archive)).filter(isLog).map((name) => name.split('/')[3]));
  expect(timelines.size).toBe(2);
  await expectVerified(branch, archive);

  // That went by itself: the newest one by its commit is on the new timeline, the old one's end stays.
  expect(await idsIn(branch)).toEqual([early.id]);
  expect((await names(archive)).some((name) => isLog(name) && name.includes('/1-'))).toBe(
    lastSeq > early.position.seq,
  );
  while (database.log.durable.seq <= lastSeq) await write(branch, 'on');
  await takeBackup(database);
  await expireBackups(database);
  const end = await archiveAll(branch);
  const left = (await names(archive)).filter(isLog);
  expect(left.filter((name) => name.includes('/1-'))).toEqual([]);
  expect(left.some((name) => name.includes('/2-'))).toBe(true);
  await expectRecoverable(branch, archive, end);
  await expectVerified(branch, archive);
});

class Killed extends Error {}

/** From call `step` on none gets through; the one itself does with `after`. */
async function dyingArchive(folder: string, step: number, way: 'before' | 'after') {
  let calls = 0;
  const count = (now: 'before' | 'after') => (): void => {
    if (now === 'before') calls++;
    if (calls > step || (calls === step && now === way)) throw new Killed();
  };
  const archive = await watchedArchive(folder, { before: count('before'), after: count('after') });
  return { archive, isDead: () => calls >= step };
}

test.each([
  ['retires', 0],
  ['removes', 25],
  ['removes at once', 0],
])(
  'P8 killed at every call, before and after it took effect, while it %s: what is listed is whole, and a second run finishes',
  { timeout: 120_000 },
  async (what, hours) => {
    const { bench, lastSeq } = await fourBackups(
      what === 'removes at once' ? { archiveKeepHours: 0 } : {},
    );
    if (hours > 0) await expire(bench);
    bench.advance(hours);
    const place = await temporaryFolder();
    const done = join(place, 'done');
    await cp(bench.folder, done, { recursive: true, preserveTimestamps: true });
    await expire(bench, { archive: await watchedArchive(done) });
    const expected = await names(await watchedArchive(done));
    let kills = 0;
    for (const way of ['before', 'after'] as const) {
      for (let step = 1; ; step++) {
        const victim = join(place, 'victim');
        await cp(bench.folder, victim, { recursive: true, preserveTimestamps: true });
        const dying = await dyingArchive(victim, step, way);
        // A manifest that it could not read any more is damaged to it: then it ends by itself.
        await expire(bench, { archive: dying.archive }).catch((error: unknown) => {
          if (!(error instanceof Killed)) throw error;
        });
        if (dying.isDead()) kills++;
        const archive = await watchedArchive(victim);
        await idsIn(bench, archive);
        await expectRecoverable(bench, archive, lastSeq);
        await expectNoGap(bench, archive);
        await expire(bench, { archive });
        expect(await names(archive), `step ${step}, ${way}`).toEqual(expected);
        await rm(victim, { recursive: true });
        if (!dying.isDead()) break;
        expect(step).toBeLessThan(300);
      }
    }
    expect(kills).toBeGreaterThan(20);
  },
);

describe('by itself', () => {
  test('P10 after a backup was copied; afterwards nothing that expired is sent again', async () => {
    const bench = await makeBench({ archiveKeepHours: 0, backupGenerations: 1 });
    const { database, folder } = bench;
    const calls: string[] = [];
    const archiver = await archiverOf({ database, folder, calls });
    archiver.start();
    await write(bench, 'a');
    const first = await takeBackup(database);
    await archiver.settle();
    await write(bench, 'b');
    const release = database.log.pin(1);
    const second = await takeBackup(database);
    await expireBackups(database);
    archiver.backupsChanged();
    await archiver.settle();
    expect(await idsIn(bench)).toEqual([second.id]);
    expect(archiver.status().backups).toBe(1);
    const archive = await watchedArchive(folder);
    const log = (await names(archive)).filter(isLog);
    expect(log.every((name) => seqIn(name) > second.position.seq)).toBe(true);
    expect(second.position.seq).toBeGreaterThan(first.position.seq);
    await archiver.stop();

    // The log is still here from record 1 on.
    expect(database.log.firstSeq).toBe(1);
    const sent = calls.length;
    const next = await archiverOf({ database, folder, calls });
    next.start();
    await next.settle();
    expect(calls.slice(sent).filter((call) => call.startsWith('put'))).toEqual([]);
    await write(bench, 'c');
    await next.settle();
    expect(calls.slice(sent).some((call) => call.startsWith('put'))).toBe(true);
    release();
    await next.stop();
    // As if what was noted here had been lost.
    await rm(positionPath(database.folder, 'main'));
    await archiveAll(bench);
    expect(
      (await names(archive)).filter(isLog).every((name) => seqIn(name) > second.position.seq),
    ).toBe(true);
    await expectRecoverable(bench, archive, database.log.durable.seq);
  });

  test('in each of several archives, by what that one has', async () => {
    const bench = await makeBench({ archiveKeepHours: 0, backupGenerations: 2 });
    const { database } = bench;
    const late = { ...bench, folder: await temporaryFolder() };
    await write(bench, 'a');
    const first = await takeBackup(database);
    await archiveAll(bench);
    await write(bench, 'b');
    await takeBackup(database);
    await takeBackup(database);
    await expireBackups(database);
    await archiveAll(bench);
    const archiver = await archiverOf({ database, folder: late.folder, name: 'late' });
    archiver.start();
    await archiver.settle();
    expect(await idsIn(bench)).toHaveLength(2);
    expect(await idsIn(late)).toHaveLength(2);
    expect(await idsIn(bench)).not.toContain(first.id);
  });

  test('an archive whose keys may not delete goes on being written', async () => {
    const bench = await makeBench({ archiveKeepHours: 0, backupGenerations: 1 });
    const { database, folder } = bench;
    const hooks: Hooks = {
      before: (operation, name) => {
        if (operation !== 'delete' || !name.includes('/backups/')) return;
        throw new PaminaError('ARCHIVE_DENIED', 'no deleting');
      },
    };
    const archiver = await archiverOf({ database, folder, hooks });
    archiver.start();
    for (const name of ['a', 'b']) {
      await write(bench, name);
      await takeBackup(database);
      await expireBackups(database);
      await archiver.settle();
    }
    expect(await idsIn(bench)).toHaveLength(2);
    await write(bench, 'c');
    await archiver.settle();
    expect(archiver.status()).toMatchObject({
      archivedSeq: database.log.durable.seq,
      problem: null,
    });
  });

  test('waits for what the archiver does, and is refused when it has stopped', async () => {
    const bench = await makeBench({ archiveKeepHours: 0, backupGenerations: 1 });
    const archiver = await archiverOf({ database: bench.database, folder: bench.folder });
    await write(bench, 'a');
    await takeBackup(bench.database);
    archiver.start();
    const [report] = await Promise.all([archiver.expire({ dryRun: true }), archiver.settle()]);
    expect(report.dryRun).toBe(true);
    await archiver.stop();
    await expect(archiver.expire()).rejects.toMatchObject({ code: 'DATABASE_OFFLINE' });
  });
});

const steps = [
  'write',
  'full',
  'tagged',
  'incremental',
  'hours',
  'fewer',
  'more',
  'expire',
  'restart',
] as const;

test(
  'P10 whatever the order, every backup in the list leads to every later record in the archive',
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...steps), { minLength: 8, maxLength: 30 }),
        async (order) => {
          const bench = await makeBench({ backupGenerations: 1, archiveKeepHours: 24 });
          const { database } = bench;
          let generations = 1;
          let tags = 0;
          const tasks: Readonly<Record<(typeof steps)[number], () => Promise<unknown>>> = {
            write: () => write(bench, `w${tags}`, 2),
            full: () => takeBackup(database),
            tagged: () => takeBackup(database, { tag: `tag-${tags++}` }),
            // Impossible without a full one, or without new log.
            incremental: () => takeIncremental(database).catch(codeOf),
            hours: () => Promise.resolve(bench.advance(13)),
            fewer: () =>
              database.system.setSettings({
                backupGenerations: (generations = Math.max(1, generations - 1)),
              }),
            more: () => database.system.setSettings({ backupGenerations: ++generations }),
            expire: async () => {
              await expireBackups(database);
              await expire(bench);
            },
            restart: () => archiveAll(bench),
          };
          await takeBackup(database);
          await archiveAll(bench);
          for (const step of order) {
            await tasks[step]();
            if (step !== 'expire' && step !== 'restart') continue;
            const archive = await watchedArchive(bench.folder);
            const position = await readPosition(env.disk, positionPath(database.folder, 'main'));
            expect((await idsIn(bench)).length).toBeGreaterThan(0);
            await expectRecoverable(bench, archive, position?.seq ?? 0);
          }
        },
      ),
      { numRuns: 12 },
    );
  },
);
