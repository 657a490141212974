// Backups that somebody made up, mixed up or broke: each is refused with a code, nothing is written
// anywhere, and what was there before is as it was, byte for byte (P9).
import { cp, mkdir, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { createDatabase, type Database } from '@pamina/engine';
import {
  crc32,
  decodeManifest,
  encodeManifest,
  isPaminaError,
  packBytes,
  unpackBytes,
  viewOf,
  type BackupManifest,
} from '@pamina/format';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  expireBackups,
  folderSource,
  listBackups,
  restore,
  takeBackup,
  takeIncremental,
  verifyBackup,
} from '../src/index.js';
import {
  Model,
  env,
  flipByte,
  hashOfFolder,
  newDatabase,
  openDatabase,
  temporaryFolder,
} from './support.js';

/** Magic, version and the length of the body. */
const manifestHeaderBytes = 16;
const chunk = (index: number): string => `chunk-00000${index}.pbk`;
const code = (expected: string) => expect.objectContaining({ code: expected });

let database: Database;
/** Of the database that is backed up. */
let backups: string;
let full: BackupManifest;
/** A full backup of three chunks. */
let folder: string;
let parent: string;

beforeEach(async () => {
  database = await newDatabase();
  backups = join(database.folder, 'backups');
  const model = new Model(database);
  for (let i = 0; i < 5; i++) await model.put(`key-${i}`, Buffer.alloc(600_000, `${i} `));
  full = await takeBackup(database);
  folder = join(backups, full.id);
  parent = await temporaryFolder();
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'accepted';
  } catch (error) {
    if (!isPaminaError(error)) throw error;
    expect(error.message.length).toBeGreaterThan(10);
    return error.code;
  }
}

function restoring(from = folder): Promise<unknown> {
  return restore({ env, source: folderSource(env, from), folder: join(parent, 'copy'), name: 'c' });
}

/** By restore and by verify with this code; listed with a problem unless only its content is wrong. */
async function expectRefused(
  expected: string,
  { isListed = false }: { isListed?: boolean } = {},
): Promise<void> {
  const before = await hashOfFolder(database.folder);
  expect(await codeOf(restoring())).toBe(expected);
  expect(await readdir(parent)).toEqual([]);
  expect(await codeOf(verifyBackup(folderSource(env, folder)))).toBe(expected);
  const listed = await listBackups(env, backups);
  const problem = listed.find(({ id }) => id === full.id)?.problem ?? null;
  if (isListed) expect(problem).toBeNull();
  else expect(problem?.code).toBe(expected);
  // What is damaged is for a person: expiry leaves it.
  const report = await expireBackups(database, { generations: 1, dryRun: true });
  if (!isListed) expect(report.removed).toEqual([]);
  expect(await hashOfFolder(database.folder)).toBe(before);
}

type Body = Record<string, unknown>;

/** A manifest with a right checksum that says whatever it is told to. */
async function forge(change: (body: Body) => Body, version = 1): Promise<void> {
  const path = join(folder, 'manifest');
  const bytes = await readFile(path);
  const body = unpackBytes(bytes.subarray(manifestHeaderBytes, -4), 'MANIFEST_INVALID') as Body;
  const packed = packBytes(change(body));
  const forged = new Uint8Array(manifestHeaderBytes + packed.length + 4);
  forged.set(bytes.subarray(0, manifestHeaderBytes));
  forged.set(packed, manifestHeaderBytes);
  const view = viewOf(forged);
  view.setUint16(8, version, true);
  view.setUint32(12, packed.length, true);
  const end = forged.length - 4;
  view.setUint32(end, crc32(forged.subarray(0, end)), true);
  await writeFile(path, forged);
}

/** Changes one field of the first chunk: file, bytes, rawBytes, entries, sha256. */
function forgeChunk(field: number, value: unknown): Promise<void> {
  return forge((body) => {
    const chunks = (body['chunks'] as unknown[][]).map((entry) => [...entry]);
    chunks.at(0)![field] = value;
    return { ...body, chunks };
  });
}

