// Queries on a replica whose store fails, whose disk is full, whose master has died, and whose limits change.
import { expect, test } from 'vitest';
import { SlowStores } from './slow-stores.js';
import { face, isPending, queryPair, settled } from './query-pair.js';
import { cleanUp, codeOf, crashCopy, openDatabase, pump, there, until } from './workbench.js';

test('P12 a lock is not free while the store that failed under its commit is opened again', async () => {
  const slow = new SlowStores();
  const { master, replica, carry, catchUp } = await queryPair({ a: '0' }, { replicaEnv: slow.env });
  const writer = await master.begin();
  await writer.put('a', '1');
  await catchUp();
  const reader = await replica.begin({ isolation: 'committedCommand' });
  const read = reader.get('a');
  expect(await isPending(read)).toBe(true);
  let writes = 0;
  slow.fault = () => (writes++ === 0 ? new Error('IO error: Input/output error') : null);
  await writer.commit();
  await carry();
  expect(await read).toBe('1');
  expect(writes).toBe(2);
  await reader.rollback();
});

test('P12 what a session left locked is free although the next one has a transaction of that number', async () => {
  const { master, replica, catchUp } = await queryPair();
  const writer = await master.begin();
  await writer.put('a', '1');
  await catchUp();
  const reader = await replica.begin({ isolation: 'committedCommand', lockTimeoutMs: 20 });
  expect(await codeOf(reader.get('a'))).toBe('DOCUMENT_LOCKED');
  const next = await face(await openDatabase(await crashCopy(master.database.folder)));
  const other = await next.begin();
  expect(other.id).toBe(writer.id);
  await other.put('b', '1');
  await settled(next.database);
  await pump(next.database, replica.database);
  await replica.database.whenApplied(replica.database.durable().seq);
  expect(await reader.get('a')).toBe('0');
  expect(await codeOf(reader.get('b'))).toBe('DOCUMENT_LOCKED');
  await Promise.all([reader.rollback(), other.rollback(), writer.rollback()]);
});

test('P12 the first who locks begins while a copy of the store holds back what is to be applied', async () => {
  const { master, replica, carry, catchUp } = await queryPair({ a: '0' });
  let copied = (): void => undefined;
  const copying = new Promise<void>((resolve) => (copied = resolve));
  cleanUp(() => Promise.resolve(copied()));
  const snapshot = replica.database.stateSnapshot(() => copying);
  await master.put('a', '1');
  await carry();
  const reader = await replica.begin({ isolation: 'stableDocument' });
  expect(await reader.get('a')).toBe('0');
  copied();
  await (await snapshot).snapshot.close();
  expect(await replica.get('a')).toBe('0');
  await reader.rollback();
  await catchUp();
  expect(await replica.get('a')).toBe('1');
});

test('P16 who begins to lock while the disk of the replica is full hears it, and does not wait', async () => {
  const slow = new SlowStores();
  const { master, replica, carry, catchUp } = await queryPair({ a: '0' }, { replicaEnv: slow.env });
  slow.fault = () => new Error('IO error: No space left on device');
  await master.put('a', '1');
  await carry();
  await until(() => replica.database.stuck !== null);
  expect(await codeOf(replica.begin({ isolation: 'stableDocument' }))).toBe('STORE_ERROR');
  slow.fault = () => null;
  await catchUp();
  const reader = await replica.begin({ isolation: 'stableDocument' });
  expect(await reader.get('a')).toBe('1');
  await reader.rollback();
});

test('P16 a shorter limit is in force at once, also for the wait that goes on', async () => {
  const { master, replica, carry, catchUp } = await queryPair();
  await replica.database.updateControl({ maxReplayWaitMs: 3_600_000 });
  const reader = await replica.begin({ isolation: 'stableDocument' });
  await reader.get('a');
  await master.put('a', '1');
  await carry();
  await until(() => there(replica.database.queries).conflicts.waits === 1);
  await replica.database.updateControl({ maxReplayWaitMs: 1 });
  await catchUp();
  expect(await codeOf(reader.get('a'))).toBe('QUERY_CANCELLED');
  expect(await replica.get('a')).toBe('1');
});
