// The state hash of a physical backup is known only behind it: the archive gets it when it comes, and proves
// with it, alone, what is restored from there.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Archive } from '@pamina/archive';
import type { Database } from '@pamina/engine';
import type { BackupManifest } from '@pamina/format';
import { describe, expect, test } from 'vitest';
import { listArchivedBackups } from '../../src/archiver/archive-backups.js';
import { backupObject, type ArchivePlace } from '../../src/archiver/archive-layout.js';
import { archivePlace } from '../../src/archiver/archive-place.js';
import { expireArchive } from '../../src/archiver/expire-archive.js';
import {
  expireBackups,
  planRecovery,
  recoverTo,
  takeBackup,
  verifyArchive,
} from '../../src/index.js';
import { env, newDatabase, temporaryFolder } from '../support.js';
import { archiverOf, placeOf, watchedArchive } from './bench.js';

interface Bench {
  readonly database: Database;
  readonly folder: string;
  readonly archive: Archive;
  readonly place: ArchivePlace;
  readonly first: BackupManifest;
}

/** Archived before the state of the backup was read through, and after it. */
async function audited(between: () => Promise<void> = () => Promise.resolve()): Promise<Bench> {
  const database = await newDatabase();
  const folder = await temporaryFolder();
  for (let at = 0; at < 50; at++) await database.put(`key${at}`, `${at}`);
  const archiver = await archiverOf({ database, folder });
  archiver.start();
  let isAudited = false;
  const onAudited = (): void => {
    isAudited = true;
    archiver.backupsChanged();
  };
  const first = await takeBackup(database, { form: 'physical', onAudited });
  await archiver.settle();
  await between();
  await expect.poll(() => isAudited, { timeout: 20_000 }).toBe(true);
  await archiver.settle();
  await archiver.stop();
  return {
    database,
    folder,
    archive: await watchedArchive(folder),
    place: placeOf(database),
    first,
  };
}

const noteIn = ({ first, folder, place }: Bench): string =>
  join(folder, backupObject(place, first.id, 'audit.json'));

describe('what the audit of a physical backup recorded', () => {
  test('P3 P9 is in the archive, and a restore from there alone proves the state by it', async () => {
    const bench = await audited();
    const { archive, database, first, folder, place } = bench;
    const own = await readFile(join(database.folder, 'backups', first.id, 'audit.json'));
    expect(Buffer.compare(await readFile(noteIn(bench)), own)).toBe(0);
    const [listed] = await listArchivedBackups(archive, place);
    const hash = listed?.stateHash ?? null;
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    // Nothing else knows the hash: the log that recorded it is gone.
    await rm(join(folder, place.database, place.pattern, 'log'), { recursive: true });
    const source = await archivePlace(archive, { name: 'orders', pattern: null });
    const plan = await planRecovery({ place: source, target: { kind: 'none' } });
    const copy = join(await temporaryFolder(), 'copy');
    const recovered = await recoverTo({ env, plan, folder: copy, name: 'copy' });
    expect(recovered).toMatchObject({ stateHash: hash, isProven: true });
  });

  test('P9 that does not fit what is restored stops the restore', async () => {
    const bench = await audited();
    // As a backup whose files are whole, and were wrong from the beginning.
    const { writeRecordedAudit } = await import('../../src/recorded-audit.js');
    const forged = { stateHash: '00'.repeat(32), entries: 1, rawBytes: 1 };
    const there = await temporaryFolder();
    const record = { timeline: 1, seq: 1 };
    await writeRecordedAudit(env.disk, there, bench.first, { ...forged, record });
    await writeFile(noteIn(bench), await readFile(join(there, 'audit.json')));
    const source = await archivePlace(bench.archive, { name: 'orders', pattern: null });
    const plan = await planRecovery({ place: source, target: { kind: 'none' } });
    const folder = join(await temporaryFolder(), 'copy');
    await expect(recoverTo({ env, plan, folder, name: 'copy' })).rejects.toMatchObject({
      code: 'STATE_HASH_MISMATCH',
    });
  });

  test('P9 that cannot be read, or is of another backup, is as if it were not there', async () => {
    const bench = await audited();
    const whole = await readFile(noteIn(bench), 'utf8');
    for (const spoiled of ['', 'nonsense', whole.replace(bench.first.id, '0000000000000001-1')]) {
      await writeFile(noteIn(bench), spoiled);
      const [listed] = await listArchivedBackups(bench.archive, bench.place);
      expect(listed).toMatchObject({ stateHash: null, problem: null });
    }
  });

  test('is not sent twice, and goes with its backup', async () => {
    const bench = await audited();
    const { archive, database, first, folder, place } = bench;
    const calls: string[] = [];
    const again = await archiverOf({ database, folder, calls });
    again.start();
    await again.settle();
    again.backupsChanged();
    await again.settle();
    await again.stop();
    expect(calls.filter((call) => call.startsWith('put'))).toEqual([]);
    const checks = await verifyArchive({
      env,
      archive,
      name: 'orders',
      pattern: null,
      history: null,
      deep: true,
    });
    expect(new Set(checks.map(({ verdict }) => verdict))).toEqual(new Set(['verified']));
    await database.system.setSettings({ backupGenerations: 1, archiveKeepHours: 0 });
    await takeBackup(database, { form: 'physical', audit: false });
    const last = await archiverOf({ database, folder });
    last.start();
    await last.settle();
    await last.stop();
    await expireBackups(database);
    await expireArchive({ database, archive, place });
    expect(await archive.list(backupObject(place, first.id, ''))).toEqual([]);
  });
});
