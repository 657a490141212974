// Backups are taken while writers go on, stand at exactly one position, and leave nothing half.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeControl } from '@pamina/engine';
import { RecordKind, decodeBody } from '@pamina/format';
import { listBackups, restore, takeBackup, verifyBackup, folderSource } from '../src/index.js';
import {
  DyingDisk,
  Model,
  env,
  filesBelow,
  newDatabase,
  openDatabase,
  temporaryFolder,
  userEntries,
} from './support.js';

const backupsOf = (folder: string): string => join(folder, 'backups');

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
}

test('P2 P3 a backup under concurrent writers holds exactly the state at its position', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  for (let i = 0; i < 300; i++) await model.put(`before-${i % 50}`, `value ${i}`);
  const done = new AbortController();
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let i = 0; !done.signal.aborted || i < 50; i++) {
      await model.commit([
        { type: 'put', key: `left-${writer}-${i % 40}`, value: `${i}`.repeat(200) },
        { type: 'put', key: `right-${writer}-${i % 40}`, value: `${i}`.repeat(200) },
        { type: 'del', key: `before-${(i * 7 + writer) % 50}` },
      ]);
    }
  });
  const first = await takeBackup(database, { tag: 'first' });
  const second = await takeBackup(database);
  done.abort();
  await Promise.all(writers);

  expect(second.position.seq).toBeGreaterThan(first.position.seq);
  expect(database.durable().seq).toBeGreaterThan(second.position.seq);
  for (const manifest of [first, second]) {
    expect(manifest.stateHash).toBe(model.hashAt(manifest.position.seq));
    const folder = join(await temporaryFolder(), 'copy');
    const source = folderSource(env, join(backupsOf(database.folder), manifest.id));
    await restore({ env, source, folder, name: 'copy' });
    const copy = await openDatabase(folder, { access: 'read' });
    expect(await userEntries(copy)).toEqual(model.at(manifest.position.seq));
    expect(copy.applied()).toMatchObject({ seq: manifest.position.seq, chain: manifest.chain });
  }
});

test('P4 the mark stands at the position, bears the id and the tag, and ends its segment', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  await model.put('a', '1');
  const writing = Promise.all(Array.from({ length: 20 }, (_, i) => model.put(`b${i}`, 'x')));
  const manifest = await takeBackup(database, { tag: 'nightly' });
  await writing;
  await model.put('c', '2');
  const { seq, timeline } = manifest.position;
  expect(manifest.id).toBe(`${String(seq).padStart(16, '0')}-${timeline}`);
  for await (const record of database.log.records(seq, seq)) {
    expect(record.header.kind).toBe(RecordKind.mark);
    const body = decodeBody(RecordKind.mark, record.body.slice());
    expect(body).toEqual({ backup: manifest.id, tag: 'nightly' });
    expect(record.header.checksum).toBe(manifest.chain);
  }
  expect(database.log.segments().some((segment) => segment.firstSeq === seq + 1)).toBe(true);
  expect(manifest).toMatchObject({
    kind: 'full',
    database: 'orders',
    pattern: database.identity.pattern,
    session: database.session,
    timelines: database.timelines,
  });
});

test('P10 the first backup makes retention keep the log behind it, and that since the initial one', async () => {
  const database = await newDatabase();
  expect(database.control.keepFromSeq).toBe(null);
  const manifest = await takeBackup(database);
  expect(manifest.position.seq).toBeGreaterThan(1);
  expect(database.control.keepFromSeq).toBe(database.log.firstSeq);
});

test('a tag names one backup and must be one', async () => {
  const database = await newDatabase();
  await takeBackup(database, { tag: 'monthly' });
  await expect(takeBackup(database, { tag: 'monthly' })).rejects.toMatchObject({
    code: 'TAG_TAKEN',
  });
  await expect(takeBackup(database, { tag: 'initial' })).rejects.toMatchObject({
    code: 'TAG_TAKEN',
  });
  await expect(takeBackup(database, { tag: '../x' })).rejects.toMatchObject({
    code: 'TAG_INVALID',
  });
  expect(await listBackups(env, backupsOf(database.folder))).toHaveLength(2);
});

