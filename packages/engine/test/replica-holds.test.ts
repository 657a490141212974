import { expect, test } from 'vitest';
import type { Database } from '../src/database.js';
import { FaultyDisk, copyAs, env, newDatabase, openDatabase, pump } from './workbench.js';

const segmentBytes = 65_536;
const at = (seq: number) => ({ received: seq, durable: seq, applied: seq });

/** Each two of these fill a segment. */
async function write(database: Database, count = 8): Promise<void> {
  for (let index = 0; index < count; index++) await database.put('a', 'x'.repeat(40_000));
}

async function said(database: Database, event: string) {
  return (await database.jobLog.tail(100)).filter((line) => line.event === event);
}

/** Everything but what replicas need may go. */
async function masterWith(settings: { replicaHoldBytes?: number; replicaHoldDays?: number }) {
  const database = await newDatabase({ segmentBytes });
  await database.updateControl({ keepFromSeq: 1_000_000 });
  await database.system.setSettings({ replicaHoldBytes: 0, replicaHoldDays: 0, ...settings });
  return database;
}

test('P10 without a backup closed log past the set size is dropped, and the job log says why and what keeps it', async () => {
  const database = await newDatabase({ segmentBytes });
  await database.system.setSettings({ logBytesWithoutBackup: 4 * segmentBytes });
  await write(database, 6);
  await database.applyRetention();
  expect(database.log.firstSeq).toBe(1);
  await write(database, 10);
  await database.applyRetention();
  expect(database.log.firstSeq).toBeGreaterThan(1);
  const [line] = await said(database, 'log-deleted');
  expect(line?.level).toBe('warning');
  expect(line?.message).toMatch(/logBytesWithoutBackup 256.0 KiB.*pamina backup orders/);
  await database.system.setSettings({ logBytesWithoutBackup: 0 });
  const before = database.log.firstSeq;
  await write(database, 16);
  await database.applyRetention();
  expect(database.log.firstSeq).toBe(before);
});

test('P10 a replica past the cap is lost: on disk, said, and its log is deleted', async () => {
  const database = await masterWith({ replicaHoldBytes: 4 * segmentBytes });
  database.slots.report('i', 'away', at(3));
  await write(database, 6);
  await database.applyRetention();
  expect(database.log.firstSeq).toBeLessThanOrEqual(3);
  expect(database.slots.lost('away')).toBeNull();
  await write(database, 10);
  await database.applyRetention();
  expect(database.log.firstSeq).toBeGreaterThan(4);
  expect(database.slots.lost('away')).toMatchObject({ cap: 'bytes' });
  const [line] = await said(database, 'replica-lost');
  expect(line).toMatchObject({ level: 'error', fields: { replica: 'away', durable: 3 } });
  expect(line?.message).toMatch(/replicaHoldBytes 256.0 KiB.*--recreate.*pamina deny orders away/);
  await database.applyRetention();
  expect(await said(database, 'replica-lost')).toHaveLength(1);
  await database.close();
  const again = await openDatabase(database.folder, { segmentBytes });
  expect(again.slots.lost('away')).toMatchObject({ cap: 'bytes' });
});

test('P10 a replica past the cap is not lost while a backup keeps its log', async () => {
  const database = await masterWith({ replicaHoldBytes: segmentBytes });
  await database.updateControl({ keepFromSeq: 2 });
  database.slots.report('i', 'away', at(3));
  await write(database, 12);
  await database.applyRetention();
  expect(database.log.firstSeq).toBeLessThanOrEqual(2);
  expect(database.slots.lost('away')).toBeNull();
});

test('P10 of several replicas those within the cap keep their log, also a slower one behind a lost one', async () => {
  const database = await masterWith({ replicaHoldBytes: 4 * segmentBytes });
  database.slots.report('i1', 'away', at(3));
  await write(database, 8);
  const near = database.log.durable.seq;
  database.slots.report('i2', 'near', at(near));
  await write(database, 6);
  await database.applyRetention();
  expect(database.slots.lost('away')).not.toBeNull();
  expect(database.slots.lost('near')).toBeNull();
  expect(database.log.firstSeq).toBeGreaterThan(4);
  expect(database.log.firstSeq).toBeLessThanOrEqual(near);
});

