// What a feed ships: raw bytes in order, never beyond what is durable, across segments, deletions,
// and segments that were taken back.
import { isPaminaError, segmentHeaderBytes, segmentTrailerBytes } from '@pamina/format';
import { beforeEach, expect, test } from 'vitest';
import type { Log } from '../src/log.js';
import { FaultyDisk } from './faulty-disk.js';
import {
  append,
  body,
  cleanUp,
  commit,
  flip,
  openLog,
  realDisk,
  startWriting,
  switchSegment,
  temporaryFolder,
  type Writing,
} from './workbench.js';

let folder: string;
let log: Log;
let writing: Writing;

beforeEach(async () => {
  folder = await temporaryFolder();
  ({ log } = await openLog(folder));
  writing = await startWriting(log);
  cleanUp(() => log.close());
});

async function write(count: number, bytes: number, switchEvery = Infinity): Promise<void> {
  for (let index = 1; index <= count; index++) {
    const seq = await commit(writing.appender, body(index, bytes));
    if (seq % switchEvery === 0) await switchSegment(writing);
  }
}

async function read(
  from: Parameters<Log['openCursor']>[0],
  bytesMax: number,
): Promise<Map<string, Uint8Array>> {
  const cursor = await log.openCursor(from);
  const files = new Map<string, Uint8Array>();
  for (;;) {
    const chunk = await cursor.next(bytesMax);
    if (chunk === null) break;
    expect(chunk.bytes.length).toBeGreaterThan(0);
    expect(chunk.bytes.length).toBeLessThanOrEqual(Math.max(bytesMax, 128));
    const before = files.get(chunk.name) ?? new Uint8Array(0);
    expect(chunk.offset).toBe(before.length);
    const joined = new Uint8Array(before.length + chunk.bytes.length);
    joined.set(before);
    joined.set(chunk.bytes, before.length);
    files.set(chunk.name, joined);
    const segment = log.segments().find(({ name }) => name === chunk.name)!;
    expect(chunk.endsSegment).toBe(segment.closed && joined.length === segment.bytes);
  }
  await expect(cursor.next(bytesMax)).resolves.toBeNull();
  await cursor.close();
  return files;
}

test('P3 a cursor gives the files byte for byte at every chunk size, trailers whole', async () => {
  await write(40, 37, 9);
  for (let bytesMax = 100; bytesMax < 900; bytesMax += 7) {
    const files = await read({ seq: 1 }, bytesMax);
    expect([...files.keys()]).toEqual(log.segments().map(({ name }) => name));
    for (const segment of log.segments()) {
      const whole = await realDisk.readFile(segment.path);
      expect(files.get(segment.name)).toEqual(whole.subarray(0, segment.bytes));
    }
  }
});

test('P3 a cursor that uses one buffer for all chunks gives the same bytes', async () => {
  await write(40, 37, 9);
  for (let bytesMax = 100; bytesMax < 900; bytesMax += 50) {
    expect(await read({ seq: 1, sharesBuffer: true }, bytesMax)).toEqual(
      await read({ seq: 1 }, bytesMax),
    );
  }
});

test('P3 a commit time that equals a record number does not hide a trailer', async () => {
  const place = await temporaryFolder();
  const clock = { now: () => 3, soon: (task: () => void) => process.nextTick(task) } as never;
  const base = { seq: 0, chain: 1, time: 0 };
  const small = await openLog(place, { clock, base, from: base });
  const { appender } = await startWriting(small.log);
  for (let seq = 1; seq <= 3; seq++) {
    await commit(appender, body(seq, 10));
    if (seq === 2) appender.switchSegment();
  }
  const cursor = await small.log.openCursor({ seq: 1 });
  const ends: boolean[] = [];
  for (let chunk = await cursor.next(128); chunk !== null; chunk = await cursor.next(128)) {
    ends.push(chunk.endsSegment);
  }
  expect(ends.filter(Boolean).length).toBe(1);
  await cursor.close();
  await small.log.close();
});

test('P1 a cursor gives nothing that is not durable', async () => {
  const disk = new FaultyDisk(realDisk, await temporaryFolder());
  const place = await temporaryFolder();
  const held = await openLog(place, { disk: disk.disk });
  const { appender } = await startWriting(held.log);
  await commit(appender, body(1));
  const cursor = await held.log.openCursor({ seq: 1 });
  expect((await cursor.next(10_000))!.lastSeq).toBe(1);
  let letGo: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  const asked = new Promise<void>((resolve) => {
    disk.before = ({ kind }) => {
      if (kind !== 'datasync') return undefined;
      resolve();
      return gate;
    };
  });
  const { group } = append(appender, body(2));
  await asked;
  expect(await cursor.next(10_000)).toBeNull();
  const found: number[] = [];
  for await (const record of held.log.records(1)) found.push(record.header.seq);
  expect(found).toEqual([1]);
  letGo();
  await group.done;
  expect((await cursor.next(10_000))!.lastSeq).toBe(2);
  await cursor.close();
  await held.log.close();
});

test('P16 a cursor at the end of a closed last segment goes on with the next', async () => {
  await write(2, 50, 2);
  const cursor = await log.openCursor({ seq: 1 });
  while ((await cursor.next(1000)) !== null);
  expect(await cursor.next(1000)).toBeNull();
  const waiting = log.waitForMore(2);
  await write(1, 50);
  await waiting;
  const chunk = await cursor.next(1000);
  expect(chunk).toMatchObject({ offset: 0, lastSeq: 3 });
  await cursor.close();
});

