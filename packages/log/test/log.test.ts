// Retention, chains and waiting: what the log promises to those who read it.
import { checkRecord, newRecordHeader, recordHeaderBytes } from '@pamina/format';
import { beforeEach, expect, test } from 'vitest';
import type { Log } from '../src/log.js';
import { FaultyDisk } from './faulty-disk.js';
import {
  append,
  base,
  bodies,
  body,
  cleanUp,
  commit,
  openLog,
  realDisk,
  sessionHeader,
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

/** Segments of four records. */
async function write(count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const seq = await commit(writing.appender, body(log.durable.seq + 1));
    if (seq % 4 === 0) await switchSegment(writing);
  }
}

test('P10 deletion honours pins and stops before the last segment', async () => {
  await write(20);
  const unpin = log.pin(6);
  const other = log.pin(11);
  expect((await log.deleteBefore(100)).length).toBe(1);
  expect(log.firstSeq).toBe(5);
  unpin();
  unpin();
  expect((await log.deleteBefore(100)).length).toBe(1);
  expect(log.firstSeq).toBe(9);
  other();
  expect(await log.deleteBefore(12)).toEqual([]);
  expect((await log.deleteBefore(13)).length).toBe(1);
  expect((await log.deleteBefore(100)).length).toBe(1);
  expect(log.segments().length).toBe(1);
  expect(await log.deleteBefore(Infinity)).toEqual([]);
  await log.close();
  const again = await openLog(folder, { from: { ...log.durable } });
  expect(again.log.durable).toEqual(log.durable);
  expect([...(await bodies(again.log)).keys()]).toEqual([17, 18, 19, 20]);
  await again.log.close();
});

test('P10 a pin that comes while files are being removed is honoured', async () => {
  await write(20);
  const removing = log.deleteBefore(100);
  const unpin = log.pin(7);
  expect(await removing).toHaveLength(1);
  expect(log.firstSeq).toBe(5);
  unpin();
});

test('P10 a segment without a durable record is not taken for the last one', async () => {
  await write(4);
  const place = await temporaryFolder();
  const disk = new FaultyDisk(realDisk, place);
  const { log: held } = await openLog(place, { disk: disk.disk });
  const { appender } = await startWriting(held);
  await commit(appender, body(1));
  let letGo: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  appender.switchSegment();
  const asked = new Promise<void>((resolve) => {
    disk.before = ({ kind }) => {
      if (kind !== 'datasync') return undefined;
      resolve();
      return gate;
    };
  });
  const { group } = append(appender, body(2));
  await asked;
  expect(held.segments().length).toBe(2);
  expect(await held.deleteBefore(100)).toEqual([]);
  letGo();
  await group.done;
  expect(await held.deleteBefore(100)).toHaveLength(1);
  await held.close();
});

test('P10 a file that cannot be removed stays in the log', async () => {
  await write(9);
  const place = log.segments().at(0)!.path;
  await realDisk.rename(place, `${place}.kept`);
  await realDisk.makeFolder(place);
  await expect(log.deleteBefore(100)).rejects.toThrow(/cannot remove/);
  expect(log.firstSeq).toBe(1);
  await realDisk.removeTree(place);
  expect(await log.deleteBefore(100)).toHaveLength(2);
});

test('P5 the chain at every record is the one that a recomputation gives', async () => {
  await write(14);
  const expected = new Map<number, number>([[0, base.chain]]);
  let chain = base.chain;
  const header = newRecordHeader();
  for (const segment of log.segments()) {
    const bytes = await realDisk.readFile(segment.path);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 128;
    let seq = segment.firstSeq;
    while (checkRecord(bytes, view, at, bytes.length, seq, chain, header) === 'record') {
      chain = header.checksum;
      expected.set(seq++, chain);
      at += header.length;
    }
  }
  expect(expected.size).toBe(15);
  for (const [seq, value] of expected) expect(await log.chainAt(seq), `${seq}`).toBe(value);
  expect(await log.chainAt(15)).toBeNull();
  expect(await log.chainAt(-1)).toBeNull();
  await log.deleteBefore(9);
  expect(await log.chainAt(7)).toBeNull();
  expect(await log.chainAt(8)).toBe(expected.get(8));
});

test('P16 a waiter wakes for a commit, for a closed segment, for an abort and at close', async () => {
  await write(1);
  await log.waitForMore(0);
  const byCommit = log.waitForMore(1);
  await write(1);
  await byCommit;
  const byClose = log.waitForMore(2);
  await switchSegment(writing);
  await byClose;
  const controller = new AbortController();
  const aborted = log.waitForMore(2, controller.signal);
  controller.abort(new Error('enough'));
  await expect(aborted).rejects.toThrow('enough');
  await expect(log.waitForMore(2, controller.signal)).rejects.toThrow('enough');
  const atEnd = log.waitForMore(2);
  await log.close();
  await atEnd;
});

test('P4 records carry number, time, body and place, within the range asked for', async () => {
  await write(10);
  const seqs: number[] = [];
  for await (const record of log.records(3, 7)) {
    seqs.push(record.header.seq);
    expect(record.body).toEqual(body(record.header.seq));
    expect(record.header.length).toBe(record.body.length + recordHeaderBytes);
    const file = await realDisk.readFile(record.segment.path);
    expect(file.slice(record.offset + 32, record.offset + 132)).toEqual(body(record.header.seq));
  }
  expect(seqs).toEqual([3, 4, 5, 6, 7]);
  expect((await log.records(11).next()).done).toBe(true);
});

test('P10 sessions go on in new log spaces and the log reads as one', async () => {
  await write(3);
  await log.close();
  for (let session = 2; session <= 5; session++) {
    const opened = await openLog(folder);
    const { appender } = await startWriting(opened.log, sessionHeader({ session }));
    await commit(appender, body(session + 2));
    expect(opened.log.segments().length).toBe(session);
    await opened.log.close();
  }
  const last = await openLog(folder);
  expect([...(await bodies(last.log)).keys()]).toEqual([1, 2, 3, 4, 5, 6, 7]);
  await last.log.close();
});
