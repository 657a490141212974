// The replica's way in: whatever pieces the bytes come in, both logs are the same bytes (P3, P4, P5, P7).
import { segmentHeaderBytes } from '@pamina/format';
import fc from 'fast-check';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import type { Log } from '../src/log.js';
import type { ReceivedChunk } from '../src/receiver.js';
import { FaultyDisk } from './faulty-disk.js';
import {
  base,
  body,
  cleanUp,
  commit,
  flip,
  expectSameFiles,
  filesOf,
  openLog,
  pump,
  realDisk,
  startReceiver,
  startWriting,
  switchSegment,
  temporaryFolder,
} from './workbench.js';

const replica = { ownTimelineId: null } as const;
let source: string;
let master: Log;
let folder: string;
let chunks: ReceivedChunk[];

/** 20 records in segments of 6. */
beforeAll(async () => {
  source = await realDisk.temporaryFolder('pamina-log-');
  ({ log: master } = await openLog(source));
  const writing = await startWriting(master);
  for (let seq = 1; seq <= 20; seq++) {
    await commit(writing.appender, body(seq, seq * 40));
    if (seq % 6 === 0) await switchSegment(writing);
  }
  await master.close();
  chunks = await chunksFrom(1);
  return () => realDisk.removeTree(source);
});

beforeEach(async () => {
  folder = await temporaryFolder();
});

async function chunksFrom(seq: number, bytesMax = 1000): Promise<ReceivedChunk[]> {
  const cursor = await master.openCursor({ seq });
  const found: ReceivedChunk[] = [];
  for (
    let chunk = await cursor.next(bytesMax);
    chunk !== null;
    chunk = await cursor.next(bytesMax)
  ) {
    found.push({ name: chunk.name, offset: chunk.offset, bytes: chunk.bytes });
  }
  await cursor.close();
  return found;
}

async function open(): Promise<Log> {
  const { log } = await openLog(folder, replica);
  cleanUp(() => log.close());
  return log;
}

async function expectEqual(log: Log): Promise<void> {
  expect(log.durable).toEqual(master.durable);
  expectSameFiles(await filesOf(folder, log), await filesOf(source, master));
}

test('P3 any cut of the stream into pieces gives the same files', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), async (cuts) => {
      folder = await temporaryFolder();
      const { log } = await openLog(folder, replica);
      const receiver = startReceiver(log);
      let turn = 0;
      for (const chunk of chunks) {
        for (let at = 0; at < chunk.bytes.length;) {
          const least = chunk.offset + at === 0 ? segmentHeaderBytes : 1;
          const length = Math.max(least, cuts.at(turn++ % cuts.length)!);
          const bytes = chunk.bytes.slice(at, at + length);
          await receiver.receive({ name: chunk.name, offset: chunk.offset + at, bytes });
          at += bytes.length;
        }
      }
      await expectEqual(log);
      await log.close();
    }),
    { numRuns: 15 },
  );
});

test('P13 a record larger than a segment and a chunk travels in parts', async () => {
  const place = await temporaryFolder();
  const { log: large } = await openLog(place);
  const { appender } = await startWriting(large);
  await commit(appender, body(1));
  await commit(appender, body(2, 20 * 1024 * 1024));
  await commit(appender, body(3));
  await large.close();
  const log = await open();
  const cursor = await large.openCursor({ seq: 1 });
  const count = await pump(cursor, startReceiver(log), 1024 * 1024);
  await cursor.close();
  expect(count).toBeGreaterThan(20);
  expectSameFiles(await filesOf(folder, log), await filesOf(place, large));
});

test('P3 the batches that are handed on are whole, in order and never change afterwards', async () => {
  const log = await open();
  const receiver = startReceiver(log);
  const batches: { bytes: Uint8Array; copy: Uint8Array; firstSeq: number; last: number }[] = [];
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.bytes.length; at += 333) {
      const bytes = chunk.bytes.slice(at, at + 333);
      const batch = await receiver.receive({ ...chunk, offset: chunk.offset + at, bytes });
      if (batch === null) continue;
      const view = batch.bytes.subarray(batch.start, batch.end);
      batches.push({
        bytes: view,
        copy: view.slice(),
        firstSeq: batch.firstSeq,
        last: batch.point.seq,
      });
    }
  }
  let next = 1;
  for (const batch of batches) {
    expect(batch.firstSeq).toBe(next);
    expect(batch.bytes).toEqual(batch.copy);
    next = batch.last + 1;
  }
  expect(next).toBe(21);
});

