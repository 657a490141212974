import { backupGenerationsDefault, replicationDelayMsDefault } from '@pamina/format';
import { expect, test, vi } from 'vitest';
import { codeOf, contents, crashCopy, newDatabase, openDatabase } from './workbench.js';

test('settings have defaults, travel by commits, and are there after a crash', async () => {
  const database = await newDatabase();
  const byDefault = {
    replicationDelayMs: replicationDelayMsDefault,
    backupGenerations: backupGenerationsDefault,
    backupForm: 'logical',
    backupAudit: true,
    backupDaily: 0,
    backupWeekly: 0,
    backupMonthly: 0,
    backupAgeDaysMax: 0,
    backupNoDelete: false,
    archiveKeepHours: 24,
    archiveHoldDays: 7,
    logBytesWithoutBackup: 1024 ** 3,
    replicaHoldBytes: 64 * 1024 ** 3,
    replicaHoldDays: 30,
    archiveHeartbeatMinutes: 60,
    synchronousReplicas: 0,
    synchronousNames: '',
    synchronousPolicy: 'wait',
    synchronousTimeoutMs: 10_000,
  };
  expect(database.settings()).toEqual(byDefault);
  const { seq } = database.durable();
  await database.system.setSettings({ replicationDelayMs: 0 });
  await database.system.setSettings({ backupGenerations: 7, backupForm: 'physical' });
  expect(database.durable().seq).toBe(seq + 2);
  const recovered = await openDatabase(await crashCopy(database.folder));
  expect(recovered.settings()).toEqual({
    ...byDefault,
    replicationDelayMs: 0,
    backupGenerations: 7,
    backupForm: 'physical',
  });
  expect(await contents(recovered)).toEqual({});
});

test('permitted names are listed in order, and denied again', async () => {
  const database = await newDatabase();
  await database.permit('b', { simultaneousQuery: false });
  await database.permit('a', { simultaneousQuery: true });
  expect(await database.permitted()).toMatchObject([
    { name: 'a', simultaneousQuery: true },
    { name: 'b', simultaneousQuery: false },
  ]);
  expect(await database.system.deny('b')).toBe(true);
  expect(await database.system.deny('b')).toBe(false);
  expect(await codeOf(database.permit('../a', { simultaneousQuery: true }))).toBe('NAME_INVALID');
  const recovered = await openDatabase(await crashCopy(database.folder));
  expect(await recovered.permitted()).toMatchObject([{ name: 'a' }]);
});

test('settings and permitted names are read once while nothing is committed, and anew behind each commit', async () => {
  const database = await newDatabase();
  await database.permit('a', { simultaneousQuery: false });
  await database.system.setSettings({ replicationDelayMs: 0 });
  const reads = [vi.spyOn(database.reader, 'entries'), vi.spyOn(database.reader, 'getSync')];
  const readsOf = () => reads.map((read) => read.mock.calls.length);
  const look = async () => {
    const permitted = await database.permitted();
    return [database.settings().replicationDelayMs, ...permitted.map(({ name }) => name)];
  };
  expect(await look()).toEqual([0, 'a']);
  await database.whenApplied(database.durable().seq);
  expect(await look()).toEqual([0, 'a']);
  const before = readsOf();
  for (let again = 0; again < 3; again += 1) expect(await look()).toEqual([0, 'a']);
  expect(readsOf()).toEqual(before);
  await database.permit('b', { simultaneousQuery: false });
  await database.system.setSettings({ replicationDelayMs: 7 });
  expect(await look()).toEqual([7, 'a', 'b']);
  await database.system.deny('a');
  expect(await look()).toEqual([7, 'b']);
  // Whoever was given them may do with them as he likes.
  (await database.permitted()).pop();
  expect(await look()).toEqual([7, 'b']);
});

test('simultaneous query switches the log, its segments say so, and the job log says it at session start', async () => {
  const database = await newDatabase();
  const lockData = async (): Promise<boolean[]> => {
    const headers = database.log.segments().map((segment) => database.log.header(segment));
    return (await Promise.all(headers)).map((header) => header.lockData);
  };
  await database.permit('a', { simultaneousQuery: true });
  await database.put('x', '1');
  expect(await lockData()).toEqual([false, true]);
  await database.permit('b', { simultaneousQuery: true });
  await database.put('x', '2');
  expect(await lockData()).toEqual([false, true]);
  await database.close();
  const again = await openDatabase(database.folder);
  const starts = (await again.jobLog.tail(50)).filter(({ event }) => event === 'session-started');
  expect(starts.map(({ message }) => message)).toEqual([
    'Session 1 started. No replication databases allow simultaneous query',
    'Session 2 started. At least one replication database allows simultaneous query',
  ]);
});

test('documents are found by the beginning of their names', async () => {
  const database = await newDatabase();
  await database.system.put('users/anna', { role: 'admin' });
  await database.system.put('users/bert', { role: 'reader' });
  await database.system.put('usersx', 1);
  expect(await database.system.list('users/')).toEqual([
    ['users/anna', { role: 'admin' }],
    ['users/bert', { role: 'reader' }],
  ]);
  await database.system.delete('users/anna');
  expect(await database.system.get('users/anna')).toBeUndefined();
  expect(await database.system.get('users/bert')).toEqual({ role: 'reader' });
});

test('P9 a document that cannot be read is told', async () => {
  const database = await newDatabase();
  await database.commit([{ type: 'put', key: 'settings', value: Uint8Array.of(0xc1) }], {
    space: 'system',
  });
  expect(() => database.settings()).toThrow(/settings is not readable/);
  expect(await codeOf(database.system.get('settings'))).toBe('STORE_DAMAGED');
});

test('P12 many changes of who is permitted, all at once, end with the lock data that the last of them asks for', async () => {
  const database = await newDatabase();
  for (const last of [true, false]) {
    const changes = Array.from({ length: 20 }, (_, at) =>
      database.permit('a', { simultaneousQuery: at === 19 ? last : at % 2 === 0 }),
    );
    await Promise.all(changes);
    expect(await database.permitted()).toMatchObject([{ simultaneousQuery: last }]);
    expect(database.lockData).toBe(last);
  }
});
