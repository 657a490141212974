// What opening makes of a torn tail, of damage and of a half-done promotion (P6, P7, P11).
import {
  decodeSynced,
  encodeSegmentHeader,
  encodeSynced,
  isPaminaError,
  segmentHeaderBytes,
  segmentTrailerBytes,
} from '@pamina/format';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { FaultyDisk } from './faulty-disk.js';
import {
  append,
  base,
  bodies,
  body,
  commit,
  flip,
  filesOf,
  firstTimeline,
  openLog,
  realDisk,
  sessionHeader,
  startWriting,
  temporaryFolder,
} from './workbench.js';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});

const firstName = '1-0123456789abcdef/00000001/0000000000000001.seg';
const pathOf = (name: string): string => join(folder, 'log', name);
const syncedPath = (): string => join(folder, 'log', 'synced');

/** A log as kill -9 leaves it: everything written, nothing closed. */
async function killed(count: number, bytes = 100): Promise<void> {
  const disk = new FaultyDisk(realDisk, folder);
  const { log } = await openLog(folder, { disk: disk.disk });
  const { appender } = await startWriting(log);
  for (let seq = 1; seq <= count; seq++) await commit(appender, body(seq, bytes));
  disk.cutPower();
  await expect(log.close()).rejects.toThrow('power is off');
}

async function closed(count: number, bytes = 100): Promise<void> {
  const { log } = await openLog(folder);
  const { appender } = await startWriting(log);
  for (let seq = 1; seq <= count; seq++) await commit(appender, body(seq, bytes));
  await log.close();
}

async function change(path: string, by: (bytes: Uint8Array) => Uint8Array | void): Promise<void> {
  const bytes = await realDisk.readFile(path);
  await realDisk.replaceFile(path, by(bytes) ?? bytes);
}

