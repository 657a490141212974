import { join } from 'node:path';
import { PaminaError, segmentBytesMin } from '@pamina/format';
import type { Disk, DiskFile } from '@pamina/env';
import { expect, test } from 'vitest';
import { reserveForBytesMax } from '../src/segment-writer.js';
import {
  append,
  bodies,
  body,
  commit,
  openLog,
  pump,
  realDisk,
  startReceiver,
  startWriting,
  temporaryFolder,
} from './workbench.js';

/** Counts the files that are made and what is written to the prepared one. */
function watchedDisk(fault: (path: string) => boolean = () => false): {
  disk: Disk;
  made: string[];
  /** Syncs of the prepared file that are done. */
  synced: { count: number };
} {
  const made: string[] = [];
  const synced = { count: 0 };
  const open: Disk['open'] = async (path, mode) => {
    if (mode === 'create') made.push(path);
    const file = await realDisk.open(path, mode);
    if (!path.endsWith('prepared')) return file;
    const write: DiskFile['write'] = (bytes, at) =>
      fault(path)
        ? Promise.reject(
            new PaminaError('DISK_FULL', 'full', { context: { operation: 'write', path } }),
          )
        : file.write(bytes, at);
    return {
      path,
      write,
      read: (into, at) => file.read(into, at),
      datasync: async () => {
        await file.datasync();
        synced.count++;
      },
      sync: () => file.sync(),
      truncate: (bytes) => file.truncate(bytes),
      size: () => file.size(),
      close: () => file.close(),
    };
  };
  return { disk: { ...realDisk, open }, made, synced };
}

/** The prepared file is there and whole. */
async function untilPrepared(folder: string): Promise<void> {
  await expect
    .poll(async () => (await realDisk.stat(join(folder, 'log', 'prepared')))?.bytes, {
      timeout: 30_000,
    })
    .toBe(segmentBytesMin);
}

test('the next segment is made while the one before it fills, and is what the log goes on with', async () => {
  const folder = await temporaryFolder();
  const { disk, made, synced } = watchedDisk();
  const { log } = await openLog(folder, { disk });
  const writing = await startWriting(log);
  await commit(writing.appender, body(1, segmentBytesMin / 2));
  await commit(writing.appender, body(2));
  // One step is all of so small a segment; its size is there before its sync.
  await expect.poll(() => synced.count, { timeout: 30_000 }).toBe(1);
  const before = made.length;
  await commit(writing.appender, body(3, segmentBytesMin / 2));
  expect(log.segments()).toHaveLength(2);
  // The one after it may be begun by now.
  expect(made.slice(before).filter((path) => !path.endsWith('prepared'))).toEqual([]);
  await log.close();
  expect(await realDisk.stat(join(folder, 'log', 'prepared'))).toBeNull();
  const again = await openLog(folder);
  expect(await bodies(again.log)).toEqual(
    new Map([
      [1, body(1, segmentBytesMin / 2)],
      [2, body(2)],
      [3, body(3, segmentBytesMin / 2)],
    ]),
  );
  await again.log.close();
});

test('P6 a segment in prepared space ends where its records end, also after a crash', async () => {
  const folder = await temporaryFolder();
  const { log } = await openLog(folder);
  const writing = await startWriting(log);
  await commit(writing.appender, body(1, segmentBytesMin / 2));
  await commit(writing.appender, body(2));
  await untilPrepared(folder);
  await commit(writing.appender, body(3, segmentBytesMin / 2));
  const copy = await temporaryFolder();
  const { cp } = await import('node:fs/promises');
  await cp(folder, copy, { recursive: true });
  await log.close();
  const { log: recovered, events } = await openLog(copy);
  expect([...(await bodies(recovered)).keys()]).toEqual([1, 2, 3]);
  expect(events).toEqual([]);
  await recovered.close();
});

