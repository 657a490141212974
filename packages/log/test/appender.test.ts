// Group commit, rolling, and what a failing disk does to commits in flight (P1, P4, P7).
import {
  RecordKind,
  isPaminaError,
  recordHeaderBytes,
  segmentBytesMin,
  segmentHeaderBytes,
  type PaminaError,
} from '@pamina/format';
import { beforeEach, expect, test } from 'vitest';
import type { Log, LogOptions } from '../src/log.js';
import type { OpeningRecord } from '../src/segment-opening.js';
import { FaultyDisk, type FileOperation } from './faulty-disk.js';
import {
  append,
  bodies,
  body,
  commit,
  cleanUp,
  openLog,
  realDisk,
  sessionHeader,
  startWriting,
  temporaryFolder,
} from './workbench.js';

let folder: string;
let faulty: FaultyDisk;

beforeEach(async () => {
  folder = await temporaryFolder();
  faulty = new FaultyDisk(realDisk, folder);
});

async function open(change: Partial<LogOptions> = {}): Promise<Log> {
  const { log } = await openLog(folder, { disk: faulty.disk, ...change });
  return log;
}

const isSegment = (path: string): boolean => path.endsWith('.seg');

/** Fails every such operation on a segment until told to stop. */
function failing(kind: FileOperation, code: 'DISK_FULL' | 'DISK_ERROR', part = 0): () => void {
  faulty.fault = (operation) =>
    operation.kind === kind && isSegment(operation.path) ? { code, part } : null;
  return () => {
    faulty.fault = () => null;
  };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'resolved';
  } catch (error) {
    return isPaminaError(error) ? error.code : String(error);
  }
}

async function expectReopened(count: number, first = 1): Promise<void> {
  const { log } = await openLog(folder);
  const found = await bodies(log);
  expect([...found.keys()]).toEqual(Array.from({ length: count }, (_, index) => first + index));
  for (const [seq, bytes] of found) expect(bytes, `record ${seq}`).toEqual(body(seq, bytes.length));
  await log.close();
}

test('P1 commits of one turn share one sync, and commits during a sync form the next group', async () => {
  const log = await open();
  const { appender } = await startWriting(log);
  await commit(appender, body(1));
  const before = faulty.count('datasync');
  const first = Array.from({ length: 50 }, (_, index) => append(appender, body(2 + index)));
  await Promise.all(first.map(({ group }) => group.done));
  expect(faulty.count('datasync')).toBe(before + 1);
  expect(new Set(first.map(({ group }) => group)).size).toBe(1);
  expect(log.durable.seq).toBe(51);
  await log.close();
  await expectReopened(51);
});

test('P1 no commit is acknowledged before its sync has ended', async () => {
  const log = await open();
  const { appender } = await startWriting(log);
  await commit(appender, body(1));
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  const asked = new Promise<void>((resolve) => {
    faulty.before = (operation) => {
      if (operation.kind !== 'datasync') return undefined;
      resolve();
      return held;
    };
  });
  let isDone = false;
  const { group } = append(appender, body(2));
  const done = group.done.then(() => (isDone = true));
  await asked;
  expect(isDone).toBe(false);
  expect(log.durable.seq).toBe(1);
  letGo();
  await done;
  expect(log.durable.seq).toBe(2);
  await log.close();
});

test('P1 segments roll at their size, also with many groups queued while one rolls', async () => {
  const log = await open();
  const { appender } = await startWriting(log);
  const waiting: Promise<void>[] = [];
  for (let seq = 1; seq <= 400; seq++) {
    waiting.push(append(appender, body(seq, 1000)).group.done);
    if (seq % 37 === 0) await waiting.at(-1);
  }
  await Promise.all(waiting);
  expect(log.segments().length).toBeGreaterThan(5);
  for (const segment of log.segments().slice(0, -1)) {
    expect(segment.closed).toBe(true);
    expect(segment.bytes).toBeLessThanOrEqual(64 * 1024 + 48);
    expect(segment.bytes).toBeGreaterThan(60 * 1024);
  }
  await log.close();
  expect(log.segments().every((segment) => segment.closed)).toBe(true);
  await expectReopened(400);
});

test('P1 a record larger than a segment has one of its own', async () => {
  const log = await open();
  const { appender } = await startWriting(log);
  await commit(appender, body(1));
  await commit(appender, body(2, 300_000));
  await commit(appender, body(3));
  expect(log.segments().map((segment) => segment.firstSeq)).toEqual([1, 2, 3]);
  await log.close();
  await expectReopened(3);
});