test('P3 after a forgotten part and after reopening the rest gives the same files', async () => {
  for (let stop = 1; stop < chunks.length; stop++) {
    folder = await temporaryFolder();
    let { log } = await openLog(folder, replica);
    let receiver = startReceiver(log);
    for (const chunk of chunks.slice(0, stop)) await receiver.receive(chunk);
    const part = chunks.at(stop)!;
    const bytes = part.bytes.slice(0, Math.max(segmentHeaderBytes, 200));
    await receiver.receive({ ...part, bytes });
    if (stop % 2 === 0) {
      receiver.forgetPartialRecord();
    } else {
      await log.close();
      ({ log } = await openLog(folder, replica));
      receiver = startReceiver(log);
    }
    const at = receiver.resumeAt;
    const cursor =
      at === null
        ? await master.openCursor({ seq: log.durable.seq + 1 })
        : await master.openCursorAt(at.name, at.offset);
    await pump(cursor, receiver, 700);
    await cursor.close();
    await expectEqual(log);
    await log.close();
  }
});

test('P5 another pattern, another history and another place are refused, and nothing is written', async () => {
  const log = await open();
  const first = chunks.at(0)!;
  await expect(startReceiver(log, 'f'.repeat(32)).receive(first)).rejects.toMatchObject({
    code: 'PATTERN_MISMATCH',
  });
  await expect(startReceiver(log, null).receive(first)).rejects.toMatchObject({
    code: 'PATTERN_MISMATCH',
  });
  const forbidding = log.startReceiving({
    pattern: () => '00112233445566778899aabbccddeeff',
    mayFollow: () => {
      throw new Error('unknown timeline');
    },
    onSegmentClosed: () => undefined,
  });
  await expect(forbidding.receive(first)).rejects.toThrow('unknown timeline');
  const receiver = startReceiver(log);
  for (const name of [
    '1-0123456789abcdef/00000001/0000000000000002.seg',
    '1-0123456789abcdef/00000002/0000000000000001.seg',
    '2-0123456789abcdef/00000001/0000000000000001.seg',
    '../../0000000000000001.seg',
  ]) {
    await expect(receiver.receive({ ...first, name })).rejects.toMatchObject({
      code: 'SEGMENT_INVALID',
    });
  }
  const other = await temporaryFolder();
  const { log: elsewhere } = await openLog(other, {
    ...replica,
    base: { ...base, chain: 1 },
    from: { ...base, chain: 1 },
  });
  await expect(startReceiver(elsewhere).receive(first)).rejects.toMatchObject({
    code: 'DIVERGED',
  });
  await elsewhere.close();
  expect(await realDisk.list(`${folder}/log`)).toMatchObject([{ name: 'synced' }]);
});

test('P4 a gap is refused and named, before and inside a segment', async () => {
  const log = await open();
  const receiver = startReceiver(log);
  const later = chunks.filter((chunk) => chunk.offset === 0).at(1)!;
  await expect(receiver.receive(later)).rejects.toMatchObject({
    code: 'RECORD_GAP',
    context: { expected: 1, received: 7 },
  });
  await receiver.receive(chunks.at(0)!);
  await expect(receiver.receive(chunks.at(2)!)).rejects.toMatchObject({ code: 'RECORD_GAP' });
  await expect(receiver.receive(chunks.at(0)!)).rejects.toMatchObject({ code: 'RECORD_GAP' });
  for (const chunk of chunks.slice(1)) await receiver.receive(chunk);
  await expectEqual(log);
});

