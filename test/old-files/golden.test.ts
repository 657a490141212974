// P15: what every released version wrote is read by this one, and goes on from where it was. A version
// gets its files by scripts/golden when it is released; they never change.
import { folderSource, listBackups } from '@pamina/backup';
import { version as thisVersion } from '@pamina/engine';
import { formatPosition, parsePosition } from '@pamina/format';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseDirectory } from '../../packages/directory/src/directory-content.js';
import { carryLog } from '../../scripts/golden/carry.js';
import { checksumsFile, listChecksums } from '../../scripts/golden/checksums.js';
import { describeBackup, describeDatabase } from '../../scripts/golden/description.js';
import { restoreAny } from '../../scripts/golden/restore-any.js';
import {
  copyOf,
  env,
  expectedOf,
  goldenVersions,
  openDatabase,
  withLaterSettings,
} from './golden.js';

test('P15 golden files are those that are in their list of checksums, no other and no more', async () => {
  expect(await listChecksums()).toBe(await readFile(checksumsFile, 'utf8'));
});

test('P15 this version has its files, with a backup of each form', async () => {
  const { backups } = await expectedOf(thisVersion);
  const forms = Object.values(backups).map(({ form }) => form);
  expect(new Set(forms)).toEqual(new Set(['logical', 'physical', null]));
});

describe.each(await goldenVersions())('files of version %s', (version) => {
  test('P15 each database opens to the position, history and content that it had', async () => {
    const { databases } = await expectedOf(version);
    const folder = await copyOf(version);
    expect(Object.keys(databases).length).toBeGreaterThan(0);
    for (const [name, expected] of Object.entries(databases)) {
      const database = await openDatabase(join(folder, name), 'read');
      expect(await describeDatabase(database), name).toEqual(withLaterSettings(database, expected));
      await database.close();
    }
  });

  test('P15 without its checkpoint each database replays all of its log and comes to the same', async () => {
    const { databases } = await expectedOf(version);
    const folder = await copyOf(version);
    for (const [name, expected] of Object.entries(databases)) {
      await env.disk.removeTree(join(folder, name, 'checkpoint.json'));
      const database = await openDatabase(join(folder, name), 'read');
      expect(await describeDatabase(database), name).toEqual(withLaterSettings(database, expected));
      await database.close();
    }
  });

  test('P15 a database goes on: the next commits have the next numbers and stay', async () => {
    const { databases } = await expectedOf(version);
    const folder = await copyOf(version);
    for (const [name, { type, position, entries, timelines }] of Object.entries(databases)) {
      if (type === 'replica') continue;
      const database = await openDatabase(join(folder, name));
      // A session record comes first.
      const { seq } = await database.commit([{ type: 'put', key: 'new', value: 'value' }]);
      expect(seq, name).toBe(parsePosition(position).seq + 2);
      expect(database.timelines.slice(0, timelines.length)).toEqual(timelines);
      await database.close();
      const again = await openDatabase(join(folder, name), 'read');
      const description = await describeDatabase(again);
      const added = Buffer.from('\x02new').toString('hex');
      expect(description.entries, name).toEqual({
        ...entries,
        [added]: Buffer.from('value').toString('hex'),
      });
      await again.close();
    }
  });

  test('P15 a replica goes on following: the rest of the log is received and both are equal', async () => {
    const { databases } = await expectedOf(version);
    const folder = await copyOf(version);
    const master = await openDatabase(join(folder, 'orders'));
    await master.commit([{ type: 'put', key: 'new', value: 'value' }]);
    const replica = await openDatabase(join(folder, 'orders-replica'));
    expect(replica.durable().seq).toBe(
      parsePosition(databases['orders-replica']?.position ?? '').seq,
    );
    expect(master.slots.list()).toMatchObject([{ name: 'orders-replica' }]);
    await carryLog(master, replica, 500);
    expect(formatPosition(replica.durable())).toBe(formatPosition(master.durable()));
    const [one, other] = [await describeDatabase(master), await describeDatabase(replica)];
    expect(other.stateHash).toBe(one.stateHash);
    expect(other.entries).toEqual(one.entries);
  });

  test('P15 each backup passes verify and restores to the state that it was taken of', async () => {
    const { backups } = await expectedOf(version);
    const folder = await copyOf(version);
    const place = join(folder, 'orders/backups');
    for (const [path, { restoredHash, ...expected }] of Object.entries(backups)) {
      const source = folderSource(env, join(folder, path));
      expect(await describeBackup(source), path).toMatchObject(expected);
      const target = join(folder, 'restored');
      await restoreAny(env, place, basename(path), target);
      const database = await openDatabase(target, 'read');
      const { stateHash, position } = await describeDatabase(database);
      expect({ stateHash, position }, path).toEqual({
        stateHash: restoredHash ?? expected.stateHash,
        position: expected.position,
      });
      await database.close();
      await env.disk.removeTree(target);
    }
    const listed = await listBackups(env, place);
    expect(listed.map(({ problem }) => problem)).toEqual(listed.map(() => null));
    expect(listed).toHaveLength(Object.keys(backups).length);
  });

  test('P15 the directory file is read', async () => {
    const folder = await copyOf(version);
    const path = join(folder, 'directory.json');
    const content = parseDirectory(await env.disk.readFile(path), path);
    expect([...content.keys()]).toEqual(['orders']);
  });
});