test('P10 a switch closes the segment at once, without another commit', async () => {
  let closed = 0;
  const log = await open();
  const { appender } = await startWriting(log, sessionHeader(), {
    onSegmentClosed: () => closed++,
  });
  await commit(appender, body(1));
  // As a backup does it: in the continuation of the commit itself.
  const ended = new Promise<void>((resolve) => {
    const stop = log.onDurable(() => {
      if (!log.segments().at(0)!.closed) return;
      stop();
      resolve();
    });
  });
  const { group } = append(appender, body(2));
  await group.done.then(() => appender.switchSegment());
  await ended;
  expect(closed).toBe(1);
  await commit(appender, body(3));
  expect(log.segments().map((segment) => segment.firstSeq)).toEqual([1, 3]);
  await log.close();
  await expectReopened(3);
});

test('a switch asked for behind the record that opens a segment closes that one too', async () => {
  const log = await open();
  const { appender } = await startWriting(log);
  await commit(appender, body(1));
  appender.switchSegment();
  const ended = new Promise<void>((resolve) => {
    const stop = log.onDurable(() => {
      if (log.segments().filter(({ closed }) => closed).length < 2) return;
      stop();
      resolve();
    });
  });
  // As two backups do without a commit between them.
  append(appender, body(2));
  appender.switchSegment();
  await ended;
  expect(log.segments().map(({ firstSeq, lastSeq }) => [firstSeq, lastSeq])).toEqual([
    [1, 1],
    [2, 2],
  ]);
  await log.close();
  await expectReopened(2);
});

test('P1 a switch takes the new session header along, also with groups in flight', async () => {
  const log = await open();
  const { appender } = await startWriting(log);
  const before = append(appender, body(1));
  appender.switchSegment(sessionHeader({ lockData: true }));
  appender.switchSegment(sessionHeader({ lockData: true, session: 2 }));
  const after = append(appender, body(2));
  await Promise.all([before.group.done, after.group.done]);
  const headers = await Promise.all(log.segments().map((segment) => log.header(segment)));
  expect(headers.map(({ session, lockData, firstSeq }) => [session, lockData, firstSeq])).toEqual([
    [1, false, 1],
    [2, true, 2],
  ]);
  await log.close();
});

test('P4 a reservation whose encoder threw leaves no gap and no stale session', async () => {
  const log = await open();
  const { appender } = await startWriting(log);
  appender.reserve(50_000);
  expect(await commit(appender, body(1))).toBe(1);
  appender.reserve(200_000);
  expect(await commit(appender, body(2))).toBe(2);
  appender.switchSegment();
  appender.reserve(10);
  appender.switchSegment(sessionHeader({ session: 7 }));
  expect(await commit(appender, body(3))).toBe(3);
  expect((await log.header(log.segments().at(-1)!)).session).toBe(7);
  await log.close();
  await expectReopened(3);
});

test('P4 a record that cannot be sealed leaves nothing behind', async () => {
  const log = await open();
  const { appender } = await startWriting(log);
  appender.reserve(10);
  expect(() => appender.seal(RecordKind.commit, 2 ** 28)).toThrow(/cannot be encoded/);
  await commit(appender, body(1));
  appender.switchSegment();
  appender.reserve(10);
  expect(() => appender.seal(RecordKind.commit, 2 ** 28)).toThrow(/cannot be encoded/);
  await commit(appender, body(2));
  await log.close();
  await expectReopened(2);
});

test('P13 beyond the backlog bound a commit is refused, and taken again after release', async () => {
  const log = await open({ backlogBytesMax: 10_000 });
  const { appender } = await startWriting(log);
  const groups = new Set<unknown>();
  expect(() => {
    for (let seq = 1; seq <= 1000; seq++) groups.add(append(appender, body(seq)).group);
  }).toThrow(expect.objectContaining({ code: 'BACKLOG_FULL' }));
  const last = appender.encoded.seq;
  for (const group of groups) await (group as { done: Promise<void> }).done;
  expect(log.durable.seq).toBe(last);
  expect(appender.backlogBytes).toBe(0);
  expect(await commit(appender, body(last + 1))).toBe(last + 1);
  await log.close();
  await expectReopened(last + 1);
});

