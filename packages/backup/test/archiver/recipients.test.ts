// The recipients of an encrypted archive are changed: what comes from then on is restored with the new
// identity alone, what lies before says whose key it takes, and both go when nothing needs them.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openArchive, type Archive } from '@pamina/archive';
import type { Database } from '@pamina/engine';
import { isPaminaError } from '@pamina/format';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { describe, expect, test } from 'vitest';
import { archiveBackupSource, listArchivedBackups } from '../../src/archiver/archive-backups.js';
import { backupObject } from '../../src/archiver/archive-layout.js';
import { archivePlace } from '../../src/archiver/archive-place.js';
import { copyBackup } from '../../src/archiver/copy-backup.js';
import { expireArchive } from '../../src/archiver/expire-archive.js';
import {
  expireBackups,
  planRecovery,
  recoverTo,
  takeBackup,
  takeIncremental,
  verifyArchive,
  type RecoveryTarget,
} from '../../src/index.js';
import { backupsFolderOf } from '../../src/layout.js';
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
import { archiverOf, placeOf } from './bench.js';

interface Key {
  readonly identity: string;
  readonly recipient: string;
}

async function newKey(): Promise<Key> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

/** A database with an archive that is encrypted for `before`, then for `after`. */
class Bench {
  readonly folder: string;
  readonly database: Database;
  readonly model: Model;
  readonly before: Key;
  readonly after: Key;

  private constructor(folder: string, database: Database, before: Key, after: Key) {
    this.folder = folder;
    this.database = database;
    this.model = new Model(database);
    this.before = before;
    this.after = after;
  }

  static async open(databaseEnv = env): Promise<Bench> {
    const database = await newDatabase({ env: databaseEnv });
    return new Bench(await temporaryFolder(), database, await newKey(), await newKey());
  }

  get place() {
    return placeOf(this.database);
  }

  async #open(recipients: readonly string[], identities: readonly Key[]): Promise<Archive> {
    const identityFile = join(await temporaryFolder(), 'keys.txt');
    await writeFile(identityFile, identities.map(({ identity }) => `${identity}\n`).join(''));
    const encryption = { recipients, identityFile };
    return openArchive({ env, address: this.folder, environment: {}, encryption, create: true });
  }

  /** As who restores has it, with this key alone. */
  reader(key: Key): Promise<Archive> {
    return this.#open([], [key]);
  }

  writer(key: Key): Promise<Archive> {
    return this.#open([key.recipient], [this.before, this.after]);
  }

  async archiveFor(key: Key): Promise<void> {
    const archiver = await archiverOf({
      database: this.database,
      folder: this.folder,
      open: () => this.writer(key),
    });
    archiver.start();
    await archiver.settle();
    await archiver.stop();
  }

  /** Some more, in a table of its own. */
  async write(name: string): Promise<void> {
    for (let at = 0; at < 3; at++) await this.model.put(`${name}-${at}`, env.random.bytes(20_000));
    await intoTables(this.database);
  }

  async plan(key: Key, target: RecoveryTarget, backup?: string) {
    const place = await archivePlace(await this.reader(key), { name: 'orders', pattern: null });
    return planRecovery({ place, target, backup });
  }

  async expectRestored(key: Key, target: RecoveryTarget, backup?: string): Promise<void> {
    const plan = await this.plan(key, target, backup);
    const copy = join(await temporaryFolder(), 'copy');
    await recoverTo({ env, plan, folder: copy, name: 'copy' });
    const opened = await openDatabase(copy, { access: 'read' });
    expect(await userEntries(opened)).toEqual(this.model.at(plan.point.seq));
    await opened.close();
  }

  async names(): Promise<string[]> {
    return (await (await this.writer(this.after)).list('')).map(({ name }) => name);
  }
}