describe('P9 a manifest', () => {
  test('that is missing', async () => {
    await rm(join(folder, 'manifest'));
    await expectRefused('BACKUP_NOT_FOUND');
  });

  test('that is a folder', async () => {
    await rm(join(folder, 'manifest'));
    await mkdir(join(folder, 'manifest'));
    await expectRefused('BACKUP_NOT_FOUND');
  });

  test('that stands in the file twice', async () => {
    const path = join(folder, 'manifest');
    const bytes = await readFile(path);
    await writeFile(path, Buffer.concat([bytes, bytes]));
    await expectRefused('MANIFEST_INVALID');
  });

  test('that is there a second time under another name', async () => {
    await cp(join(folder, 'manifest'), join(folder, 'manifest-2'));
    expect(await codeOf(verifyBackup(folderSource(env, folder)))).toBe('BACKUP_INVALID');
  });

  test('that is cut off anywhere', async () => {
    const path = join(folder, 'manifest');
    const bytes = await readFile(path);
    for (const length of [0, 1, 8, 15, 16, 40, bytes.length - 5, bytes.length - 1]) {
      await writeFile(path, bytes.subarray(0, length));
      await expectRefused('MANIFEST_INVALID');
    }
  });

  test('of the future', async () => {
    await forge((body) => body, 3);
    await expectRefused('FORMAT_UNKNOWN');
  });

  test('of a kind, a form or a codec that nobody knows', async () => {
    const original = await readFile(join(folder, 'manifest'));
    for (const [field, value] of [
      ['kind', 'differential'],
      ['form', 'telepathic'],
      ['codec', 'lzma'],
    ] as const) {
      await forge((body) => ({ ...body, [field]: value }));
      await expectRefused('MANIFEST_INVALID');
      await writeFile(join(folder, 'manifest'), original);
    }
  });

  test('longer than a manifest can be is not even read', async () => {
    await writeFile(join(folder, 'manifest'), Buffer.alloc(17 * 1024 * 1024));
    await expectRefused('MANIFEST_INVALID');
  });

  test.each([
    '../orders/control.json',
    '..',
    '/etc/passwd',
    'C:\\windows\\win.ini',
    'sub/chunk.pbk',
    'a..b',
    '.hidden',
    'chunk\u0000.pbk',
    'manifest',
    '',
    'x'.repeat(5000),
  ])('whose chunk is the file %j', async (file) => {
    await forgeChunk(0, file);
    await expectRefused('MANIFEST_INVALID');
  });

  test.each([
    ['negative', -1],
    ['not whole', 1.5],
    ['not a number', 'many'],
    ['NaN', Number.NaN],
    ['endless', Number.POSITIVE_INFINITY],
    ['beyond what a number holds', 2 ** 60],
    ['null', null],
  ])('with a size that is %s', async (_what, value) => {
    const original = await readFile(join(folder, 'manifest'));
    for (const field of [1, 2, 3]) {
      await forgeChunk(field, value);
      await expectRefused('MANIFEST_INVALID');
      await writeFile(join(folder, 'manifest'), original);
    }
    for (const field of ['entries', 'rawBytes', 'createdAt', 'chain']) {
      await forge((body) => ({ ...body, [field]: value }));
      await expectRefused('MANIFEST_INVALID');
      await writeFile(join(folder, 'manifest'), original);
    }
  });

  test('with a chunk that claims more than a chunk can hold allocates none of it', async () => {
    await forge((body) => {
      const chunks = (body['chunks'] as unknown[][]).map((entry) => [...entry]);
      const claimed = 2 ** 50;
      chunks.at(0)![2] = claimed;
      const rawBytes = chunks.reduce((sum, entry) => sum + (entry[2] as number), 0);
      return { ...body, chunks, rawBytes };
    });
    await expectRefused('BACKUP_INVALID', { isListed: true });
  });

  test('that names one chunk twice', async () => {
    await forge((body) => {
      const chunks = body['chunks'] as unknown[][];
      return { ...body, chunks: [chunks[0], chunks[0], chunks[2]] };
    });
    await expectRefused('MANIFEST_INVALID');
  });

  test('whose sums are not those of its chunks', async () => {
    await forge((body) => ({ ...body, entries: (body['entries'] as number) + 1 }));
    await expectRefused('MANIFEST_INVALID');
  });

  test('whose state hash is that of another state', async () => {
    await forge((body) => ({ ...body, stateHash: 'ab'.repeat(32) }));
    await expectRefused('BACKUP_INVALID', { isListed: true });
  });

  test('in whose time no clock ever was', async () => {
    await forge((body) => ({ ...body, startedAt: Number.MAX_SAFE_INTEGER }));
    await database.system.setSettings({ backupDaily: 3, backupWeekly: 3, backupMonthly: 3 });
    const { decisions } = await expireBackups(database, { dryRun: true });
    expect(decisions[0]?.keeps).toBe(true);
  });
});

