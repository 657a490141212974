// A disk that becomes full in the middle of a backup or a restore. A file system of limited size needs
// root; where it cannot be mounted the tests are listed as not run.
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  folderSource,
  listBackups,
  restore,
  takeBackup,
  takeIncremental,
  verifyBackup,
} from '@pamina/backup';
import { Database, createDatabase } from '@pamina/engine';
import { nodeEnv, type Env } from '@pamina/env';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Image } from '../../scripts/torture/image.js';
import { lackingFor } from '../../scripts/torture/machine.js';
import { Workplace } from '../../scripts/torture/workplace.js';

const mebibyte = 1024 * 1024;
const env = nodeEnv();
/** Nobody is warned: the space that was free at the start is taken by others meanwhile. */
const unwarned: Env = { ...env, disk: { ...env.disk, freeBytes: () => Promise.resolve(2 ** 50) } };
const isLacking = lackingFor('tmpfs') !== null;

let workplace: Workplace;
let folder: string;
let database: Database;

beforeEach(async () => {
  if (isLacking) return;
  workplace = await Workplace.open();
  folder = workplace.path('orders');
  await createDatabase(folder, { env, name: 'orders' });
  database = await Database.open(folder, { env: unwarned, segmentBytes: mebibyte });
  for (let at = 0; at < 12; at += 1) await database.put(`key-${at}`, randomBytes(mebibyte));
});

afterEach(async () => {
  if (isLacking) return;
  await database.close();
  await workplace.close();
});

/** A place with room for about a third of it. */
function small(): string {
  return Image.make(workplace, 'tmpfs', 5 * mebibyte).mount;
}

const notLocked = (names: readonly string[]): string[] =>
  names.filter((name) => !name.startsWith('.'));

it.skipIf(isLacking)(
  'P8 P9 a backup to a disk that becomes full half-way leaves nothing there, and the database goes on',
  async () => {
    const destination = small();
    for (const form of ['logical', 'physical'] as const) {
      const taking = takeBackup(database, { destination, form, compression: 'none' });
      await expect(taking).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(notLocked(await readdir(destination))).toEqual([]);
    }
    await database.put('afterwards', 'x');
    const whole = await takeBackup(database);
    await verifyBackup(folderSource(env, join(folder, 'backups', whole.id)));
  },
);

it.skipIf(isLacking)(
  'P8 P9 an incremental backup to a disk that becomes full half-way leaves nothing there',
  async () => {
    const destination = small();
    const empty = workplace.path('empty');
    await createDatabase(empty, { env, name: 'empty' });
    const other = await Database.open(empty, { env: unwarned, segmentBytes: mebibyte });
    try {
      const full = await takeBackup(other, { destination });
      for (let at = 0; at < 12; at += 1) await other.put(`key-${at}`, randomBytes(mebibyte));
      const taking = takeIncremental(other, { destination });
      await expect(taking).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(notLocked(await readdir(destination))).toEqual([full.id]);
      const listed = await listBackups(env, destination);
      expect(listed.map(({ id, problem }) => [id, problem])).toEqual([[full.id, null]]);
    } finally {
      await other.close();
    }
  },
);

it.skipIf(isLacking)(
  'P8 P9 a restore to a disk that becomes full half-way leaves nothing there, and the backup as it was',
  async () => {
    for (const form of ['logical', 'physical'] as const) {
      const { id } = await takeBackup(database, { form });
      const source = folderSource(env, join(folder, 'backups', id));
      const target = Image.make(workplace, 'tmpfs', 5 * mebibyte);
      const to = join(target.mount, 'copy');
      const restoring = restore({ env: unwarned, source, folder: to, name: 'copy' });
      await expect(restoring).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(notLocked(await readdir(target.mount))).toEqual([]);
      await verifyBackup(source);
      target.remove();
    }
  },
);