async function opened(): Promise<{ seqs: number[]; events: string[] } | { refused: string }> {
  try {
    const { log, events } = await openLog(folder);
    const found = await bodies(log);
    for (const [seq, bytes] of found) expect(bytes).toEqual(body(seq, bytes.length));
    await log.close();
    return { seqs: [...found.keys()], events: events.map(({ event }) => event) };
  } catch (error) {
    if (!isPaminaError(error)) throw error;
    expect(error.code === 'LOG_DAMAGED' || error.code === 'FORMAT_UNKNOWN', error.message).toBe(
      true,
    );
    return { refused: error.message };
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Each record of `killed` and `closed` is this long. */
const recordBytes = 132;
const startOf = (seq: number): number => segmentHeaderBytes + (seq - 1) * recordBytes;

test('P6 a torn tail is cut and kept beside', async () => {
  await killed(3);
  const torn = body(77, 60);
  await change(pathOf(firstName), (bytes) => bytes.set(torn, startOf(4)));
  expect(await opened()).toEqual({ seqs: [1, 2, 3], events: ['torn-tail-cut'] });
  const kept = await realDisk.readFile(`${pathOf(firstName)}.torn-${startOf(4)}`);
  expect(kept).toEqual(torn);
  expect(await opened()).toEqual({ seqs: [1, 2, 3], events: [] });
});

test('P6 reserved space behind the records is no torn tail', async () => {
  await killed(3);
  expect((await realDisk.stat(pathOf(firstName)))!.bytes).toBeGreaterThan(startOf(4));
  expect(await opened()).toEqual({ seqs: [1, 2, 3], events: [] });
});

test('P6 damage below the synced offset is refused with file and offset', async () => {
  await killed(5);
  await change(pathOf(firstName), (bytes) => {
    flip(bytes, startOf(3) + 50, 1);
  });
  await expect(openLog(folder)).rejects.toMatchObject({
    code: 'LOG_DAMAGED',
    context: { file: pathOf(firstName), offset: startOf(3) },
  });
});

test('P6 with log/synced lost a later record proves the damage, wherever it is', async () => {
  await killed(5);
  await realDisk.remove(syncedPath());
  const whole = await realDisk.readFile(pathOf(firstName));
  // Records 1 to 4: the group behind each says that it was synced.
  for (let at = segmentHeaderBytes; at < startOf(5); at += 3) {
    const bytes = whole.slice();
    flip(bytes, at, 0x10);
    await realDisk.replaceFile(pathOf(firstName), bytes);
    const offset = startOf(Math.floor((at - segmentHeaderBytes) / recordBytes) + 1);
    await expect(openLog(folder), `byte ${at}`).rejects.toMatchObject({
      code: 'LOG_DAMAGED',
      context: { file: pathOf(firstName), offset },
    });
  }
});

test('P6 on a replica the notes of the master about its own disk prove nothing', async () => {
  await killed(5);
  await realDisk.remove(syncedPath());
  await change(pathOf(firstName), (bytes) => {
    flip(bytes, startOf(3) + 50, 1);
  });
  const { log, events } = await openLog(folder, { ownTimelineId: null });
  expect(log.durable.seq).toBe(2);
  expect(events.map(({ event }) => event)).toEqual(['torn-tail-cut']);
  await log.close();
});

test('P6 a bit flipped at any byte of a closed log is refused or harmless', async () => {
  const { log } = await openLog(folder);
  const { appender } = await startWriting(log);
  for (let seq = 1; seq <= 3; seq++) await commit(appender, body(seq, 20));
  appender.switchSegment();
  for (let seq = 4; seq <= 6; seq++) await commit(appender, body(seq, 20));
  await log.close();
  const files = await filesOf(folder, log);
  const synced = await realDisk.readFile(syncedPath());
  for (const [name, whole] of files) {
    const isLast = name === [...files.keys()].at(-1);
    for (let at = 0; at < whole.length; at++) {
      for (const isSyncedLost of [false, true]) {
        const bytes = whole.slice();
        flip(bytes, at, 1 << (at % 8));
        await realDisk.replaceFile(pathOf(name), bytes);
        if (isSyncedLost) await realDisk.removeTree(syncedPath());
        else await realDisk.replaceFile(syncedPath(), synced);
        const result = await opened();
        // Only what nobody says was synced may be mended: the trailer of the last segment.
        if (isLast && isSyncedLost && at >= whole.length - segmentTrailerBytes) {
          expect(result, `${name} ${at}`).toEqual({ seqs: upTo(6), events: ['torn-tail-cut'] });
        } else {
          expect(result, `${name} ${at} ${isSyncedLost}`).toHaveProperty('refused');
        }
      }
      await realDisk.replaceFile(pathOf(name), whole);
    }
  }
  await realDisk.replaceFile(syncedPath(), synced);
  expect(await opened()).toEqual({ seqs: upTo(6), events: [] });
}, 120_000);

test('P6 truncation at any length opens to a prefix or is refused', async () => {
  const { log } = await openLog(folder);
  const { appender } = await startWriting(log);
  for (let seq = 1; seq <= 4; seq++) await commit(appender, body(seq, 20));
  await log.close();
  const whole = await realDisk.readFile(pathOf(firstName));
  const synced = await realDisk.readFile(syncedPath());
  for (let length = 0; length < whole.length; length++) {
    await realDisk.replaceFile(pathOf(firstName), whole.slice(0, length));
    await realDisk.replaceFile(syncedPath(), synced);
    expect(await opened(), `${length}`).toHaveProperty('refused');
    await realDisk.remove(syncedPath());
    const result = await opened();
    if ('seqs' in result) {
      const records = Math.floor((length - segmentHeaderBytes) / 52);
      expect(result.seqs, `${length}`).toEqual(upTo(Math.max(0, Math.min(records, 4))));
    } else {
      expect(length).toBeGreaterThan(0);
      expect(length).toBeLessThan(segmentHeaderBytes);
    }
    await realDisk.removeTree(dirname(pathOf(firstName)));
    await realDisk.makeFolder(dirname(pathOf(firstName)));
  }
}, 120_000);

test('P6 a segment missing in the middle, at the end or at the start is named', async () => {
  const { log } = await openLog(folder);
  const { appender } = await startWriting(log);
  for (let seq = 1; seq <= 4; seq++) {
    await commit(appender, body(seq));
    appender.switchSegment();
  }
  await log.close();
  const names = log.segments().map((segment) => segment.name);
  const whole = await Promise.all(names.map((name) => realDisk.readFile(pathOf(name))));
  const codes: unknown[] = [];
  for (const [index, name] of names.entries()) {
    await realDisk.remove(pathOf(name));
    codes.push(
      await openLog(folder).then(
        () => 'opened',
        (error: unknown) => (isPaminaError(error) ? `${error.code} ${error.message}` : error),
      ),
    );
    await realDisk.replaceFile(pathOf(name), whole.at(index)!);
  }
  expect(codes).toEqual([
    expect.stringMatching(/^LOG_GONE records 1 to 1 are missing/),
    expect.stringMatching(/^LOG_DAMAGED .*records 2 to 2 are missing/),
    expect.stringMatching(/^LOG_DAMAGED .*records 3 to 3 are missing/),
    expect.stringMatching(/^LOG_DAMAGED .*record 4 is missing/),
  ]);
});

test('P6 a trailer that a power cut left torn or in front of reserved zeros is written again', async () => {
  await closed(3);
  const { log } = await openLog(folder);
  const end = startOf(4);
  await log.close();
  const whole = await realDisk.readFile(pathOf(firstName));
  // The last note of a sync is about the records, not about the trailer.
  await change(syncedPath(), (bytes) => encodeSynced({ ...decodeSynced(bytes)!, offset: end }));
  const synced = await realDisk.readFile(syncedPath());
  const grown = new Uint8Array(whole.length + 5000);
  grown.set(whole);
  const torn = whole.slice();
  torn.fill(0, end + 20);
  for (const bytes of [grown, torn, whole.slice(0, end + 30), whole.slice(0, end)]) {
    await realDisk.replaceFile(pathOf(firstName), bytes);
    await realDisk.replaceFile(syncedPath(), synced);
    expect(await opened()).toMatchObject({ seqs: [1, 2, 3] });
    const again = await openLog(folder);
    await again.log.closeOpenTail(1, firstTimeline.timelineId);
    await again.log.close();
    expect(await realDisk.readFile(pathOf(firstName))).toEqual(whole);
  }
  grown[grown.length - 1] = 1;
  await realDisk.replaceFile(pathOf(firstName), grown);
  expect(await opened()).toHaveProperty('refused');
});

test('P6 a segment that was being born when the power went is put aside, a proven one is not', async () => {
  await killed(3);
  const whole = await realDisk.readFile(pathOf(firstName));
  await realDisk.remove(syncedPath());
  await change(pathOf(firstName), (bytes) => bytes.fill(0, 0, segmentHeaderBytes));
  expect(await opened()).toHaveProperty('refused');
  for (const bytes of [
    new Uint8Array(0),
    new Uint8Array(5000),
    whole.slice(0, segmentHeaderBytes),
    // Written in part by a process that was killed; with reserved space behind it.
    whole.slice(0, 100),
    Uint8Array.from({ length: 5000 }, (_, at) => (at < 64 ? (whole[at] ?? 0) : 0)),
  ]) {
    await realDisk.replaceFile(pathOf(firstName), bytes);
    expect(await opened()).toEqual({ seqs: [], events: ['unborn-segment-dropped'] });
  }
});

test('P8 a segment whose beginning failed and that came back is put aside for the one that took its place', async () => {
  await closed(3);
  const whole = await realDisk.readFile(pathOf(firstName));
  for (const stray of [new Uint8Array(0), whole.slice(0, segmentHeaderBytes)]) {
    const name = '1-0123456789abcdef/00000002/0000000000000001.seg';
    await realDisk.makeFolder(dirname(pathOf(name)));
    await realDisk.replaceFile(pathOf(name), stray);
    expect(await opened()).toEqual({ seqs: [1, 2, 3], events: ['unborn-segment-dropped'] });
    expect(await realDisk.stat(pathOf(name))).toBeNull();
  }
});

test('P6 an empty segment behind a closed one is put aside and the one before is verified', async () => {
  await closed(3);
  const { log } = await openLog(folder);
  const { chain } = log.durable;
  await log.close();
  const name = '1-0123456789abcdef/00000002/0000000000000004.seg';
  const header = encodeSegmentHeader({
    ...sessionHeader({ session: 2 }),
    firstSeq: 4,
    chainBefore: chain,
    startTime: 5000,
  });
  await realDisk.makeFolder(dirname(pathOf(name)));
  await realDisk.replaceFile(pathOf(name), header);
  const again = await openLog(folder, { from: { seq: 3, chain, time: 0 } });
  expect(again.events.map(({ event }) => event)).toEqual(['unborn-segment-dropped']);
  expect(again.log.durable.seq).toBe(3);
  expect(again.log.segments()).toMatchObject([{ closed: true, lastSeq: 3 }]);
  const { appender } = await startWriting(again.log, sessionHeader({ session: 2 }));
  expect(await commit(appender, body(4))).toBe(4);
  await again.log.close();
  expect(await opened()).toEqual({ seqs: [1, 2, 3, 4], events: [] });
});

test('P4 opening from a checkpoint reads no older segment and still ships and chains all', async () => {
  const { log } = await openLog(folder);
  const { appender } = await startWriting(log);
  const points = [base];
  for (let seq = 1; seq <= 9; seq++) {
    await commit(appender, body(seq));
    points.push(log.durable);
    if (seq % 3 === 0) appender.switchSegment();
  }
  await log.close();
  const again = await openLog(folder, { from: points.at(7)!, watch: [6, 7, 9] });
  expect([...again.log.chains]).toEqual([6, 7, 9].map((seq) => [seq, points.at(seq)!.chain]));
  expect(again.log.segments().map(({ closed, lastSeq }) => [closed, lastSeq])).toEqual([
    [true, 3],
    [true, 6],
    [true, 9],
  ]);
  expect([...(await bodies(again.log)).keys()]).toEqual(upTo(9));
  await again.log.close();
});

test('P4 commits go on after any crash with the next number and a closed tail', async () => {
  await killed(3);
  for (let session = 2; session <= 4; session++) {
    const disk = new FaultyDisk(realDisk, folder);
    const { log } = await openLog(folder, { disk: disk.disk });
    const { appender } = await startWriting(log, sessionHeader({ session }));
    const seq = session + 2;
    expect(await commit(appender, body(seq))).toBe(seq);
    append(appender, body(seq + 1));
    disk.cutPower();
    await expect(log.close()).rejects.toMatchObject({ code: 'DISK_ERROR' });
  }
  expect(await opened()).toMatchObject({ seqs: upTo(6), events: [] });
});

test('P11 a promotion closes the received tail as a copy on its own timeline', async () => {
  await killed(3);
  const second = { timeline: 2, timelineId: 'fedcba9876543210' };
  const { log } = await openLog(folder, { ownTimelineId: null });
  const tail = await realDisk.readFile(pathOf(firstName));
  const { appender } = await startWriting(log, sessionHeader({ ...second, session: 2 }));
  const name = '2-fedcba9876543210/00000001/0000000000000001-0000000000000003.seg';
  expect(log.segments().map((segment) => segment.name)).toEqual([name]);
  expect(await realDisk.stat(pathOf(firstName))).toBeNull();
  const copy = await realDisk.readFile(pathOf(name));
  expect(copy.subarray(0, startOf(4))).toEqual(tail.subarray(0, startOf(4)));
  expect(copy.length).toBe(startOf(4) + segmentTrailerBytes);
  expect(await commit(appender, body(4))).toBe(4);
  await log.close();
  const again = await openLog(folder, { ownTimelineId: second.timelineId });
  expect(again.events).toEqual([]);
  expect([...(await bodies(again.log)).keys()]).toEqual([1, 2, 3, 4]);
  await again.log.close();
});

test('P11 a crash between the two halves of a promotion is mended at the next open', async () => {
  await killed(3);
  const tail = await realDisk.readFile(pathOf(firstName));
  const first = await openLog(folder, { ownTimelineId: null });
  await first.log.closeOpenTail(2, 'fedcba9876543210');
  await first.log.close();
  await realDisk.replaceFile(pathOf(firstName), tail);
  const { log } = await openLog(folder, { ownTimelineId: null });
  expect(log.segments().map(({ place, closed }) => [place.timeline, closed])).toEqual([[2, true]]);
  expect(log.durable.seq).toBe(3);
  expect(await realDisk.stat(pathOf(firstName))).toBeNull();
  await log.close();
});

test('P11 of two segments with one first record only the copy of a promotion supersedes the other', async () => {
  await closed(3);
  const name = '2-fedcba9876543210/00000001/0000000000000001.seg';
  await realDisk.makeFolder(dirname(pathOf(name)));
  await realDisk.replaceFile(pathOf(name), await realDisk.readFile(pathOf(firstName)));
  expect(await opened()).toHaveProperty('refused');
  expect(await realDisk.stat(pathOf(firstName))).not.toBeNull();
});