describe('after the recipients were changed', () => {
  test.each(['physical', 'logical'] as const)(
    'P3 a %s backup, and all that is committed behind it, is restored with the new identity alone',
    async (form) => {
      const bench = await Bench.open();
      await bench.write('first');
      const old = await takeBackup(bench.database, { form });
      await bench.write('second');
      await bench.archiveFor(bench.before);
      // Shares the tables of the one before.
      const young = await takeBackup(bench.database, { form });
      await bench.model.put('behind', '1');
      await bench.archiveFor(bench.after);
      await bench.expectRestored(bench.after, { kind: 'all' });
      await bench.expectRestored(bench.after, { kind: 'none' }, young.id);
      await verifyBackup(
        archiveBackupSource(await bench.reader(bench.after), bench.place, young.id),
      );
      // Nobody reads with the old one what came after it was taken away.
      await expect(
        verifyBackup(archiveBackupSource(await bench.reader(bench.before), bench.place, young.id)),
      ).rejects.toMatchObject({ code: 'ARCHIVE_KEY_INVALID' });
      await bench.expectRestored(bench.before, { kind: 'none' }, old.id);
    },
  );

  test('P9 what lies before is refused with the recipients whose key it takes', async () => {
    const bench = await Bench.open();
    await bench.write('first');
    const old = await takeBackup(bench.database, { tag: 'old' });
    await bench.write('second');
    await bench.archiveFor(bench.before);
    const between = bench.database.log.durable.seq;
    const whose = bench.before.recipient.slice(0, 16);
    const sealed = {
      hint: expect.stringContaining(whose),
      message: expect.stringContaining(whose),
    };
    // Nothing at all is for the new one yet.
    await expect(bench.plan(bench.after, { kind: 'all' })).rejects.toMatchObject({
      ...sealed,
      code: 'ARCHIVE_KEY_INVALID',
    });
    await takeBackup(bench.database);
    await bench.archiveFor(bench.after);
    await bench.expectRestored(bench.after, { kind: 'all' });
    await expect(bench.plan(bench.after, { kind: 'none' }, old.id)).rejects.toMatchObject({
      ...sealed,
      code: 'ARCHIVE_KEY_INVALID',
    });
    const position = { timeline: 1, seq: between };
    await expect(bench.plan(bench.after, { kind: 'position', position })).rejects.toMatchObject({
      ...sealed,
      code: 'POSITION_UNREACHABLE',
    });
  });

  test('P9 log that is for others is told where a restore needs it', async () => {
    const bench = await Bench.open();
    const { id, position } = await takeBackup(bench.database);
    for (let round = 0; round < 3; round++) await bench.write(`round${round}`);
    // The log is there for the old recipients before the backup is copied for the new ones.
    const folder = backupsFolderOf(bench.database.folder);
    await bench.archiveFor(bench.before);
    const archive = await bench.writer(bench.after);
    for (const { name } of await archive.list(backupObject(bench.place, id, ''))) {
      await archive.delete(name);
    }
    const { signal } = new AbortController();
    await copyBackup({ env, archive, place: bench.place, signal }, join(folder, id), id);
    await bench.expectRestored(bench.after, { kind: 'none' });
    const target = { kind: 'position', position: { ...position, seq: position.seq + 2 } } as const;
    await expect(bench.plan(bench.after, target)).rejects.toMatchObject({
      code: 'POSITION_UNREACHABLE',
      message: expect.stringContaining(bench.before.recipient.slice(0, 16)),
    });
  });

  test('P8 a copy that did not end before is sent anew, for the new ones as a whole', async () => {
    const bench = await Bench.open();
    for (const form of ['logical', 'physical'] as const) {
      await bench.write(form);
      const { id } = await takeBackup(bench.database, { form });
      await bench.archiveFor(bench.before);
      const archive = await bench.writer(bench.after);
      await archive.delete(backupObject(bench.place, id, 'manifest'));
      await bench.archiveFor(bench.after);
      await verifyBackup(archiveBackupSource(await bench.reader(bench.after), bench.place, id));
    }
  });

  test('P3 an incremental backup does not count on log that is for others', async () => {
    const bench = await Bench.open();
    await takeBackup(bench.database);
    await bench.write('first');
    await bench.archiveFor(bench.before);
    const { id, segments = [] } = await takeIncremental(bench.database);
    expect(segments.length).toBeGreaterThan(0);
    await bench.archiveFor(bench.before);
    const archive = await bench.writer(bench.after);
    for (const { name } of await archive.list(backupObject(bench.place, id, ''))) {
      await archive.delete(name);
    }
    await bench.archiveFor(bench.after);
    await verifyBackup(archiveBackupSource(await bench.reader(bench.after), bench.place, id));
  });

  test('P8 the open segment is sent anew from its beginning, and its old pieces go', async () => {
    const bench = await Bench.open();
    await bench.model.put('a', '1');
    await takeBackup(bench.database);
    for (const key of ['b', 'c']) {
      await bench.model.put(key, '1');
      await bench.archiveFor(bench.before);
    }
    await takeBackup(bench.database);
    for (const key of ['d', 'e']) {
      await bench.model.put(key, '1');
      await bench.archiveFor(bench.before);
    }
    const pieces = async () => (await bench.names()).filter((name) => name.endsWith('.part'));
    const before = await pieces();
    expect(before.length).toBeGreaterThan(1);
    // Nothing was written since, and then something.
    for (let round = 0; round < 2; round++) {
      await bench.archiveFor(bench.after);
      const reader = await bench.writer(bench.after);
      for (const name of await pieces()) expect(await reader.isForRecipients(name)).toBe(true);
      await bench.expectRestored(bench.before, { kind: 'none' });
      await bench.model.put('f', '1');
    }
  });

  test('P10 tables of both kinds go when nothing needs them any more, and no sooner', async () => {
    let ahead = 0;
    const clock = { ...env.clock, now: () => env.clock.now() + ahead };
    const bench = await Bench.open({ ...env, clock });
    await bench.database.system.setSettings({ backupGenerations: 1, archiveKeepHours: 2 });
    await bench.write('first');
    await takeBackup(bench.database, { form: 'physical' });
    await bench.archiveFor(bench.before);
    const second = await takeBackup(bench.database, { form: 'physical' });
    await bench.archiveFor(bench.after);
    await bench.write('second');
    const third = await takeBackup(bench.database, { form: 'physical' });
    await bench.archiveFor(bench.after);
    const tablesBelow = async (): Promise<Map<string, number>> => {
      const counts = new Map<string, number>();
      for (const name of await bench.names()) {
        const match = /\/tables\/([0-9a-f]{16})\//.exec(name);
        const set = match?.[1];
        if (set !== undefined) counts.set(set, (counts.get(set) ?? 0) + 1);
      }
      return counts;
    };
    expect((await tablesBelow()).size).toBe(2);
    await expireBackups(bench.database);
    const archive = await bench.writer(bench.after);
    const given = { database: bench.database, archive, place: bench.place };
    for (let round = 0; round < 4; round++) {
      await expireArchive(given);
      ahead += 3 * 3_600_000;
    }
    expect((await listArchivedBackups(archive, bench.place)).map(({ id }) => id)).toEqual([
      third.id,
    ]);
    expect((await tablesBelow()).size).toBe(1);
    expect((await bench.names()).filter((name) => name.includes(second.id))).toEqual([]);
    await bench.expectRestored(bench.after, { kind: 'all' });
  });

  test('P9 P10 expiry with the new identity alone keeps what it cannot read, and does not call it damaged', async () => {
    const bench = await Bench.open();
    await bench.database.system.setSettings({ backupGenerations: 1, archiveKeepHours: 0 });
    await bench.write('first');
    const old = await takeBackup(bench.database, { form: 'physical' });
    await bench.archiveFor(bench.before);
    await takeBackup(bench.database, { form: 'physical' });
    await bench.archiveFor(bench.after);
    await expireBackups(bench.database);
    const archive = await bench.reader(bench.after);
    const report = await expireArchive({ database: bench.database, archive, place: bench.place });
    const { keeps, reasons } = report.decisions.find(({ id }) => id === old.id) ?? {};
    expect(keeps).toBe(true);
    expect(reasons?.join()).toContain('encrypted for others');
    expect(reasons?.join()).not.toContain('damaged');
    await bench.expectRestored(bench.before, { kind: 'none' }, old.id);
  });

  test('P9 a verification with the new identity alone says what it could not read, and calls nothing damaged', async () => {
    const bench = await Bench.open();
    await bench.write('first');
    const old = await takeBackup(bench.database, { form: 'physical' });
    await bench.archiveFor(bench.before);
    const young = await takeBackup(bench.database, { form: 'physical' });
    await bench.write('second');
    await bench.archiveFor(bench.after);
    const archive = await bench.reader(bench.after);
    const checks = await verifyArchive({
      env,
      archive,
      name: 'orders',
      pattern: null,
      history: null,
      deep: false,
    });
    const of = (id: string) =>
      checks.filter(({ subject }) => subject === id).map(({ check, verdict }) => [check, verdict]);
    expect(checks.filter(({ verdict }) => verdict === 'damaged')).toEqual([]);
    expect(of(young.id)).toEqual([
      ['files', 'verified'],
      ['chain', 'verified'],
    ]);
    expect(of(old.id)).toEqual([['files', 'unverified']]);
  });
});