describe('P9 a chunk', () => {
  test('that is missing', async () => {
    await rm(join(folder, chunk(1)));
    await expectRefused('BACKUP_INVALID');
  });

  test('that is a folder', async () => {
    await rm(join(folder, chunk(1)));
    await mkdir(join(folder, chunk(1)));
    await expectRefused('BACKUP_INVALID');
  });

  test('too many', async () => {
    await cp(join(folder, chunk(0)), join(folder, chunk(9)));
    expect(await codeOf(verifyBackup(folderSource(env, folder)))).toBe('BACKUP_INVALID');
  });

  test('that is cut off, empty or longer', async () => {
    const path = join(folder, chunk(1));
    const bytes = await readFile(path);
    const wrong = [bytes.subarray(0, 0), bytes.subarray(0, -1), Buffer.concat([bytes, bytes])];
    for (const content of wrong) {
      await writeFile(path, content);
      await expectRefused('BACKUP_INVALID');
    }
  });

  test('with a flipped byte', async () => {
    for (const at of [0, 20, 50, -1]) {
      await flipByte(join(folder, chunk(1)), at);
      await expectRefused('BACKUP_INVALID', { isListed: true });
      await flipByte(join(folder, chunk(1)), at);
    }
  });

  test('swapped with another one of the same backup', async () => {
    const [one, other] = [join(folder, chunk(0)), join(folder, chunk(1))];
    const bytes = await readFile(one);
    await cp(other, one);
    await writeFile(other, bytes);
    const listed = await listBackups(env, backups);
    const isListed = listed.find(({ id }) => id === full.id)?.problem === null;
    await expectRefused('BACKUP_INVALID', { isListed });
  });

  test('swapped with the same one of another backup', async () => {
    await new Model(database).put('key-0', Buffer.alloc(600_000, 'x '));
    const other = await takeBackup(database);
    await cp(join(backups, other.id, chunk(0)), join(folder, chunk(0)));
    const listed = await listBackups(env, backups);
    const isListed = listed.find(({ id }) => id === full.id)?.problem === null;
    await expectRefused('BACKUP_INVALID', { isListed });
  });

  test('that is a link to a file elsewhere counts only if what it shows is proved', async () => {
    const elsewhere = join(await temporaryFolder(), 'secret');
    await writeFile(elsewhere, 'what nobody may see or change');
    await rm(join(folder, chunk(1)));
    await symlink(elsewhere, join(folder, chunk(1)));
    await expectRefused('BACKUP_INVALID');
    expect(await readFile(elsewhere, 'utf8')).toBe('what nobody may see or change');
  });

  test('that is a pipe which nobody writes to is not waited for', async () => {
    await rm(join(folder, chunk(1)));
    const makePipe = 'mkfifo';
    execFileSync(makePipe, [join(folder, chunk(1))]);
    const error = codeOf(verifyBackup(folderSource(env, folder)));
    expect(await error).toBe('BACKUP_INVALID');
    expect(await codeOf(restoring())).toBe('BACKUP_INVALID');
    expect(await readdir(parent)).toEqual([]);
  });
});