test('P13 groups that wait for the store hold little more memory than their commits', async () => {
  const log = await open();
  const held: { bytes: Uint8Array }[] = [];
  const { appender } = await startWriting(log, sessionHeader(), {
    onDurable: (group) => {
      held.push(group);
      group.complete();
    },
  });
  for (let seq = 1; seq <= 200; seq++) await commit(appender, body(seq));
  expect(held.length).toBe(200);
  const buffers = new Set(held.map((group) => group.bytes.buffer));
  let bytes = 0;
  for (const buffer of buffers) bytes += buffer.byteLength;
  expect(bytes).toBeLessThan(16 * 1024 * 1024);
  // Small as they are, a million of them would fill the memory: each counts for what it costs.
  expect(appender.backlogBytes).toBeGreaterThan(200 * 500);
  for (const group of held) appender.release(group as never);
  expect(appender.backlogBytes).toBe(0);
  await log.close();
  await expectReopened(200);
});

test('P7 a failed sync: in flight unknown, the rest and all that follow refused', async () => {
  const log = await open();
  const { appender, failures } = await startWriting(log);
  await commit(appender, body(1));
  failing('datasync', 'DISK_ERROR');
  const first = append(appender, body(2));
  const asked = new Promise<void>((resolve) => {
    faulty.before = (operation) => (operation.kind === 'write' ? resolve() : undefined);
  });
  await asked;
  const second = append(appender, body(3));
  expect(second.group).not.toBe(first.group);
  expect(await codeOf(first.group.done)).toBe('COMMIT_UNKNOWN');
  expect(await codeOf(second.group.done)).toBe('DATABASE_FAILED');
  expect(() => append(appender, body(4))).toThrow(
    expect.objectContaining({ code: 'DATABASE_FAILED' }),
  );
  expect(failures.map((error) => (error as PaminaError).code)).toEqual(['DATABASE_FAILED']);
  expect(log.durable.seq).toBe(1);
  await log.close();
});

test('P7 a full disk met by a sync is as fatal as any failed sync', async () => {
  const log = await open();
  const { appender } = await startWriting(log);
  await commit(appender, body(1));
  failing('datasync', 'DISK_FULL');
  expect(await codeOf(append(appender, body(2)).group.done)).toBe('COMMIT_UNKNOWN');
  expect(() => appender.reserve(1)).toThrow(expect.objectContaining({ code: 'DATABASE_FAILED' }));
  await log.close();
});

test('P7 after a failed sync opening writes the unproven tail again and syncs it', async () => {
  const log = await open();
  const { appender } = await startWriting(log);
  const heal = failing('datasync', 'DISK_ERROR');
  expect(await codeOf(append(appender, body(1)).group.done)).toBe('COMMIT_UNKNOWN');
  heal();
  await log.close();
  // The page cache shows record 1 and the header; the platters have neither.
  const again = await open();
  expect(again.durable.seq).toBe(1);
  faulty.cutPower();
  await codeOf(again.close());
  const after = await temporaryFolder();
  await faulty.survivors(after, () => 0.999_999);
  const { log: third } = await openLog(after);
  expect(third.durable.seq).toBe(1);
  expect((await bodies(third)).get(1)).toEqual(body(1));
  await third.close();
});

test('P7 a full disk: refused after erasing, numbers used again, no gap', async () => {
  const log = await open();
  const { appender, failures } = await startWriting(log);
  await commit(appender, body(1));
  const heal = failing('write', 'DISK_FULL', 17);
  const refused = [append(appender, body(100)), append(appender, body(101))];
  for (const { group } of refused) expect(await codeOf(group.done)).toBe('DISK_FULL');
  expect(appender.backlogBytes).toBe(0);
  const segment = log.segments().at(0)!;
  expect((await realDisk.stat(segment.path))!.bytes).toBe(segment.bytes);
  heal();
  expect(await commit(appender, body(2))).toBe(2);
  expect(failures).toEqual([]);
  await log.close();
  await expectReopened(2);
});

test('P7 a full disk met by the first group of a segment leaves no trace of it', async () => {
  let closed = 0;
  const log = await open();
  const { appender } = await startWriting(log, sessionHeader(), {
    onSegmentClosed: () => closed++,
  });
  faulty.fault = ({ kind, path, at }) =>
    kind === 'write' && isSegment(path) && at === segmentHeaderBytes ? { code: 'DISK_FULL' } : null;
  const cursor = await log.openCursor({ seq: 1 });
  const { group } = append(appender, body(1));
  expect(await codeOf(group.done)).toBe('DISK_FULL');
  expect(log.segments()).toEqual([]);
  expect(closed).toBe(0);
  faulty.fault = () => null;
  expect(await commit(appender, body(1))).toBe(1);
  expect((await cursor.next(1000))!.lastSeq).toBe(1);
  await cursor.close();
  await log.close();
  await expectReopened(1);
});