test('one backup of a database at a time, wherever it goes', async () => {
  const database = await newDatabase();
  const first = takeBackup(database);
  await expect(takeBackup(database)).rejects.toMatchObject({ code: 'BACKUP_RUNNING' });
  const destination = await temporaryFolder();
  await expect(takeBackup(database, { destination })).rejects.toMatchObject({
    code: 'BACKUP_RUNNING',
  });
  await first;
  await takeBackup(database, { destination });
  expect(await namesIn(destination)).toHaveLength(1);
});

test('a folder of backups that somebody else writes to is refused', async () => {
  const database = await newDatabase();
  const lock = join(backupsOf(database.folder), '.backups.lock');
  const release = await env.disk.lockFile(lock, { waitMs: 0 });
  await expect(takeBackup(database)).rejects.toMatchObject({ code: 'BACKUP_RUNNING' });
  await release();
  await takeBackup(database);
});

test('P8 an aborted backup leaves nothing behind', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  for (let i = 0; i < 8; i++) await model.put(`key-${i}`, Buffer.alloc(700_000, i));
  const controller = new AbortController();
  const reason = new Error('enough');
  const running = takeBackup(database, {
    signal: controller.signal,
    compression: 'none',
    onProgress: () => controller.abort(reason),
  });
  await expect(running).rejects.toBe(reason);
  expect(await namesIn(backupsOf(database.folder))).toEqual(['initial']);
  const events = await database.jobLog.tail(10);
  expect(events.at(-1)).toMatchObject({ level: 'error', event: 'backup-failed' });
  await takeBackup(database);
});

test('P8 a backup that dies at any step leaves the old ones or a whole new one, and the next removes the rest', async () => {
  const disk = new DyingDisk();
  const database = await newDatabase();
  const model = new Model(database);
  await model.put('a', Buffer.alloc(1_200_000, 1));
  await model.put('b', Buffer.alloc(1_200_000, 2));
  // Only what the backup does goes over the dying disk: the database itself stays alive.
  const dying = new Proxy(database, {
    get: (target, name) => {
      if (name === 'env') return disk.env;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value as () => void).bind(target) : value;
    },
  });
  let whole = 1;
  for (let step = 1; ; step++) {
    disk.arm(step);
    const outcome = await takeBackup(dying).then(
      () => 'taken',
      () => 'died',
    );
    const listed = await listBackups(env, backupsOf(database.folder));
    expect(listed.every((backup) => backup.problem === null)).toBe(true);
    for (const backup of listed) {
      await verifyBackup(folderSource(env, backup.folder));
    }
    expect(listed.length - whole).toBeLessThanOrEqual(1);
    whole = listed.length;
    if (outcome === 'taken') break;
    expect(step).toBeLessThan(100);
  }
  const names = await namesIn(backupsOf(database.folder));
  expect(names.filter((name) => name.endsWith('.partial'))).toEqual([]);
});

test('progress rises to the size of the state, with the backup before as the estimate', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  for (let i = 0; i < 6; i++) await model.put(`key-${i}`, Buffer.alloc(600_000, i));
  const first: number[] = [];
  const manifest = await takeBackup(database, {
    onProgress: ({ done, total, rawBytes }) => {
      expect(total).toBe(null);
      expect(done).toBe(rawBytes);
      first.push(done);
    },
  });
  expect(first.at(-1)).toBe(manifest.rawBytes);
  expect(first).toEqual(first.toSorted((a, b) => a - b));
  await takeBackup(database, {
    onProgress: ({ total }) => expect(total).toBe(manifest.rawBytes),
  });
});

test('what does not shrink is stored as it is, and the rest is compressed', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  await model.put('a', env.random.bytes(1_500_000));
  await model.put('b', Buffer.alloc(1_500_000));
  const manifest = await takeBackup(database);
  const [random, zeros] = manifest.chunks;
  expect(random?.bytes).toBe((random?.rawBytes ?? 0) + 36);
  expect(zeros?.bytes).toBeLessThan((zeros?.rawBytes ?? 0) / 100);
  const plain = await takeBackup(database, { compression: 'none' });
  expect(plain.chunks.map(({ bytes, rawBytes }) => bytes - rawBytes)).toEqual([36, 36]);
  expect(plain.stateHash).toBe(manifest.stateHash);
});

