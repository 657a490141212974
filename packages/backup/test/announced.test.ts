// What an archiver announces, and how cheaply a follower looks for more because of it: one small object while
// nothing comes, and never less than what is there.
import type { Database } from '@pamina/engine';
import type { Timeline } from '@pamina/format';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  announce,
  isReached,
  readAnnouncement,
  type Announcement,
} from '../src/archiver/announcement.js';
import { ArchivedLog, type ReplicaEnd } from '../src/follow/archived-log.js';
import { takeBackup } from '../src/take-backup.js';
import { archiverOf, placeOf, unavailable, watchedArchive, type Hooks } from './archiver/bench.js';
import { env, newDatabase, temporaryFolder } from './support.js';

const { signal } = new AbortController();

let database: Database;
let folder: string;
let calls: string[];
let log: ArchivedLog;
let end: ReplicaEnd;

beforeEach(async () => {
  database = await newDatabase();
  folder = await temporaryFolder();
  calls = [];
  log = new ArchivedLog(await watchedArchive(folder, {}, calls), placeOf(database));
  const { base } = database.control;
  end = { timelines: database.timelines, point: base, segment: null };
});

async function put(key: string): Promise<void> {
  await database.put(key, 'value');
}

async function archived(hooks: Hooks = {}): Promise<void> {
  const archiver = await archiverOf({ database, folder, hooks });
  archiver.start();
  try {
    await archiver.settle(signal);
  } finally {
    await archiver.stop();
  }
}

/** One look: the records that it brought, and what it asked the archive for. */
async function look(): Promise<{ lastSeq: number | null; asked: string[] }> {
  calls.length = 0;
  let lastSeq: number | null = null;
  for await (const { chunk } of log.read(end, signal)) {
    ({ lastSeq } = chunk);
    const offset = chunk.offset + chunk.bytes.length;
    const segment = chunk.endsSegment ? null : { name: chunk.name, offset };
    const point = { ...end.point, seq: lastSeq, chain: await chainAt(lastSeq) };
    end = { ...end, point, segment };
  }
  await log.completeUntil(signal);
  return { lastSeq, asked: calls.map((call) => call.replace(/ .*\//, ' ')) };
}

/** Looks are made only when the database stands at the last record that was brought. */
function chainAt(seq: number): Promise<number> {
  const { durable } = database.log;
  return Promise.resolve(durable.seq === seq ? durable.chain : end.point.chain);
}

const idle = ['get announced'];

describe('a look at an archive', () => {
  it('asks for one small object while nothing comes, and lists when something does', async () => {
    await put('a');
    await archived();
    const first = await look();
    expect(first.lastSeq).toBe(database.durable().seq);
    expect(first.asked).toContain('list ');
    expect(await look()).toEqual({ lastSeq: null, asked: idle });
    expect(await look()).toEqual({ lastSeq: null, asked: idle });
    await put('b');
    await archived();
    expect((await look()).lastSeq).toBe(database.durable().seq);
    expect(await look()).toEqual({ lastSeq: null, asked: idle });
  });

  it('lists until what was announced is there, also where its writer was killed before it put it', async () => {
    await put('a');
    await archived();
    await look();
    await put('b');
    const before = (operation: string): void => {
      if (operation === 'put') throw unavailable();
    };
    await expect(archived({ before })).rejects.toMatchObject({ code: 'ARCHIVE_UNAVAILABLE' });
    for (let times = 0; times < 3; times += 1) {
      const { asked, lastSeq } = await look();
      expect(lastSeq).toBeNull();
      expect(asked).toContain('list ');
    }
    await archived();
    expect((await look()).lastSeq).toBe(database.durable().seq);
    expect((await look()).asked).toEqual(idle);
  });

  it('gets the end of a segment that was closed with nothing new in it', async () => {
    await put('a');
    await archived();
    await look();
    expect(end.segment).not.toBeNull();
    await takeBackup(database);
    await archived();
    await look();
    expect(end.point.seq).toBe(database.durable().seq);
    expect((await look()).asked).toEqual(idle);
  });

  it('lists each time where nothing is announced, as an earlier version leaves it', async () => {
    await put('a');
    await archived();
    const archive = await watchedArchive(folder);
    const { database: name, pattern } = placeOf(database);
    await archive.delete(`${name}/${pattern}/announced`);
    await look();
    expect((await look()).asked).toContain('list ');
    await env.disk.replaceFile(join(folder, name, pattern, 'announced'), Buffer.from('no line'));
    expect((await look()).asked).toContain('list ');
  });

  it('lists when another one has announced something, and now and then without a reason', async () => {
    await put('a');
    await archived();
    await look();
    const archive = await watchedArchive(folder);
    const place = placeOf(database);
    const said = (await readAnnouncement(archive, place, signal)) as Announcement;
    const call = { signal };
    await announce(archive, place, { ...said, instance: 'another', seq: said.seq - 1 }, call);
    expect((await look()).asked).toContain('list ');
    let idleLooks = 0;
    while ((await look()).asked.length === 1) idleLooks += 1;
    expect(idleLooks).toBe(60);
    expect((await look()).asked).toEqual(idle);
  });

  it('P9 says until when nothing came, without asking for the heartbeat again', async () => {
    await put('a');
    const archiver = await archiverOf({ database, folder, intervalMs: 10 });
    archiver.start();
    await archiver.settle(signal);
    await look();
    await archiver.finish();
    expect((await look()).asked).toEqual(idle);
    const complete = await log.completeUntil(signal);
    expect(complete?.seq).toBe(database.durable().seq);
    const heartbeat = new ArchivedLog(await watchedArchive(folder), placeOf(database));
    expect(complete).toEqual(await heartbeat.completeUntil(signal));
  });
});

describe('isReached', () => {
  const created: Timeline = { id: 'aa', timeline: 1, forkedFrom: null, atSeq: 0, why: 'created' };
  const next: Timeline = { id: 'bb', timeline: 2, forkedFrom: 'aa', atSeq: 50, why: 'reset' };
  const said: Announcement = {
    ...{ timeline: 1, timelineId: 'aa', firstSeq: 10, seq: 100, isClosed: false },
    ...{ completeUntil: null, instance: 'cc', time: 1 },
  };
  const at = (seq: number, timelines = [created]) => ({ timelines, point: { seq }, segment: null });

  it('counts the records of the own history only', () => {
    expect(isReached(said, at(99))).toBe(false);
    expect(isReached(said, at(100))).toBe(true);
    expect(isReached(said, at(60, [created, next]))).toBe(true);
    expect(isReached({ ...said, timelineId: 'bb' }, at(100))).toBe(false);
  });

  it('waits for the end of the segment that is closed there', () => {
    const name = '1-00000000000000aa/00000001/0000000000000010.seg';
    const inside = { ...at(100), segment: { name } };
    expect(isReached({ ...said, isClosed: true }, inside)).toBe(false);
    expect(isReached({ ...said, isClosed: true, firstSeq: 9 }, inside)).toBe(true);
    expect(isReached(said, inside)).toBe(true);
  });
});
