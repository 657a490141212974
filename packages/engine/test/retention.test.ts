import { archiveHeldBytesMax, logBytesWithoutBackupDefault } from '@pamina/format';
import type { Log } from '@pamina/log';
import { expect, test } from 'vitest';
import { firstSeqToKeep } from '../src/retention.js';
import type { Slot } from '../src/slots.js';
import { env, newDatabase } from './workbench.js';

/** A log of closed segments of ten records each, the first of which starts with record 1. */
function logOf(segmentBytes: number, count: number): Log {
  const segments = Array.from({ length: count }, (_, index) => ({
    firstSeq: index * 10 + 1,
    lastSeq: index * 10 + 10,
    bytes: segmentBytes,
    closed: true,
  }));
  return { segments: () => segments, firstSeq: 1 } as unknown as Log;
}

function slotAt(durable: number): Slot {
  const positions = { received: durable + 5, durable, applied: durable };
  return { name: 'a', instance: 'i', seenAt: 0, ...positions };
}

const bytesWithoutBackup = logBytesWithoutBackupDefault;
const eighth = bytesWithoutBackup / 8;

test('P10 kept is what local recovery, the replicas seen here and the kept backups need', () => {
  const log = logOf(1000, 10);
  const needs = { checkpointSeq: 95, keepFromSeq: 70, slots: [], bytesWithoutBackup };
  expect(firstSeqToKeep(log, needs)).toBe(70);
  expect(firstSeqToKeep(log, { ...needs, slots: [slotAt(42), slotAt(80)] })).toBe(42);
  expect(firstSeqToKeep(log, { ...needs, checkpointSeq: 30 })).toBe(31);
  expect(firstSeqToKeep(log, { ...needs, keepFromSeq: 99 })).toBe(96);
});

test('without a backup old log is dropped past the stated size, never what a replica needs', () => {
  const needs = { checkpointSeq: 1000, keepFromSeq: null, slots: [], bytesWithoutBackup };
  expect(firstSeqToKeep(logOf(eighth, 8), needs)).toBe(1);
  expect(firstSeqToKeep(logOf(eighth, 10), needs)).toBe(21);
  expect(firstSeqToKeep(logOf(eighth, 10), { ...needs, slots: [slotAt(4)] })).toBe(4);
  expect(firstSeqToKeep(logOf(eighth, 10), { ...needs, bytesWithoutBackup: 0 })).toBe(1);
});

test('P10 log is kept until every archive has it, up to the stated size', () => {
  const needs = {
    checkpointSeq: 1000,
    keepFromSeq: 95,
    slots: [],
    bytesWithoutBackup,
    archiveFromSeqs: [41, 71],
  };
  expect(firstSeqToKeep(logOf(1000, 10), needs)).toBe(41);
  expect(firstSeqToKeep(logOf(archiveHeldBytesMax / 4, 10), needs)).toBe(61);
  expect(firstSeqToKeep(logOf(archiveHeldBytesMax, 10), needs)).toBe(91);
});

test("P10 the segment that ends with a replica's last record is kept: it may lack the trailer", () => {
  const needs = { checkpointSeq: 95, keepFromSeq: 90, slots: [slotAt(40)], bytesWithoutBackup };
  expect(firstSeqToKeep(logOf(1000, 10), needs)).toBe(40);
});

test('P10 a run deletes whole closed segments that nobody needs, says so, and spares a reader', async () => {
  const database = await newDatabase({ segmentBytes: 65_536 });
  const write = async (): Promise<void> => {
    for (let index = 0; index < 8; index++) await database.put('a', 'x'.repeat(40_000));
  };
  await write();
  await database.applyRetention();
  expect(database.log.firstSeq).toBe(1);
  await database.updateControl({ keepFromSeq: 6 });
  const unpin = database.log.pin(4);
  await database.applyRetention();
  expect(database.log.firstSeq).toBeLessThanOrEqual(4);
  unpin();
  database.slots.report('i', 'replica', { received: 5, durable: 5, applied: 5 });
  await database.applyRetention();
  expect(database.log.firstSeq).toBe(5);
  await database.slots.forget('replica');
  await database.applyRetention();
  expect(database.log.firstSeq).toBe(6);
  await database.updateControl({ keepFromSeq: 1000 });
  await write();
  await database.applyRetention();
  expect(database.log.firstSeq).toBeGreaterThan(10);
  const events = await database.jobLog.tail(50);
  expect(events.filter(({ event }) => event === 'log-deleted').length).toBeGreaterThanOrEqual(3);
});