describe('P9 a folder of backups', () => {
  test('that holds a link to a backup elsewhere loses the link, not what it leads to', async () => {
    const elsewhere = join(await temporaryFolder(), 'moved');
    await rename(folder, elsewhere);
    await symlink(elsewhere, folder);
    await new Model(database).put('key', 'value');
    await takeBackup(database);
    const before = await hashOfFolder(elsewhere);
    const { removed } = await expireBackups(database, { generations: 1 });
    expect(removed).toEqual([full.id]);
    expect(await hashOfFolder(elsewhere)).toBe(before);
    expect(await env.disk.stat(folder)).toBeNull();
  });

  test('of a backup under the name of another one', async () => {
    const wrong = join(backups, '0000000000000999-1');
    await rename(folder, wrong);
    const listed = await listBackups(env, backups);
    expect(listed[0]?.problem).toMatchObject({ code: 'BACKUP_INVALID' });
    expect((await expireBackups(database, { generations: 1 })).removed).toEqual([]);
  });

  test('with a backup of another database: listed, not counted, not removed, not continued', async () => {
    const other = join(await temporaryFolder(), 'other');
    await createDatabase(other, { env, name: 'other' });
    const stranger = await openDatabase(other);
    await new Model(stranger).put('later', 'than all');
    for (let i = 0; i < 20; i++) await new Model(stranger).put(`k${i}`, 'v');
    const theirs = await takeBackup(stranger);
    await cp(join(other, 'backups', theirs.id), join(backups, theirs.id), { recursive: true });
    const before = await hashOfFolder(join(backups, theirs.id));
    const mine = await takeIncremental(database);
    expect(mine.after).toBe(full.id);
    const report = await expireBackups(database, { generations: 1 });
    expect(report.kept).toEqual([mine.id, full.id]);
    const decision = report.decisions.find(({ id }) => id === theirs.id);
    expect(decision).toMatchObject({ keeps: true, reasons: ['of another database'] });
    expect(await hashOfFolder(join(backups, theirs.id))).toBe(before);
  });
});

describe('P9 a place to restore to', () => {
  test('that is not empty is refused and left as it is', async () => {
    const target = join(parent, 'copy');
    await mkdir(target);
    await writeFile(join(target, 'precious'), 'do not touch');
    const before = await hashOfFolder(database.folder);
    expect(await codeOf(restoring())).toBe('FILE_EXISTS');
    expect(await readFile(join(target, 'precious'), 'utf8')).toBe('do not touch');
    expect(await readdir(parent)).toEqual(['copy']);
    expect(await hashOfFolder(database.folder)).toBe(before);
  });

  test('that is a file is refused and left as it is', async () => {
    await writeFile(join(parent, 'copy'), 'do not touch');
    expect(await codeOf(restoring())).not.toBe('accepted');
    expect(await readFile(join(parent, 'copy'), 'utf8')).toBe('do not touch');
    expect(await readdir(parent)).toEqual(['copy']);
  });
});

