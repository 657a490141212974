// Archived log as a replica gets it: what it is given, from each place where it can stand, and what is
// refused.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openArchive, type Archive } from '@pamina/archive';
import type { ArchiveSetting, Database } from '@pamina/engine';
import { segmentHeaderBytes, segmentTrailerBytes } from '@pamina/format';
import { beforeEach, describe, expect, it } from 'vitest';
import { ArchiverRunner } from '../src/archiver/archiver-runner.js';
import { changeArchives } from '../src/archiver/archive-settings.js';
import { ArchivedLog, type ArchivedChunk, type ReplicaEnd } from '../src/follow/archived-log.js';
import { takeBackup } from '../src/take-backup.js';
import { env, newDatabase, temporaryFolder } from './support.js';

const { signal } = new AbortController();

let database: Database;
let folder: string;
let archive: Archive;

beforeEach(async () => {
  database = await newDatabase();
  folder = join(await temporaryFolder(), 'archive');
  archive = await openArchive({
    env,
    environment: {},
    address: folder,
    encryption: null,
    create: true,
  });
});

async function write(count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) {
    await database.commit([
      { type: 'put', key: Buffer.from(`key-${at}`), value: Buffer.alloc(100, at) },
    ]);
  }
}

async function archived(): Promise<void> {
  const setting: ArchiveSetting = {
    name: 'main',
    address: folder,
    database: 'orders',
    recipients: null,
    identityFile: null,
    credentialsFile: null,
    fromSeq: 1,
  };
  await changeArchives(database, () => [setting]);
  const archiver = new ArchiverRunner({ database, setting, open: () => Promise.resolve(archive) });
  archiver.start();
  await archiver.settle(signal);
  await archiver.stop();
}

function archivedLog(): ArchivedLog {
  return new ArchivedLog(archive, {
    database: 'orders',
    pattern: String(database.identity.pattern),
  });
}

async function read(end: ReplicaEnd, log = archivedLog()): Promise<ArchivedChunk[]> {
  const chunks: ArchivedChunk[] = [];
  for await (const chunk of log.read(end, signal)) chunks.push(chunk);
  return chunks;
}

/** A replica that has nothing yet but the state before the first record. */
function beginning(): ReplicaEnd {
  const { base } = database.control;
  return { timelines: database.timelines, point: base, segment: null };
}

/** The bytes of the chunks by segment, held against what the database has on its disk. */
async function expectSame(chunks: readonly ArchivedChunk[]): Promise<void> {
  const files = new Map<string, Buffer>();
  for (const { chunk } of chunks) {
    const held = files.get(chunk.name) ?? Buffer.alloc(0);
    expect(chunk.offset).toBe(held.length);
    files.set(chunk.name, Buffer.concat([held, chunk.bytes]));
  }
  for (const [name, bytes] of files) {
    const own = await readFile(join(database.folder, 'log', name));
    expect(bytes.equals(own.subarray(0, bytes.length))).toBe(true);
  }
}

async function segmentFiles(): Promise<string[]> {
  const log = join(folder, 'orders', String(database.identity.pattern), 'log');
  const [timeline] = (await readdir(log)) as [string];
  const names = (await readdir(join(log, timeline))).sort();
  return names.map((name) => join(log, timeline, name));
}

describe('archived log', () => {
  it('P3 gives the bytes that the master has, over closed segments and the beginning of the open one', async () => {
    await write(5);
    await takeBackup(database);
    await write(3);
    await archived();
    const chunks = await read(beginning());
    expect(chunks.at(-1)?.chunk).toMatchObject({
      endsSegment: false,
      lastSeq: database.durable().seq,
    });
    expect(chunks.some(({ chunk }) => chunk.endsSegment)).toBe(true);
    expect(chunks.every(({ timelines }) => timelines === null)).toBe(true);
    await expectSame(chunks);
  });

  it('P4 goes on at the byte where the replica ends, and gives nothing where it has everything', async () => {
    await write(5);
    await archived();
    const [first] = (await read(beginning())) as [ArchivedChunk];
    const { name } = first.chunk;
    const end = first.chunk.bytes.length;
    const { chain, seq, time } = database.durable();
    const here = { timelines: database.timelines, point: { chain, seq, time } };
    expect(await read({ ...here, segment: { name, offset: end } })).toEqual([]);
    await takeBackup(database);
    await archived();
    const rest = await read({ ...here, segment: { name, offset: end } });
    expect(rest[0]?.chunk).toMatchObject({ name, offset: end });
    expect(rest.some(({ chunk }) => chunk.endsSegment && chunk.name === name)).toBe(true);
    expect(rest.at(-1)?.chunk.lastSeq).toBe(database.durable().seq);
  });

  it('P5 every flipped byte behind the replica is refused, or is none that is read', async () => {
    await write(2);
    await takeBackup(database);
    await archived();
    const [file] = (await segmentFiles()) as [string];
    const good = await readFile(file);
    const whole = await read(beginning());
    for (let at = 0; at < good.length; at += 7) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 0x40;
      await writeFile(file, bad);
      const given: ArchivedChunk[] = [];
      let refused = false;
      try {
        for await (const chunk of archivedLog().read(beginning(), signal)) given.push(chunk);
      } catch {
        refused = true;
      }
      // What was handed on before is what the master wrote; a trailer's checksum is the receiver's to hold.
      const isInTrailer = at >= good.length - segmentTrailerBytes;
      expect(refused || isInTrailer || given.length === whole.length, `byte ${at}`).toBe(true);
      if (!isInTrailer) await expectSame(given);
      if (at < segmentHeaderBytes) expect(given.length === 0 || !refused).toBe(true);
    }
  });

  it('P5 a replica with another history is told so, and gets nothing', async () => {
    await write(3);
    await archived();
    const end = beginning();
    const other = { ...end, point: { ...end.point, chain: end.point.chain ^ 1 } };
    await expect(read(other)).rejects.toMatchObject({ code: 'DIVERGED' });
    const id = 'f'.repeat(16);
    const timelines = end.timelines.map((timeline) => ({ ...timeline, id }));
    await expect(read({ ...end, timelines })).rejects.toMatchObject({ code: 'DIVERGED' });
  });

  it('P4 P9 log that goes on behind a gap is gone, also inside of the last segment', async () => {
    await write(3);
    await takeBackup(database);
    await write(3);
    await archived();
    const end = beginning();
    const inside = { ...end, point: { ...end.point, seq: end.point.seq + 2 } };
    await expect(read(inside)).rejects.toMatchObject({ code: 'LOG_GONE' });
  });

  it('P5 log of another pattern under the same name is refused', async () => {
    await write(3);
    await archived();
    const pattern = 'ab'.repeat(16);
    const [file] = (await segmentFiles()) as [string];
    const bytes = await readFile(file);
    const { disk } = env;
    const name = file.replace(String(database.identity.pattern), pattern);
    await disk.makeFolder(join(name, '..'));
    await writeFile(name, bytes);
    const strange = new ArchivedLog(archive, { database: 'orders', pattern });
    await expect(read(beginning(), strange)).rejects.toMatchObject({ code: 'PATTERN_MISMATCH' });
  });

  it('P9 says until when nothing came only where the heartbeat does', async () => {
    await write(1);
    const log = archivedLog();
    expect(await log.completeUntil(signal)).toBeNull();
  });
});