test('P10 log is kept for an archive that does not take it up to the stated age, and given up loudly', async () => {
  const dayMs = 24 * 60 * 60 * 1000;
  let ahead = 0;
  const clock = {
    ...env.clock,
    now: () => env.clock.now() + ahead,
    monotonic: () => env.clock.monotonic() + ahead,
  };
  const database = await newDatabase({ segmentBytes: 65_536, env: { ...env, clock } });
  const archive = {
    name: 'away',
    address: '/mnt/away',
    database: 'orders',
    recipients: null,
    identityFile: null,
    credentialsFile: null,
    fromSeq: 3,
  };
  await database.updateControl({ archives: [archive], keepFromSeq: 1000 });
  const write = async (): Promise<void> => {
    for (let index = 0; index < 8; index++) await database.put('a', 'x'.repeat(40_000));
  };
  await database.system.setSettings({ archiveHoldDays: 3 });
  await write();
  const old = database.log.durable.seq;
  ahead += 2 * dayMs;
  await write();
  await database.applyRetention();
  expect(database.log.firstSeq).toBeLessThanOrEqual(3);
  ahead += 1.5 * dayMs;
  await database.applyRetention();
  expect(database.log.firstSeq).toBeGreaterThan(3);
  expect(database.log.firstSeq).toBeLessThanOrEqual(old + 1);
  await database.applyRetention();
  const events = await database.jobLog.tail(50);
  const said = events.filter(({ event }) => event === 'archive-hold-given-up');
  expect(said).toHaveLength(1);
  expect(said[0]).toMatchObject({ level: 'error', fields: { archive: 'away', fromSeq: 3 } });
  expect(said[0]?.message).toMatch(/3 days .* full backup/);
});

test('P10 an archive that takes log, however old, is waited for', async () => {
  let ahead = 0;
  const clock = {
    ...env.clock,
    now: () => env.clock.now() + ahead,
    monotonic: () => env.clock.monotonic() + ahead,
  };
  const database = await newDatabase({ segmentBytes: 65_536, env: { ...env, clock } });
  for (let index = 0; index < 8; index++) await database.put('a', 'x'.repeat(40_000));
  ahead += 30 * 24 * 60 * 60 * 1000;
  const archive = {
    name: 'new',
    address: '/mnt/new',
    database: 'orders',
    recipients: null,
    identityFile: null,
    credentialsFile: null,
    fromSeq: 2,
    progressedAt: clock.now(),
  };
  await database.updateControl({ archives: [archive], keepFromSeq: 1000 });
  await database.applyRetention();
  expect(database.log.firstSeq).toBeLessThanOrEqual(2);
});

test('P10 a database that was closed for long gives its archives an hour to take what is left', async () => {
  let ahead = 10 * 24 * 60 * 60 * 1000;
  const clock = { ...env.clock, now: () => env.clock.now() + ahead };
  const database = await newDatabase({ segmentBytes: 65_536, env: { ...env, clock } });
  const archive = {
    name: 'main',
    address: '/mnt/main',
    database: 'orders',
    recipients: null,
    identityFile: null,
    credentialsFile: null,
    fromSeq: 2,
  };
  await database.updateControl({ archives: [archive], keepFromSeq: 1000 });
  for (let index = 0; index < 8; index++) await database.put('a', 'x'.repeat(40_000));
  ahead *= 2;
  await database.applyRetention();
  expect(database.log.firstSeq).toBeLessThanOrEqual(2);
});