test('what a crash left of a prepared segment is removed at the next open', async () => {
  const folder = await temporaryFolder();
  await realDisk.makeFolder(join(folder, 'log'));
  await realDisk.replaceFile(join(folder, 'log', 'prepared'), new Uint8Array(1000));
  const { log } = await openLog(folder);
  expect(await realDisk.stat(join(folder, 'log', 'prepared'))).toBeNull();
  await log.close();
});

test('a disk too full to prepare a segment takes no commit with it, and it is tried again', async () => {
  const folder = await temporaryFolder();
  let isFull = true;
  const { disk } = watchedDisk(() => isFull);
  const { log } = await openLog(folder, { disk });
  const { appender, failures } = await startWriting(log);
  await commit(appender, body(1, segmentBytesMin / 2));
  await commit(appender, body(2));
  await commit(appender, body(3, segmentBytesMin / 2));
  expect(log.segments()).toHaveLength(2);
  isFull = false;
  const { group } = append(appender, body(4));
  await group.done;
  await untilPrepared(folder);
  await log.close();
  expect(failures).toEqual([]);
});

test('P7 a disk without room for the name of a prepared segment refuses commits and does not fail the log', async () => {
  const folder = await temporaryFolder();
  let isFull = false;
  const { disk: watched } = watchedDisk();
  const full = (operation: string, path: string): PaminaError =>
    new PaminaError('DISK_FULL', 'full', { context: { operation, path } });
  const disk: Disk = {
    ...watched,
    rename: (from, to) =>
      isFull ? Promise.reject(full('rename', from)) : watched.rename(from, to),
    open: (path, mode) =>
      isFull && mode === 'create' ? Promise.reject(full('create', path)) : watched.open(path, mode),
  };
  const { log } = await openLog(folder, { disk });
  const { appender, failures } = await startWriting(log);
  await commit(appender, body(1, segmentBytesMin / 2));
  await commit(appender, body(2));
  await untilPrepared(folder);
  isFull = true;
  const { group } = append(appender, body(3, segmentBytesMin / 2));
  await expect(group.done).rejects.toMatchObject({ code: 'DISK_FULL' });
  isFull = false;
  await commit(appender, body(4, segmentBytesMin / 2));
  await commit(appender, body(5));
  await untilPrepared(folder);
  await log.close();
  expect(failures).toEqual([]);
  const again = await openLog(folder);
  expect([...(await bodies(again.log)).keys()]).toEqual([1, 2, 3, 4]);
  await again.log.close();
});

/** Sizes of the bodies of what a replica receives into two segments; how many of its segments were made anew. */
async function madeAnew(...sizes: readonly [number, ...number[]]): Promise<number> {
  const source = await temporaryFolder();
  const { log: master } = await openLog(source);
  const { appender } = await startWriting(master);
  for (const [index, size] of sizes.entries()) await commit(appender, body(index + 1, size));
  expect(master.segments()).toHaveLength(2);
  const { disk, made, synced } = watchedDisk();
  const folder = await temporaryFolder();
  const { log } = await openLog(folder, { disk, ownTimelineId: null });
  const receiver = startReceiver(log);
  const cursor = await master.openCursor({ seq: 1 });
  const first = (await cursor.next(segmentBytesMin * 4))!;
  await receiver.receive(first);
  const isPrepared = made.some((path) => path.endsWith('prepared'));
  if (isPrepared) await expect.poll(() => synced.count, { timeout: 30_000 }).toBeGreaterThan(0);
  await pump(cursor, receiver);
  await cursor.close();
  await log.close();
  await master.close();
  expect(await realDisk.stat(join(folder, 'log', 'prepared'))).toBeNull();
  const again = await openLog(folder, { ownTimelineId: null });
  expect(again.log.durable).toEqual(master.durable);
  await again.log.close();
  return made.filter((path) => !path.endsWith('prepared')).length;
}

test('P3 the next segment of a replica is made while the one before it fills', async () => {
  expect(await madeAnew(segmentBytesMin / 2, 1, segmentBytesMin / 2)).toBe(1);
});

test('a replica that catches up in large chunks prepares no segments', async () => {
  expect(await madeAnew(reserveForBytesMax, segmentBytesMin)).toBe(2);
});