test('P13 a value of 20 MiB makes one large chunk and comes back', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  await model.put('huge', Buffer.concat([env.random.bytes(1_000_000), Buffer.alloc(20 * 2 ** 20)]));
  await model.put('small', 'x');
  const manifest = await takeBackup(database);
  expect(manifest.stateHash).toBe(model.hashAt(manifest.position.seq));
  const source = folderSource(env, join(backupsOf(database.folder), manifest.id));
  expect((await verifyBackup(source)).stateHash).toBe(manifest.stateHash);
});

test('a database that is only read is backed up without a record, each backup under an id of its own', async () => {
  const database = await newDatabase();
  await new Model(database).put('a', '1');
  const { folder } = database;
  await database.close();
  const reader = await openDatabase(folder, { access: 'read' });
  const durable = reader.durable();
  const first = await takeBackup(reader);
  const second = await takeBackup(reader);
  expect(reader.durable()).toEqual(durable);
  expect(first.position).toEqual({ timeline: durable.timeline, seq: durable.seq });
  expect(second.position).toEqual(first.position);
  expect(second.id).toBe(`${first.id}-2`);
  expect(second.stateHash).toBe(first.stateHash);
});

test('P3 a replica is backed up as it stands, with its history and nothing written', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  await model.put('a', '1');
  const manifest = await takeBackup(database);
  const folder = join(await temporaryFolder(), 'copy');
  const source = folderSource(env, join(backupsOf(database.folder), manifest.id));
  const control = await restore({ env, source, folder, name: 'copy' });
  await writeControl(env.disk, folder, { ...control, type: 'replica', master: 'orders' });
  const replica = await openDatabase(folder);
  const own = await takeBackup(replica, { tag: 'replica' });
  expect(replica.durable().seq).toBe(manifest.position.seq);
  expect(own).toMatchObject({
    position: manifest.position,
    chain: manifest.chain,
    pattern: manifest.pattern,
    timelines: manifest.timelines,
    session: manifest.session,
    stateHash: manifest.stateHash,
    database: 'copy',
  });
  expect(replica.control.keepFromSeq).toBe(manifest.position.seq + 1);
});

test('P9 a disk without room refuses the backup before it begins', async () => {
  const full = { ...env, disk: { ...env.disk, freeBytes: () => Promise.resolve(10) } };
  const database = await newDatabase({ env: full });
  const model = new Model(database);
  await model.put('a', env.random.bytes(10_000));
  await takeBackup(database);
  const seq = database.durable().seq;
  const { folder } = database;
  await database.close();
  const again = await openDatabase(folder, { env: full });
  await expect(takeBackup(again)).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(again.durable().seq).toBe(seq + 1);
});

test('the state of an empty database makes a backup without chunks', async () => {
  const database = await newDatabase();
  const manifest = await takeBackup(database);
  expect(manifest.chunks).toEqual([]);
  const files = await filesBelow(join(backupsOf(database.folder), manifest.id));
  expect([...files.keys()]).toEqual(['manifest']);
});

test('P9 a store that was damaged in silence since the last backup gives no new one', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  await model.put('a', 'one');
  await model.put('b', 'two');
  const { id } = await takeBackup(database);
  // As a flipped bit does it: LevelDB shows another value and no error.
  await database.store.level.put(Buffer.from('\u0002a'), Buffer.from('0ne'));
  await expect(takeBackup(database)).rejects.toThrow(
    expect.objectContaining({ code: 'STATE_HASH_MISMATCH' }),
  );
  const listed = await listBackups(env, join(database.folder, 'backups'));
  expect(listed.map((backup) => backup.id)).toEqual([id, 'initial']);
  await model.put('a', 'one');
  // It may have lost more than that.
  await expect(takeBackup(database)).rejects.toMatchObject({ code: 'STORE_REFUTED' });
});