test('P16 a cursor that asked for a record to come starts when it comes', async () => {
  await write(2, 50, 2);
  for (const seq of [3, 4]) {
    const cursor = await log.openCursor({ seq });
    expect(await cursor.next(1000)).toBeNull();
    await write(1, 50, 2);
    expect((await cursor.next(1000))!.lastSeq).toBe(seq);
    await cursor.close();
  }
  await expect(log.openCursor({ seq: 9 })).rejects.toMatchObject({ code: 'POSITION_AHEAD' });
});

test('P4 a cursor starts at any record, and at any offset where one begins', async () => {
  await write(12, 50, 5);
  const offsets: { name: string; offset: number; seq: number }[] = [];
  for await (const { header, segment, offset } of log.records(1)) {
    offsets.push({ name: segment.name, offset, seq: header.seq });
  }
  for (const { name, offset, seq } of offsets) {
    const bySeq = await log.openCursor({ seq });
    const first = (await bySeq.next(200))!;
    expect(first.offset).toBe(offset === segmentHeaderBytes ? 0 : offset);
    await bySeq.close();
    const byOffset = await log.openCursorAt(name, offset);
    expect(await byOffset.next(200)).toMatchObject({
      name,
      offset,
      lastSeq: seq + 1 - Number(seq % 5 === 0) - Number(seq === 12),
    });
    await byOffset.close();
    await expect(log.openCursorAt(name, offset + 1)).rejects.toMatchObject({ code: 'LOG_GONE' });
  }
  await expect(
    log.openCursorAt('1-0123456789abcdef/00000009/0000000000000001.seg', 128),
  ).rejects.toMatchObject({ code: 'LOG_GONE' });
});

test('P3 a reader that lacks only the trailer gets it, with and without a segment behind', async () => {
  await write(5, 50, 5);
  const { name, bytes } = log.segments().at(0)!;
  for (let round = 0; round < 2; round++) {
    const cursor = await log.openCursorAt(name, bytes - segmentTrailerBytes);
    expect(await cursor.next(1000)).toMatchObject({ endsSegment: true, lastSeq: 5, name });
    const next = await cursor.next(1000);
    expect(next?.offset ?? null).toBe(round === 0 ? null : 0);
    await cursor.close();
    await write(1, 50);
  }
});

test('P10 a segment deleted under a cursor gives LOG_GONE, never a gap', async () => {
  await write(20, 50, 4);
  const cursor = await log.openCursor({ seq: 2 });
  await log.deleteBefore(13);
  expect(log.firstSeq).toBe(13);
  await expect(cursor.next(1000)).rejects.toMatchObject({ code: 'LOG_GONE' });
  await cursor.close();
  await expect(log.openCursor({ seq: 12 })).rejects.toMatchObject({ code: 'LOG_GONE' });

  const inside = await log.openCursor({ seq: 13 });
  await inside.next(200);
  await log.deleteBefore(17);
  const seqs: number[] = [];
  // The file that it has open is read to its end; then it goes on with what is there.
  for (let chunk = await inside.next(200); chunk !== null; chunk = await inside.next(200)) {
    seqs.push(chunk.lastSeq);
  }
  expect(seqs.at(-1)).toBe(20);
  await inside.close();
  for await (const record of log.records(17)) expect(record.header.seq).toBeGreaterThan(16);
  await expect(log.records(3).next()).rejects.toMatchObject({ code: 'LOG_GONE' });
});

test('P10 a cursor whose next segment was deleted as well says so', async () => {
  await write(20, 50, 4);
  const cursor = await log.openCursor({ seq: 1 });
  await cursor.next(200);
  await log.deleteBefore(13);
  const read = async (): Promise<void> => {
    while ((await cursor.next(200)) !== null);
  };
  await expect(read()).rejects.toMatchObject({ code: 'LOG_GONE' });
  await cursor.close();
});

test('P4 records are read through segments that grow, close and follow meanwhile', async () => {
  await write(3, 50);
  const seqs: number[] = [];
  for await (const { header } of log.records(1)) {
    seqs.push(header.seq);
    if (header.seq <= 12) await write(1, 50, 4);
  }
  expect(seqs).toEqual(Array.from({ length: 15 }, (_, index) => index + 1));
});

test('P6 what was damaged after opening is refused when it is read', async () => {
  await write(12, 50, 4);
  const second = log.segments().at(1)!;
  const whole = await realDisk.readFile(second.path);
  for (const at of [segmentHeaderBytes + 40, whole.length - 2, segmentHeaderBytes + 4]) {
    const bytes = whole.slice();
    flip(bytes, at, 1);
    await realDisk.replaceFile(second.path, bytes);
    const read = async (): Promise<void> => {
      for await (const { header } of log.records(1)) expect(header.seq).toBeLessThan(9);
    };
    await expect(read()).rejects.toMatchObject({
      code: 'LOG_DAMAGED',
      context: { file: second.path },
    });
  }
  const bytes = whole.slice();
  flip(bytes, segmentHeaderBytes + 16, 1);
  await realDisk.replaceFile(second.path, bytes);
  const ship = async (): Promise<void> => {
    const cursor = await log.openCursor({ seq: 1 });
    try {
      while ((await cursor.next(200)) !== null);
    } finally {
      await cursor.close();
    }
  };
  await expect(ship()).rejects.toSatisfy((error) => isPaminaError(error, 'LOG_DAMAGED'));
  await expect(log.chainAt(6)).rejects.toMatchObject({ code: 'LOG_DAMAGED' });
});
