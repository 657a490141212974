// A physical backup that was copied to an archive before the reading of its state found the store damaged.
import { openArchive } from '@pamina/archive';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { archivePlace } from '../../src/archiver/archive-place.js';
import { listArchivedBackups } from '../../src/archiver/archive-backups.js';
import { copyBackups } from '../../src/archiver/copy-backups.js';
import { writeRecordedAudit } from '../../src/recorded-audit.js';
import { takeBackup } from '../../src/take-backup.js';
import { env, newDatabase, temporaryFolder } from '../support.js';

test('P9 it is bad in the archive too from then on, and no restore begins with it', async () => {
  const database = await newDatabase();
  await database.put('a', '1');
  const physical = { form: 'physical', audit: false } as const;
  const good = await takeBackup(database, physical);
  const bad = await takeBackup(database, physical);
  const folder = join(database.folder, 'backups');
  const address = await temporaryFolder();
  const options = { env, address, environment: {}, encryption: null, create: true };
  const archive = await openArchive(options);
  const place = { database: database.control.name, pattern: database.identity.pattern ?? '' };
  const copy = { env, archive, place, folder, known: new Set<string>(), beside: new Set<string>() };
  const { signal } = new AbortController();
  await copyBackups({ ...copy, isFirst: true, signal });
  const problems = async () =>
    (await listArchivedBackups(archive, place)).map(({ id, problem }) => [id, problem?.code]);
  expect(await problems()).toEqual([
    [bad.id, undefined],
    [good.id, undefined],
  ]);

  const read = { stateHash: '00'.repeat(32), entries: 1, rawBytes: 1 };
  const noted = { ...read, record: null, differsFrom: good.id };
  await writeRecordedAudit(env.disk, join(folder, bad.id), bad, noted);
  for (let again = 0; again < 2; again++) await copyBackups({ ...copy, isFirst: false, signal });
  expect(await problems()).toEqual([
    [bad.id, 'STATE_HASH_MISMATCH'],
    [good.id, undefined],
  ]);
  const { name, pattern } = { name: place.database, pattern: place.pattern };
  const found = await (await archivePlace(archive, { name, pattern })).backups();
  expect(found.whole.map(({ id }) => id)).toEqual([good.id]);
});