test('P5 of bytes with a flipped bit only the good records before it are taken, and the right bytes go on', async () => {
  const whole = (await chunksFrom(1, 1024 * 1024)).at(0)!;
  for (let at = 0; at < whole.bytes.length; at += 31) {
    folder = await temporaryFolder();
    const { log } = await openLog(folder, replica);
    const receiver = startReceiver(log);
    const bytes = whole.bytes.slice();
    flip(bytes, at, 1 << (at % 8));
    const result = await receiver.receive({ ...whole, bytes }).then(
      () => 'taken',
      (error: unknown) => error,
    );
    // A length that became larger looks like a record that is still to come.
    if (result === 'taken') receiver.forgetPartialRecord();
    expect(await log.chainAt(log.durable.seq)).toBe(await master.chainAt(log.durable.seq));
    const place = receiver.resumeAt;
    const offset = place?.offset ?? 0;
    expect(offset).toBeLessThanOrEqual(Math.max(at, segmentHeaderBytes));
    await receiver.receive({ ...whole, offset, bytes: whole.bytes.slice(offset) });
    const first = log.segments().at(0)!;
    expect(Buffer.compare(await realDisk.readFile(first.path), whole.bytes)).toBe(0);
    await log.close();
  }
});

test('P7 a full disk on a replica: erased, and the same bytes are taken when there is space', async () => {
  const disk = new FaultyDisk(realDisk, folder);
  const { log } = await openLog(folder, { ...replica, disk: disk.disk });
  const receiver = startReceiver(log);
  const taken: number[] = [];
  let isFull = false;
  disk.fault = ({ kind, path }) =>
    isFull && kind === 'write' && path.endsWith('.seg') ? { code: 'DISK_FULL', part: 40 } : null;
  for (let at = receiver.resumeAt; log.durable.seq < 20 || at !== null; at = receiver.resumeAt) {
    const cursor =
      at === null
        ? await master.openCursor({ seq: log.durable.seq + 1 })
        : await master.openCursorAt(at.name, at.offset);
    const chunk = (await cursor.next(900))!;
    await cursor.close();
    isFull = !isFull;
    try {
      const batch = await receiver.receive(chunk);
      if (batch !== null) taken.push(batch.firstSeq, batch.point.seq);
    } catch (error) {
      expect(error).toMatchObject({ code: 'DISK_FULL' });
    }
  }
  // No record is lost between what is durable and what was handed on.
  for (let index = 2; index < taken.length; index += 2) {
    expect(taken[index]).toBe(taken.at(index - 1)! + 1);
  }
  expect(taken.at(-1)).toBe(20);
  await expectEqual(log);
  await log.close();
});

test('P7 a full disk met by the trailer does not lose the records that came with it', async () => {
  const disk = new FaultyDisk(realDisk, folder);
  const { log } = await openLog(folder, { ...replica, disk: disk.disk });
  const receiver = startReceiver(log);
  const whole = (await chunksFrom(1, 1024 * 1024)).at(0)!;
  disk.fault = ({ kind, bytes }) =>
    kind === 'write' && bytes === 48 ? { code: 'DISK_FULL', part: 10 } : null;
  const batch = await receiver.receive(whole);
  expect(batch?.point.seq).toBe(6);
  disk.fault = () => null;
  const rest = await chunksFrom(7);
  await expect(receiver.receive(rest.at(0)!)).rejects.toMatchObject({ code: 'DISK_FULL' });
  const at = receiver.resumeAt!;
  const cursor = await master.openCursorAt(at.name, at.offset);
  await pump(cursor, receiver);
  await cursor.close();
  await expectEqual(log);
  await log.close();
});

test('P7 after a failed sync a replica receives nothing until it is opened again', async () => {
  const disk = new FaultyDisk(realDisk, folder);
  const { log } = await openLog(folder, { ...replica, disk: disk.disk });
  const receiver = startReceiver(log);
  disk.fault = ({ kind }) => (kind === 'datasync' ? { code: 'DISK_ERROR' } : null);
  await expect(receiver.receive(chunks.at(0)!)).rejects.toMatchObject({ code: 'DATABASE_FAILED' });
  disk.fault = () => null;
  await expect(receiver.receive(chunks.at(0)!)).rejects.toMatchObject({ code: 'DATABASE_FAILED' });
  expect(receiver.failure).toMatchObject({ code: 'DATABASE_FAILED' });
  expect(log.durable.seq).toBe(0);
  await log.close();
  await expect(receiver.receive(chunks.at(0)!)).rejects.toMatchObject({ code: 'DATABASE_FAILED' });
});
