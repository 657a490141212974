// A segment whose close failed at its sync: the page cache shows the trailer, the disk may not have it.
import type { Disk } from '@pamina/env';
import { PaminaError } from '@pamina/format';
import { cp } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { FaultyDisk } from './faulty-disk.js';
import {
  bodies,
  body,
  commit,
  openLog,
  realDisk,
  sessionHeader,
  startWriting,
  temporaryFolder,
} from './workbench.js';

test('P7 a trailer that may be in the page cache only is written again at open, before the log goes on', async () => {
  const folder = await temporaryFolder();
  const first = new FaultyDisk(realDisk, folder);
  const opened = await openLog(folder, { disk: first.disk });
  const writing = await startWriting(opened.log);
  for (let seq = 1; seq <= 3; seq++) await commit(writing.appender, body(seq));
  first.fault = ({ kind, path }) =>
    kind === 'sync' && path.endsWith('.seg') ? { code: 'DISK_ERROR' } : null;
  await expect(opened.log.close()).rejects.toMatchObject({ code: 'DISK_ERROR' });
  // The same disk, and a process that knows nothing of what failed.
  first.fault = () => null;
  const again = await openLog(folder, { disk: first.disk });
  const next = await startWriting(again.log, sessionHeader({ session: 2 }));
  await commit(next.appender, body(4));
  first.cutPower();
  await again.log.close().catch((error: unknown) => {
    expect(error).toMatchObject({ code: 'DISK_ERROR' });
  });
  for (let seed = 0; seed < 20; seed++) {
    const survived = await temporaryFolder();
    await first.survivors(survived, () => ((seed * 7919 + 13) % 20) / 20);
    const { log } = await openLog(survived);
    expect([...(await bodies(log)).keys()]).toEqual([1, 2, 3, 4]);
    await log.close();
  }
  expect(await realDisk.stat(join(folder, 'log'))).not.toBeNull();
});

test('P8 the folder of a session is synced also if it is there already: whoever made it may have failed at that', async () => {
  const folder = await temporaryFolder();
  const synced: string[] = [];
  const syncFolder = async (path: string): Promise<void> => {
    synced.push(path);
    await realDisk.syncFolder(path);
  };
  const { log } = await openLog(folder, { disk: { ...realDisk, syncFolder } });
  const session = join(folder, 'log', '1-0123456789abcdef', '00000001');
  await realDisk.makeFolder(session);
  const { appender } = await startWriting(log);
  await commit(appender, body(1));
  expect(synced).toEqual(
    expect.arrayContaining([join(folder, 'log'), join(session, '..'), session]),
  );
  await log.close();
});

test('P8 P11 the name of the last segment on a new timeline is synced also if it is there already: whoever moved it may have failed at that', async () => {
  const folder = await temporaryFolder();
  const second = sessionHeader({ timeline: 2, timelineId: 'fedcba9876543210', session: 2 });
  const { log: received } = await openLog(folder);
  const { appender } = await startWriting(received);
  await commit(appender, body(1));
  const open = await temporaryFolder();
  await cp(folder, open, { recursive: true });
  await received.close();
  const rename: Disk['rename'] = async (from, to, options) => {
    await realDisk.rename(from, to, options);
    throw new PaminaError('DISK_ERROR', 'the folder could not be synced');
  };
  const replica = { ownTimelineId: null };
  const { log: failing } = await openLog(open, { ...replica, disk: { ...realDisk, rename } });
  await expect(startWriting(failing, second)).rejects.toMatchObject({ code: 'DISK_ERROR' });
  await failing.close();
  const done: string[] = [];
  const syncFolder = async (path: string): Promise<void> => {
    done.push(relative(open, path));
    await realDisk.syncFolder(path);
  };
  const { log } = await openLog(open, { ...replica, disk: { ...realDisk, syncFolder } });
  const writing = await startWriting(log, second);
  const [segment] = log.segments();
  expect(segment).toMatchObject({ closed: true, place: { timeline: 2, lastSeq: 1 } });
  expect(done).toContain(dirname(relative(open, segment?.path ?? '')));
  await commit(writing.appender, body(2));
  await log.close();
});

test('P9 a header that was damaged under an open log is told by whoever reads the segment', async () => {
  const folder = await temporaryFolder();
  const { log } = await openLog(folder);
  const { appender } = await startWriting(log);
  await commit(appender, body(1));
  const [segment] = log.segments();
  const path = segment?.path ?? '';
  const file = await realDisk.open(path, 'write');
  const byte = new Uint8Array(1);
  await file.read(byte, 70);
  await file.write(Uint8Array.of((byte[0] ?? 0) ^ 1), 70);
  await file.close();
  await expect(bodies(log)).rejects.toMatchObject({
    code: 'LOG_DAMAGED',
    context: { file: path, offset: 70 },
  });
  await log.close();
});