test('P10 a loss that cannot be written down does not happen: the log is still held', async () => {
  const faulty = new FaultyDisk();
  const database = await newDatabase({ segmentBytes, env: { ...env, disk: faulty.disk } });
  await database.updateControl({ keepFromSeq: 1_000_000 });
  await database.system.setSettings({ replicaHoldBytes: segmentBytes, replicaHoldDays: 0 });
  database.slots.report('i', 'away', at(3));
  await database.slots.save();
  faulty.fault = (step) => (step.path.endsWith('away.json') ? 'DISK_FULL' : null);
  await write(database, 12);
  await database.applyRetention();
  expect(database.log.firstSeq).toBeLessThanOrEqual(3);
  expect(database.slots.lost('away')).toBeNull();
  faulty.fault = () => null;
  await database.applyRetention();
  expect(database.slots.lost('away')).not.toBeNull();
  expect(database.log.firstSeq).toBeGreaterThan(4);
});

test('P10 a lost replica that is taken back holds again, and a report alone takes nobody back', async () => {
  const database = await masterWith({ replicaHoldBytes: 4 * segmentBytes });
  database.slots.report('i', 'away', at(3));
  // It is connected: its feed pins the log.
  const unpin = database.log.pin(3);
  await write(database, 16);
  await database.applyRetention();
  expect(database.slots.lost('away')).not.toBeNull();
  expect(database.log.firstSeq).toBeLessThanOrEqual(3);
  const { seq } = database.log.durable;
  database.slots.report('i', 'away', at(seq));
  expect(database.slots.lost('away')).not.toBeNull();
  await database.slots.takeBack('away');
  expect(database.slots.lost('away')).toBeNull();
  unpin();
  await database.applyRetention();
  expect(database.log.firstSeq).toBeLessThanOrEqual(seq);
  expect(database.slots.lost('away')).toBeNull();
});

test('P10 who holds most is told while the log grows, again when it has doubled, and once only', async () => {
  const database = await masterWith({ replicaHoldBytes: 8 * segmentBytes });
  database.slots.report('i', 'away', at(3));
  database.slots.report('i', 'nearer', at(8));
  await write(database, 10);
  await database.applyRetention();
  const [first, ...more] = await said(database, 'log-held');
  expect(first).toMatchObject({ level: 'warning', fields: { replica: 'away', durable: 3 } });
  expect(first?.message).toMatch(
    /held for the replica away.*replicaHoldBytes 512.0 KiB.*pamina deny/,
  );
  expect(more).toEqual([]);
  await database.applyRetention();
  expect(await said(database, 'log-held')).toHaveLength(1);
});

test('P10 a replica that feeds others holds log for them by the caps of its master', async () => {
  const first = await newDatabase();
  await first.put('base', '1');
  await first.close();
  const folder = await copyAs('replica', first.folder, 'middle');
  const master = await openDatabase(first.folder, { segmentBytes });
  await master.system.setSettings({ replicaHoldBytes: 4 * segmentBytes, replicaHoldDays: 0 });
  const middle = await openDatabase(folder, { segmentBytes });
  await middle.updateControl({ keepFromSeq: 1_000_000 });
  await pump(master, middle);
  middle.slots.report('i', 'behind', at(3));
  await write(master, 6);
  await pump(master, middle);
  await middle.whenApplied(middle.durable().seq);
  await middle.applyRetention();
  expect(middle.log.firstSeq).toBeLessThanOrEqual(3);
  expect(middle.slots.lost('behind')).toBeNull();
  await write(master, 10);
  await pump(master, middle);
  await middle.whenApplied(middle.durable().seq);
  await middle.applyRetention();
  expect(middle.slots.lost('behind')).toMatchObject({ cap: 'bytes' });
  expect(middle.log.firstSeq).toBeGreaterThan(4);
  // The master keeps its own log for whom it knows, and does not know of this one.
  expect(master.slots.list()).toEqual([]);
});
