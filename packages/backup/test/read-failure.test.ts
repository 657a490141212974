// A backup that the disk does not give is not a bad one: what is refused for want of it is refused with the
// failure of the disk, and nothing else is.
import { openArchive } from '@pamina/archive';
import type { Env } from '@pamina/env';
import { PaminaError } from '@pamina/format';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { archivePlace } from '../src/archiver/archive-place.js';
import { copyBackups } from '../src/archiver/copy-backups.js';
import { findBackup, listBackups } from '../src/backup-list.js';
import { backupToFollow } from '../src/follow/backup-to-follow.js';
import { folderPlace, planRecovery, takeBackup, takeIncremental } from '../src/index.js';
import { planRebuild } from '../src/rebuild.js';
import { env, newDatabase, openDatabase, temporaryFolder } from './support.js';

/** Manifests of these backups cannot be read; of none others, and nothing else is in the way. */
function failingAt(...ids: readonly string[]): Env {
  const refuse = (path: string): void => {
    const isIt = ids.some((id) => path.endsWith(join(id, 'manifest')));
    if (isIt) throw new PaminaError('DISK_ERROR', `cannot open ${path} (EIO)`);
  };
  const { disk } = env;
  return {
    ...env,
    disk: {
      ...disk,
      open(path, mode) {
        refuse(path);
        return disk.open(path, mode);
      },
      readFile(path) {
        refuse(path);
        return disk.readFile(path);
      },
      readFileIfPresent(path) {
        refuse(path);
        return disk.readFileIfPresent(path);
      },
    },
  };
}

async function twoBackups() {
  const database = await newDatabase();
  await database.put('key', 'one');
  const first = await takeBackup(database, { tag: 'first' });
  await database.put('key', 'two');
  const second = await takeBackup(database, { tag: 'second' });
  const folder = join(database.folder, 'backups');
  return { database, first, folder, second };
}

const isTold = { code: 'DISK_ERROR', exitStatus: 7 };

test('P9 a recovery that lacks a backup which could not be read says what the disk said', async () => {
  const { database, first, second } = await twoBackups();
  await database.close();
  const planAt = async (failing: readonly string[], position = first.position, backup?: string) => {
    const place = await folderPlace(failingAt(...failing), database.folder);
    return planRecovery({ place, target: { kind: 'position', position }, backup });
  };
  await expect(planAt(['initial', first.id])).rejects.toMatchObject(isTold);
  await expect(planAt(['initial', first.id])).rejects.toThrow(
    /backup initial could not be read: cannot open .* \(EIO\); without it: position 1\//,
  );
  await expect(planAt([second.id], second.position, second.id)).rejects.toMatchObject(isTold);
  // Another one leads there too.
  const { backup } = await planAt([second.id], second.position);
  expect(backup.id).toBe(first.id);
});

test('P9 the newest backup is not one that is only the newest which could be read', async () => {
  const { database, first, second } = await twoBackups();
  await database.close();
  const place = await folderPlace(failingAt(second.id), database.folder);
  const target = { kind: 'none' } as const;
  await expect(planRecovery({ place, target })).rejects.toMatchObject(isTold);
  const named = await planRecovery({ place, target, backup: 'first' });
  expect(named.backup.id).toBe(first.id);
});

test('P9 an incremental backup whose log is needed and cannot be read is no gap', async () => {
  const { database, folder, second } = await twoBackups();
  await database.put('key', 'three');
  const incremental = await takeIncremental(database, {});
  const { position } = incremental;
  await database.close();
  for (const id of [incremental.id, second.id]) {
    const failing = failingAt(id);
    const listed = await listBackups(failing, folder);
    const { problem } = listed.find((one) => one.id === incremental.id) ?? {};
    expect(problem).toMatchObject(isTold);
    const place = await folderPlace(failing, folder);
    const target = { kind: 'position', position } as const;
    await expect(planRecovery({ place, target })).rejects.toMatchObject(isTold);
  }
});

test('P9 who looks for any good backup hears of the disk where that hides them', async () => {
  const { database, first, folder, second } = await twoBackups();
  const failing = failingAt(first.id, second.id);
  await expect(findBackup(failing, folder, null)).rejects.toMatchObject(isTold);
  await expect(findBackup(failing, folder, 'first')).rejects.toMatchObject(isTold);
  await database.close();
  const writer = await openDatabase(database.folder, { env: failing });
  await expect(takeIncremental(writer, {})).rejects.toMatchObject(isTold);
  await writer.close();
});

test('P9 a store is not called beyond rebuilding for a backup that could not be read', async () => {
  const { database, first, second } = await twoBackups();
  await database.close();
  const failing = failingAt('initial', first.id, second.id);
  const rebuilding = planRebuild({ env: failing, folder: database.folder });
  await expect(rebuilding).rejects.toMatchObject(isTold);
});

test('P9 an archive whose disk fails is not an archive without a good backup', async () => {
  const { database, first, folder, second } = await twoBackups();
  const address = await temporaryFolder();
  const pattern = database.identity.pattern ?? '';
  const place = { database: database.control.name, pattern };
  const open = (of: Env) =>
    openArchive({ env: of, address, environment: {}, encryption: null, create: true });
  const { signal } = new AbortController();
  const copy = { env, place, folder, known: new Set<string>(), beside: new Set<string>() };
  await copyBackups({ ...copy, archive: await open(env), isFirst: true, signal });
  const archive = await open(failingAt(first.id, second.id));
  const recovery = await archivePlace(archive, { name: place.database, pattern });
  const planning = planRecovery({ place: recovery, target: { kind: 'all' } });
  await expect(planning).rejects.toMatchObject(isTold);
  await expect(backupToFollow(archive, place, signal)).rejects.toMatchObject(isTold);
});