test('P7 a full disk met while a segment is closed or created is retried and loses no switch', async () => {
  for (const kind of ['trailer', 'header', 'create'] as const) {
    const place = await temporaryFolder();
    const disk = new FaultyDisk(realDisk, place);
    const { log } = await openLog(place, { disk: disk.disk });
    const { appender, failures } = await startWriting(log);
    await commit(appender, body(1));
    let isOn = true;
    disk.fault = (operation) => {
      if (!isOn || !isSegment(operation.path)) return null;
      const isHit =
        kind === 'create'
          ? operation.kind === 'create'
          : operation.kind === 'write' && operation.bytes === (kind === 'trailer' ? 48 : 128);
      return isHit ? { code: 'DISK_FULL', part: 20 } : null;
    };
    appender.switchSegment(sessionHeader({ session: 2 }));
    expect(await codeOf(append(appender, body(2)).group.done), kind).toBe('DISK_FULL');
    expect(await codeOf(append(appender, body(2)).group.done), kind).toBe('DISK_FULL');
    isOn = false;
    expect(await commit(appender, body(2)), kind).toBe(2);
    expect(failures).toEqual([]);
    expect(log.segments().map((segment) => segment.place.session)).toEqual([1, 2]);
    await log.close();
    const { log: again, events } = await openLog(place);
    expect(events).toEqual([]);
    expect((await bodies(again)).size).toBe(2);
    await again.close();
  }
});

test('P7 a full disk met by a switch without commits harms nobody', async () => {
  const log = await open();
  const { appender, failures } = await startWriting(log);
  await commit(appender, body(1));
  const heal = failing('write', 'DISK_FULL', 5);
  const tried = new Promise<void>((resolve) => {
    faulty.before = ({ kind }) => (kind === 'sync' ? resolve() : undefined);
  });
  appender.switchSegment();
  await tried;
  heal();
  expect(await commit(appender, body(2))).toBe(2);
  expect(failures).toEqual([]);
  expect(log.segments().map((segment) => segment.firstSeq)).toEqual([1, 2]);
  await log.close();
  await expectReopened(2);
});

test('P7 a failed sync while a segment is closed: nothing that was not written is unknown', async () => {
  const log = await open();
  const { appender, failures } = await startWriting(log);
  await commit(appender, body(1));
  failing('sync', 'DISK_ERROR');
  appender.switchSegment();
  const { group } = append(appender, body(2));
  expect(await codeOf(group.done)).toBe('DATABASE_FAILED');
  expect(failures.length).toBe(1);
  faulty.fault = () => null;
  await log.close();
  await expectReopened(1);
});

test('P7 reserved space that cannot be had harms nobody; another error of it is fatal', async () => {
  const log = await open();
  const { appender } = await startWriting(log);
  const isZeros = (bytes: number): boolean => bytes >= 60_000;
  let code: 'DISK_FULL' | 'DISK_ERROR' = 'DISK_FULL';
  faulty.fault = ({ kind, path, bytes }) =>
    kind === 'write' && isSegment(path) && isZeros(bytes) ? { code, part: 100 } : null;
  for (let seq = 1; seq <= 5; seq++) expect(await commit(appender, body(seq))).toBe(seq);
  code = 'DISK_ERROR';
  const outcomes = new Set<string>();
  for (let seq = 6; seq <= 12 && outcomes.size < 2; seq++) {
    outcomes.add(await codeOf(append(appender, body(seq)).group.done));
  }
  expect([...outcomes]).toEqual(['resolved', 'COMMIT_UNKNOWN']);
  expect(() => appender.reserve(1)).toThrow(expect.objectContaining({ code: 'DATABASE_FAILED' }));
  await log.close();
});