test('P9 an archive that is not encrypted does not become one, and no backup for recipients counts on its tables', async () => {
  const bench = await Bench.open();
  await bench.write('first');
  await takeBackup(bench.database, { form: 'physical' });
  const plain = () =>
    openArchive({ env, address: bench.folder, environment: {}, encryption: null, create: true });
  const archiver = await archiverOf({
    database: bench.database,
    folder: bench.folder,
    open: plain,
  });
  archiver.start();
  await archiver.settle();
  await archiver.stop();
  const error = await bench.writer(bench.after).catch((cause: unknown) => cause);
  expect(isPaminaError(error, 'ARCHIVE_ENCRYPTION')).toBe(true);
  // As if somebody had rewritten the marker by hand.
  const marker = '{"pamina":"archive","formatVersion":1,"encryption":"age"}\n';
  await writeFile(join(bench.folder, 'pamina-archive'), marker);
  const { id } = await takeBackup(bench.database, { form: 'physical' });
  const { signal } = new AbortController();
  const archive = await bench.writer(bench.after);
  const folder = join(backupsFolderOf(bench.database.folder), id);
  await copyBackup({ env, archive, place: bench.place, signal }, folder, id);
  await verifyBackup(archiveBackupSource(await bench.reader(bench.after), bench.place, id));
});