describe('P9 the log in an incremental backup', () => {
  let first: BackupManifest;
  let second: BackupManifest;

  beforeEach(async () => {
    const model = new Model(database);
    for (let i = 0; i < 4; i++) await model.put(`more-${i}`, env.random.bytes(50_000));
    first = await takeIncremental(database);
    await model.put('last', '1');
    second = await takeIncremental(database);
  });

  async function expectBroken(id: string, what: RegExp): Promise<void> {
    const listed = await listBackups(env, backups);
    const { problem } = listed.find((backup) => backup.id === id)!;
    expect(problem).toMatchObject({ code: expect.stringMatching(/^(BACKUP|MANIFEST)_INVALID$/) });
    expect(problem?.message).toMatch(what);
    // Whatever builds on it cannot be used either.
    expect(listed.find((backup) => backup.id === second.id)?.problem).not.toBeNull();
  }

  const verifying = (manifest: BackupManifest): Promise<string> =>
    codeOf(verifyBackup(folderSource(env, join(backups, manifest.id))));

  test('with a gap in the middle: a segment that is missing', async () => {
    expect(first.segments!.length).toBeGreaterThan(2);
    await rm(join(backups, first.id, first.segments!.at(1)!.file));
    await expectBroken(first.id, /is missing/);
    expect(await verifying(first)).toBe('BACKUP_INVALID');
  });

  test('with a gap in the middle: a segment that the manifest leaves out', async () => {
    folder = join(backups, first.id);
    await forge((body) => {
      const segments = body['segments'] as unknown[];
      return { ...body, segments: [segments[0], ...segments.slice(2)] };
    }, 2);
    await expectBroken(first.id, /segments/);
    expect(await verifying(first)).toBe('MANIFEST_INVALID');
  });

  test('with a gap between two of them', async () => {
    await rm(join(backups, first.id), { recursive: true });
    await expectBroken(second.id, /is missing/);
  });

  test('with a segment of the other one', async () => {
    const one = first.segments!.at(0)!;
    const other = second.segments!.at(0)!;
    await cp(join(backups, second.id, other.file), join(backups, first.id, one.file));
    expect(await verifying(first)).toBe('BACKUP_INVALID');
  });

  test('with a segment too many, flipped, cut off or longer', async () => {
    const path = join(backups, first.id, first.segments!.at(0)!.file);
    const bytes = await readFile(path);
    await writeFile(join(backups, first.id, '0000000000000001.seg'), bytes);
    expect(await verifying(first)).toBe('BACKUP_INVALID');
    await rm(join(backups, first.id, '0000000000000001.seg'));
    for (const wrong of [bytes.subarray(0, -1), Buffer.concat([bytes, bytes])]) {
      await writeFile(path, wrong);
      expect(await verifying(first)).toBe('BACKUP_INVALID');
    }
    await writeFile(path, bytes);
    await flipByte(path, 200);
    expect(await verifying(first)).toBe('BACKUP_INVALID');
  });

  test('whose manifest names files elsewhere or sizes that cannot be', async () => {
    folder = join(backups, first.id);
    const original = await readFile(join(folder, 'manifest'));
    for (const [field, value] of [
      [0, '../../control.json'],
      [0, '/etc/passwd'],
      [1, -1],
      [1, 'many'],
      [2, new Uint8Array(31)],
      [3, 0],
      [4, '../..'],
      [5, -5],
      [6, 2 ** 60],
      [7, 1],
    ] as const) {
      await forge((body) => {
        const segments = (body['segments'] as unknown[][]).map((entry) => [...entry]);
        segments.at(1)![field] = value;
        return { ...body, segments };
      }, 2);
      expect(await verifying(first)).toBe('MANIFEST_INVALID');
      await writeFile(join(folder, 'manifest'), original);
    }
  });

  test('that builds on itself', async () => {
    folder = join(backups, first.id);
    await forge((body) => ({ ...body, after: second.id }), 2);
    await expectBroken(first.id, /does not continue/);
    await forge((body) => ({ ...body, after: first.id }), 2);
    await expectBroken(first.id, /segments/);
  });

  test('that continues a backup of another database', async () => {
    const path = join(folder, 'manifest');
    const stranger = { ...decodeManifest(await readFile(path)), pattern: 'ab'.repeat(16) };
    await env.disk.replaceFile(path, encodeManifest(stranger));
    await expectBroken(first.id, /does not continue/);
  });
});

describe('P9 the log that an incremental backup would be made of', () => {
  async function expectNotTaken(expected: string): Promise<void> {
    const before = await hashOfFolder(backups);
    await expect(takeIncremental(database)).rejects.toThrow(code(expected));
    expect(await hashOfFolder(backups)).toBe(before);
  }

  beforeEach(async () => {
    const model = new Model(database);
    for (let i = 0; i < 4; i++) await model.put(`more-${i}`, env.random.bytes(50_000));
  });

  test('with a segment of another database in it', async () => {
    const segment = database.log.segments().findLast(({ closed }) => closed)!;
    const other = await newDatabase();
    for (let i = 0; i < 4; i++) await new Model(other).put(`more-${i}`, env.random.bytes(50_000));
    const theirs = other.log.segments().find(({ closed }) => closed)!;
    await cp(theirs.path, segment.path);
    await expectNotTaken('PATTERN_MISMATCH');
  });

  test('with a gap in the middle', async () => {
    const segment = database.log.segments().findLast(({ closed }) => closed)!;
    await rm(segment.path);
    await expectNotTaken('LOG_GONE');
  });

  test('with two segments swapped', async () => {
    const closed = database.log.segments().filter((segment) => segment.closed);
    const one = closed.at(-2)!;
    const other = closed.at(-1)!;
    const bytes = await readFile(one.path);
    await cp(other.path, one.path);
    await writeFile(other.path, bytes);
    await expectNotTaken('DIVERGED');
  });
});
