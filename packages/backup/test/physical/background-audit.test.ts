// The state hash of a physical backup, computed behind it: recorded for replicas and restores, ended in
// good time, and never believed where it is not of this backup.
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Database } from '@pamina/engine';
import { RecordKind, decodeBody, type AuditBody, type BackupManifest } from '@pamina/format';
import {
  expireBackups,
  folderSource,
  listBackups,
  takeBackup,
  takeIncremental,
  verifyBackup,
  verifyFolder,
  verifyNamedBackup,
  type BackupDatabase,
  type StateEntry,
} from '../../src/index.js';
import { Model, env, flipByte, newDatabase, openDatabase, temporaryFolder } from '../support.js';

const physical = { form: 'physical' } as const;

const folderOf = (database: Database, { id }: BackupManifest): string =>
  join(database.folder, 'backups', id);
const noteOf = (database: Database, manifest: BackupManifest): string =>
  join(folderOf(database, manifest), 'audit.json');

interface Event {
  readonly level: string;
  readonly event: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

async function events(database: Database): Promise<Event[]> {
  await database.jobLog.settle();
  const text = await readFile(join(database.folder, 'job.log'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Event);
}

/** Resolves with the first event of that kind about the backup. */
async function eventOf(database: Database, event: string, { id }: BackupManifest): Promise<Event> {
  for (;;) {
    const found = (await events(database)).find(
      (one) => one.event === event && one.fields['backup'] === id,
    );
    if (found !== undefined) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const audited = (database: Database, manifest: BackupManifest): Promise<Event> =>
  eventOf(database, 'audit-recorded', manifest);

async function auditsIn(database: Database): Promise<AuditBody[]> {
  const found: AuditBody[] = [];
  for await (const { header, body } of database.log.records(database.log.firstSeq)) {
    if (header.kind === RecordKind.audit) found.push(decodeBody(RecordKind.audit, body));
  }
  return found;
}

async function verdicts(database: Database, { id }: BackupManifest): Promise<string[]> {
  const { folder } = database;
  const checks = await verifyNamedBackup({ env, folder, backup: id, deep: true, again: true });
  return checks.map(({ check, verdict }) => `${check} ${verdict}`);
}

/** Of the backup alone, as somebody would who was given a copy of its folder. */
async function verdictsAlone(database: Database, manifest: BackupManifest): Promise<string[]> {
  const folder = join(await temporaryFolder(), manifest.id);
  await cp(folderOf(database, manifest), folder, { recursive: true });
  const checks = await verifyFolder({ env, folder, deep: true });
  return checks.map(({ check, verdict }) => `${check} ${verdict}`);
}

/** The same database with states at its marks that never come to an end. */
function withEndlessStates(database: Database): BackupDatabase & { readonly closed: number } {
  let closed = 0;
  const mark: BackupDatabase['mark'] = async (...given) => {
    const placed = await database.mark(...given);
    async function* entries(): AsyncGenerator<StateEntry[]> {
      for (let at = 0; ; at++) {
        yield [[Buffer.from(at.toString().padStart(16, '0')), Buffer.alloc(1000)]];
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const close = (): Promise<void> => {
      closed++;
      return placed.snapshot.close();
    };
    return { ...placed, snapshot: { entries, close } };
  };
  return new Proxy(database, {
    get(target, name) {
      if (name === 'mark') return mark;
      if (name === 'closed') return closed;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  }) as unknown as BackupDatabase & { readonly closed: number };
}

test('P3 behind a physical backup the hash of exactly its state is recorded in the log and beside it', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  for (let i = 0; i < 300; i++) await model.put(`key-${i}`, `value ${i}`);
  const done = new AbortController();
  const writers = Array.from({ length: 3 }, async (_, writer) => {
    for (let i = 0; !done.signal.aborted; i++)
      await model.put(`key-${(i * 7 + writer) % 300}`, `${i}`);
  });
  const manifest = await takeBackup(database, physical);
  expect(manifest.stateHash).toBeNull();
  const { fields } = await audited(database, manifest);
  done.abort();
  await Promise.all(writers);
  const { seq } = manifest.position;
  const stateHash = model.hashAt(seq);
  expect(await auditsIn(database)).toEqual([{ backup: manifest.id, seq, stateHash }]);
  expect(fields).toMatchObject({ stateHash, record: expect.stringMatching(/^1\/\d+$/) as string });
  const [listed] = await listBackups(env, join(database.folder, 'backups'));
  expect(listed).toMatchObject({ id: manifest.id, stateHash, problem: null });
  await verifyBackup(folderSource(env, folderOf(database, manifest)));
});

test('P9 a real restore is held against the recorded hash, also where only the log or only the note has it', async () => {
  const database = await newDatabase();
  for (let i = 0; i < 50; i++) await database.put(`key-${i}`, `${i}`);
  const manifest = await takeBackup(database, physical);
  await audited(database, manifest);
  const good = ['files verified', 'chain verified', 'restore verified'];
  expect(await verdicts(database, manifest)).toEqual(good);
  const note = await readFile(noteOf(database, manifest));
  await rm(noteOf(database, manifest));
  expect(await verdicts(database, manifest)).toEqual(good);
  await writeFile(noteOf(database, manifest), note);
  expect(await verdictsAlone(database, manifest)).toEqual(['files verified', 'restore verified']);
});

test('P9 a note that is damaged, of another backup or wrong makes no backup good', async () => {
  const database = await newDatabase();
  await database.put('a', '1');
  const first = await takeBackup(database, physical);
  await audited(database, first);
  await database.put('b', '2');
  const second = await takeBackup(database, physical);
  await audited(database, second);
  const own = await readFile(noteOf(database, second));
  // Of another state: what it says is not looked at, and nothing is left to compare with.
  await writeFile(noteOf(database, second), await readFile(noteOf(database, first)));
  const [listed] = await listBackups(env, join(database.folder, 'backups'));
  expect(listed).toMatchObject({ id: second.id, stateHash: null, problem: null });
  expect(await verdictsAlone(database, second)).toEqual(['files verified', 'restore unverified']);
  await writeFile(noteOf(database, second), own);
  await flipByte(noteOf(database, second), own.indexOf('stateHash') + 20);
  expect(await verdictsAlone(database, second)).toEqual(['files verified', 'restore unverified']);
});

test('P8 what a crash leaves of a note makes no backup bad, and the log has the hash all the same', async () => {
  const database = await newDatabase();
  await database.put('a', '1');
  const manifest = await takeBackup(database, physical);
  await audited(database, manifest);
  const note = noteOf(database, manifest);
  const bytes = await readFile(note);
  await rm(note);
  await writeFile(`${note}.tmp-0123456789abcdef`, bytes.subarray(0, 100));
  const [listed] = await listBackups(env, join(database.folder, 'backups'));
  expect(listed).toMatchObject({ id: manifest.id, stateHash: null, problem: null });
  expect(await verdicts(database, manifest)).toEqual([
    'files verified',
    'chain verified',
    'restore verified',
  ]);
  // Anything else that the manifest does not name is refused as ever.
  await writeFile(join(folderOf(database, manifest), 'audit.json.old'), bytes);
  await expect(verifyBackup(folderSource(env, folderOf(database, manifest)))).rejects.toMatchObject(
    { code: 'BACKUP_INVALID' },
  );
});

test('P3 P9 a master damaged in silence, and nothing committed since the last audit: an error, and no hash is recorded', async () => {
  const database = await newDatabase();
  for (let i = 0; i < 50; i++) await database.put(`key-${i}`, `${i}`);
  const first = await takeBackup(database, physical);
  await audited(database, first);
  await database.store.level.del(Buffer.from('\u0002key-7'));
  const second = await takeBackup(database, physical);
  expect(await eventOf(database, 'audit-failed', second)).toMatchObject({
    level: 'error',
    fields: { code: 'STATE_HASH_MISMATCH' },
  });
  expect(await auditsIn(database)).toHaveLength(1);
  // It was published before that was known; from now on it counts for nothing, and the good one stays.
  const listed = await listBackups(env, join(database.folder, 'backups'));
  expect(listed.map(({ id, problem }) => [id, problem?.code ?? null])).toEqual([
    [second.id, 'STATE_HASH_MISMATCH'],
    [first.id, null],
    ['initial', null],
  ]);
  await expireBackups(database, { generations: 1 });
  expect((await listBackups(env, join(database.folder, 'backups')))[1]?.id).toBe(first.id);
  expect(await verdicts(database, second)).toEqual(['files damaged']);
  expect(await verdictsAlone(database, second)).toEqual(['files verified', 'restore unverified']);
  await expect(takeBackup(database)).rejects.toMatchObject({ code: 'STORE_REFUTED' });
});

test('P13 the next full backup and closing end the reading, and say so; an incremental one does not', async () => {
  const database = await newDatabase();
  const endless = withEndlessStates(database);
  await database.put('a', '1');
  const first = await takeBackup(endless, physical);
  await database.put('b', '2');
  await takeIncremental(endless, {});
  expect((await events(database)).map(({ event }) => event)).not.toContain('audit-ended');
  const second = await takeBackup(endless, physical);
  expect(endless.closed).toBe(2);
  await database.close();
  expect(endless.closed).toBe(3);
  const ended = (await events(database)).filter(({ event }) => event === 'audit-ended');
  expect(ended).toMatchObject([
    { level: 'warning', fields: { backup: first.id } },
    { level: 'warning', fields: { backup: second.id } },
  ]);
  expect(ended.map(({ message }) => /: (.*?)\. /.exec(message)?.[1])).toEqual([
    'the next backup was begun',
    'the database was closed',
  ]);
  const again = await openDatabase(database.folder);
  expect(await auditsIn(again)).toEqual([]);
});

test('the setting, and the call, switch it off; the mark says that nothing will follow', async () => {
  const database = await newDatabase();
  await database.put('a', '1');
  await database.system.setSettings({ backupAudit: false });
  await takeBackup(database, physical);
  await takeBackup(database);
  await database.system.setSettings({ backupAudit: true });
  await takeBackup(database, { ...physical, audit: false });
  const audit = await takeBackup(database, physical);
  await audited(database, audit);
  expect((await auditsIn(database)).map(({ backup }) => backup)).toEqual([audit.id]);
  const marks: unknown[] = [];
  for await (const { header, body } of database.log.records(database.log.firstSeq)) {
    if (header.kind === RecordKind.mark) marks.push(decodeBody(RecordKind.mark, body).audit);
  }
  expect(marks).toEqual([false, false, false, undefined]);
});

test('P9 one without a hash is proved by a deep verification, from an older one and the log, and that is remembered', async () => {
  const database = await newDatabase();
  await database.put('a', '1');
  await takeBackup(database);
  await database.put('b', '2');
  const manifest = await takeBackup(database, { ...physical, audit: false });
  const one = async () => (await listBackups(env, join(database.folder, 'backups')))[0];
  expect(await one()).toMatchObject({
    id: manifest.id,
    stateHash: null,
    unproved: { why: 'no hash of its state was recorded', isNoted: false },
  });
  const good = ['files verified', 'chain verified', 'restore verified'];
  expect(await verdicts(database, manifest)).toEqual(good);
  expect(await one()).toMatchObject({ unproved: null });
  expect((await one())?.stateHash).toMatch(/^[0-9a-f]{64}$/);
  const { folder } = database;
  const checks = await verifyNamedBackup({ env, folder, backup: manifest.id });
  expect(checks[0]?.rememberedAt).not.toBeNull();
  expect(await verdicts(database, manifest)).toEqual(good);
});

test('P9 one without a hash that was taken of a damaged store is found to be bad by the older one, and listed so', async () => {
  const database = await newDatabase();
  for (let i = 0; i < 50; i++) await database.put(`key-${i}`, `${i}`);
  const good = await takeBackup(database);
  await database.store.level.del(Buffer.from('\u0002key-7'));
  await database.put('b', '2');
  const manifest = await takeBackup(database, { ...physical, audit: false });
  expect(await verdicts(database, manifest)).toEqual([
    'files verified',
    'chain verified',
    'restore damaged',
  ]);
  const listed = await listBackups(env, join(database.folder, 'backups'));
  expect(listed.map(({ id, problem }) => [id, problem?.code ?? null])).toEqual([
    [manifest.id, 'STATE_HASH_MISMATCH'],
    [good.id, null],
    ['initial', null],
  ]);
});

test('P9 one without a hash, and without anything to compare it with, stays unproved', async () => {
  const database = await newDatabase();
  await database.put('a', '1');
  const manifest = await takeBackup(database, { ...physical, audit: false });
  await rm(join(database.folder, 'backups', 'initial'), { recursive: true });
  expect(await verdicts(database, manifest)).toEqual([
    'files verified',
    'chain verified',
    'restore unverified',
  ]);
});