test('P1 zeros that are reserved late never wipe out a record', async () => {
  const log = await open({ segmentBytes: 1024 * 1024 });
  const { appender } = await startWriting(log);
  faulty.before = async ({ kind, bytes }) => {
    if (kind !== 'write' || bytes < 60_000) return;
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  for (let seq = 1; seq <= 60; seq++) await commit(appender, body(seq, 7000));
  await log.close();
  await expectReopened(60);
});

test('P1 close waits for all that was sealed, refuses the rest, and may be called twice', async () => {
  const log = await open();
  const { appender } = await startWriting(log);
  const groups = Array.from({ length: 300 }, (_, index) => append(appender, body(index + 1, 900)));
  const closing = [log.close(), log.close()];
  expect(() => appender.reserve(1)).toThrow(expect.objectContaining({ code: 'DATABASE_OFFLINE' }));
  await Promise.all(closing);
  await Promise.all(groups.map(({ group }) => group.done));
  await expectReopened(300);
});

test('P7 a full disk at close leaves an open segment that the next open closes', async () => {
  const log = await open();
  const { appender } = await startWriting(log);
  await commit(appender, body(1));
  failing('write', 'DISK_FULL', 9);
  await log.close();
  await expectReopened(1);
});

test('P7 a failed sync at close is reported, and what was acknowledged is there', async () => {
  const log = await open();
  const { appender } = await startWriting(log);
  await commit(appender, body(1));
  failing('sync', 'DISK_ERROR');
  expect(await codeOf(log.close())).toBe('DISK_ERROR');
  await expectReopened(1);
});

test('P7 a group whose listener throws does not leave others waiting for ever', async () => {
  const log = await open();
  const { appender } = await startWriting(log, sessionHeader(), {
    onDurable: () => {
      throw new Error('a bug in the store');
    },
  });
  const { group } = append(appender, body(1));
  expect(await codeOf(group.done)).toBe('COMMIT_UNKNOWN');
  expect(() => appender.reserve(1)).toThrow(expect.objectContaining({ code: 'DATABASE_FAILED' }));
  await log.close();
  await expectReopened(1);
});

test('P4 commit times never go back', async () => {
  let now = 5_000_000;
  const log = await open({
    clock: { now: () => now, soon: (task: () => void) => process.nextTick(task) } as never,
  });
  const { appender } = await startWriting(log);
  await commit(appender, body(1));
  now = 1000;
  await commit(appender, body(2));
  appender.switchSegment();
  await commit(appender, body(3));
  const times: number[] = [];
  for await (const record of log.records(1)) times.push(record.header.time);
  expect(times).toEqual([5_000_000, 5_000_000, 5_000_000]);
  cleanUp(() => log.close());
});

/** What a segment with lock data begins with in these tests: one record of so many bytes. */
function opening(bytes: number): { opening: () => OpeningRecord[] } {
  return { opening: () => (bytes > 0 ? [{ kind: RecordKind.locks, body: body(0, bytes) }] : []) };
}

async function kindsBySegment(log: Log): Promise<number[][]> {
  const kinds = new Map<string, number[]>();
  for await (const { header, segment } of log.records(1)) {
    kinds.set(segment.name, [...(kinds.get(segment.name) ?? []), header.kind]);
  }
  return [...kinds.values()];
}

test('P12 each segment with lock data begins with what is held, and none without', async () => {
  const log = await open();
  const writing = await startWriting(log, sessionHeader({ lockData: true }), opening(50));
  for (let seq = 0; seq < 3; seq++) await commit(writing.appender, body(seq, 30_000));
  writing.appender.switchSegment(sessionHeader({ lockData: false }));
  await commit(writing.appender, body(9));
  const { commit: one, locks } = RecordKind;
  expect(await kindsBySegment(log)).toEqual([[locks, one, one], [locks, one], [one]]);
  await log.close();
});

test('P12 what a segment begins with does not make it full, however long that is', async () => {
  const log = await open();
  const writing = await startWriting(
    log,
    sessionHeader({ lockData: true }),
    opening(segmentBytesMin * 2),
  );
  for (let seq = 0; seq < 3; seq++) await commit(writing.appender, body(seq, 20_000));
  const { commit: one, locks } = RecordKind;
  expect(await kindsBySegment(log)).toEqual([[locks, one, one, one]]);
  await log.close();
});

test('P12 where lock data is taken back from a full disk the next segment says what is held', async () => {
  const log = await open();
  const { appender } = await startWriting(log, sessionHeader({ lockData: true }), opening(0));
  await commit(appender, body(1));
  const mend = failing('write', 'DISK_FULL');
  const reserved = appender.reserve(20);
  reserved.bytes.set(body(2, 20), reserved.end + recordHeaderBytes);
  expect(await codeOf(appender.seal(RecordKind.lock, 20).done)).toBe('DISK_FULL');
  mend();
  await commit(appender, body(2));
  expect(await kindsBySegment(log)).toEqual([[RecordKind.commit], [RecordKind.commit]]);
  // A commit that is taken back says nothing of locks.
  const again = failing('write', 'DISK_FULL');
  expect(await codeOf(commit(appender, body(3)))).toBe('DISK_FULL');
  again();
  await commit(appender, body(3));
  expect(await kindsBySegment(log)).toEqual([
    [RecordKind.commit],
    [RecordKind.commit, RecordKind.commit],
  ]);
  await log.close();
});
