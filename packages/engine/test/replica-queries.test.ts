// Queries on a replica while it replays: the master's isolation levels, from the lock data in its log (DESIGN §7).
import { isolationLevels } from '@pamina/format';
import { expect, test } from 'vitest';
import { SlowStores } from './slow-stores.js';
import { face, isPending, queryPair, settled } from './query-pair.js';
import { codeOf, copyAs, openDatabase, pump, there } from './workbench.js';

const lockingLevels = [
  'committedCommand',
  'stableCursor',
  'stableDocument',
  'serializable',
] as const;

test.each(isolationLevels)('P12 a transaction at %s reads on a replica', async (isolation) => {
  const { replica } = await queryPair({ a: '1', b: '2' });
  const tx = await replica.begin({ isolation });
  expect(await tx.get('a')).toBe('1');
  expect(await tx.iterator({ lt: 'begun' }).all()).toEqual([
    ['a', '1'],
    ['b', '2'],
  ]);
  await tx.commit();
});

test('P11 a transaction on a replica writes nothing', async () => {
  const { replica } = await queryPair();
  const tx = await replica.begin({ isolation: 'snapshot' });
  expect(await codeOf(tx.put('a', '1'))).toBe('REPLICA_READ_ONLY');
  expect(await codeOf(tx.del('a'))).toBe('REPLICA_READ_ONLY');
  expect(await codeOf(tx.batch([{ type: 'put', key: 'a', value: '1' }]))).toBe('REPLICA_READ_ONLY');
  await tx.rollback();
});

test.each(lockingLevels)(
  'P12 at %s a document that the master has locked is waited for until its commit is applied',
  async (isolation) => {
    const { master, replica, carry, catchUp } = await queryPair();
    const writer = await master.begin();
    await writer.put('a', '1');
    await carry();
    await catchUp();
    const reader = await replica.begin({ isolation });
    const read = reader.get('a');
    expect(await isPending(read)).toBe(true);
    await writer.commit();
    await carry();
    expect(await read).toBe('1');
    await reader.rollback();
  },
);

test('P12 what the master rolled back is free again, and as it was', async () => {
  const { master, replica, catchUp, carry } = await queryPair();
  const writer = await master.begin();
  await writer.put('a', '1');
  await catchUp();
  const reader = await replica.begin({ isolation: 'committedCommand' });
  const read = reader.get('a');
  expect(await isPending(read)).toBe(true);
  await writer.rollback();
  await carry();
  expect(await read).toBe('0');
  await reader.rollback();
});

test('P12 a document that stays locked is DOCUMENT_LOCKED after the timeout, and names who holds it', async () => {
  const { master, replica, catchUp } = await queryPair();
  const writer = await master.begin();
  await writer.put('a', '1');
  await catchUp();
  const reader = await replica.begin({ isolation: 'committedCommand', lockTimeoutMs: 20 });
  const error: unknown = await reader.get('a').catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'DOCUMENT_LOCKED' });
  expect(String(error)).toContain(`transaction ${writer.id} of the master`);
  expect(await reader.get('b')).toBe('0');
  await Promise.all([reader.rollback(), writer.rollback()]);
});

test.each(['snapshot', 'uncommittedDocument'] as const)(
  'P12 at %s nothing is waited for',
  async (isolation) => {
    const { master, replica, catchUp } = await queryPair();
    const writer = await master.begin();
    await writer.put('a', '1');
    await catchUp();
    const reader = await replica.begin({ isolation });
    expect(await reader.get('a')).toBe('0');
    await writer.commit();
    await catchUp();
    expect(await reader.get('a')).toBe(isolation === 'snapshot' ? '0' : '1');
    await reader.rollback();
  },
);

test.each(['stableDocument', 'serializable'] as const)(
  'P12 at %s replay waits for who has read what it changes, and others wait for replay',
  async (isolation) => {
    const { master, replica, carry, catchUp } = await queryPair();
    const reader = await replica.begin({ isolation });
    expect(await reader.get('a')).toBe('0');
    await master.batch([
      { type: 'put', key: 'a', value: '1' },
      { type: 'put', key: 'b', value: '1' },
    ]);
    await carry();
    const late = await replica.begin({ isolation: 'committedCommand' });
    const lateRead = late.get('b');
    expect(await isPending(lateRead)).toBe(true);
    // Whoever replay waits for goes on as if nothing was to come.
    expect(await reader.get('b')).toBe('0');
    expect(await reader.get('a')).toBe('0');
    expect(await replica.get('a')).toBe('0');
    await reader.rollback();
    expect(await lateRead).toBe('1');
    await catchUp();
    expect(await replica.get('a')).toBe('1');
    expect(there(replica.database.queries).conflicts).toMatchObject({ waits: 1, cancelled: 0 });
    await late.rollback();
  },
);

test('P12 at serializable nothing comes into a range that was read', async () => {
  const { master, replica, carry, catchUp } = await queryPair();
  const reader = await replica.begin({ isolation: 'serializable' });
  const range = { gte: 'a', lt: 'az' };
  expect(await reader.keys(range).all()).toEqual(['a']);
  await master.put('aa', '1');
  await carry();
  expect(await reader.keys(range).all()).toEqual(['a']);
  await reader.rollback();
  await catchUp();
  expect(await replica.keys(range).all()).toEqual(['a', 'aa']);
});

test('P16 who holds up replay for too long is ended with QUERY_CANCELLED, and the rest comes', async () => {
  const { master, replica, carry, catchUp } = await queryPair();
  await replica.database.updateControl({ maxReplayWaitMs: 30 });
  const reader = await replica.begin({ isolation: 'stableDocument' });
  await reader.get('a');
  await master.put('a', '1');
  await carry();
  await catchUp();
  expect(await replica.get('a')).toBe('1');
  expect(await codeOf(reader.get('a'))).toBe('QUERY_CANCELLED');
  expect(there(replica.database.queries).conflicts).toMatchObject({ waits: 1, cancelled: 1 });
});

test('P16 who waits for a transaction of the master that has to wait for it is ended at once', async () => {
  const { master, replica, carry, catchUp } = await queryPair();
  const writer = await master.begin();
  await writer.put('b', '1');
  await catchUp();
  const reader = await replica.begin({ isolation: 'stableDocument' });
  await reader.get('a');
  const read = reader.get('b');
  expect(await isPending(read)).toBe(true);
  await master.put('a', '1');
  await carry();
  expect(await codeOf(read)).toBe('QUERY_CANCELLED');
  await writer.commit();
  await catchUp();
  expect(await replica.get('b')).toBe('1');
});

test('P12 a snapshot never waits, is never cancelled, and holds up nothing', async () => {
  const { master, replica, catchUp } = await queryPair();
  await replica.database.updateControl({ maxReplayWaitMs: 1 });
  const reader = await replica.begin({ isolation: 'snapshot' });
  expect(await reader.getMany(['a', 'b'])).toEqual(['0', '0']);
  for (let round = 1; round < 20; round++) {
    await master.batch([
      { type: 'put', key: 'a', value: String(round) },
      { type: 'put', key: 'b', value: String(round) },
    ]);
    await catchUp();
  }
  expect(await reader.getMany(['a', 'b'])).toEqual(['0', '0']);
  expect(await replica.get('a')).toBe('19');
  expect(there(replica.database.queries).conflicts.waits).toBe(0);
  expect(await codeOf(reader.get('a', { lockMode: 'shared' }))).toBe('ISOLATION_UNAVAILABLE');
  await reader.rollback();
});

test.each([...lockingLevels])(
  'P12 a log without lock data makes %s fail clearly, and nothing else',
  async (isolation) => {
    const { master, replica, catchUp } = await queryPair({ a: '0' }, { simultaneousQuery: false });
    await master.put('a', '1');
    await catchUp();
    expect(await codeOf(replica.begin({ isolation }))).toBe('ISOLATION_UNAVAILABLE');
    const careless = await replica.begin({ isolation: 'uncommittedDocument' });
    expect(await careless.get('a')).toBe('1');
    expect(await codeOf(careless.get('a', { lockMode: 'shared' }))).toBe('ISOLATION_UNAVAILABLE');
    await careless.rollback();
    const snapshot = await replica.begin({ isolation: 'snapshot' });
    expect(await snapshot.get('a')).toBe('1');
    await snapshot.rollback();
  },
);

test('P12 the toggle works in both directions at any record, also for a reader that is under way', async () => {
  const { master, replica, catchUp } = await queryPair({ a: '0' }, { simultaneousQuery: false });
  const { database } = master;
  const isolation = 'committedCommand';
  expect(await codeOf(replica.begin({ isolation }))).toBe('ISOLATION_UNAVAILABLE');
  const writer = await master.begin();
  await writer.put('a', '1');
  await database.permit('orders-replica', { simultaneousQuery: true });
  await master.put('b', '1');
  await catchUp();
  const reader = await replica.begin({ isolation, lockTimeoutMs: 20 });
  // Locked before there was lock data.
  expect(await codeOf(reader.get('a'))).toBe('DOCUMENT_LOCKED');
  expect(await reader.get('b')).toBe('1');
  await database.permit('orders-replica', { simultaneousQuery: false });
  await master.put('b', '2');
  await catchUp();
  expect(await codeOf(reader.get('b'))).toBe('ISOLATION_UNAVAILABLE');
  await reader.rollback();
  expect(await codeOf(replica.begin({ isolation }))).toBe('ISOLATION_UNAVAILABLE');
  await writer.rollback();
});

const rebuilds = ['restart', 'a new segment', 'while it goes on'] as const;
test.each(rebuilds)('P12 what the master holds is known after: %s', async (how) => {
  const pair = await queryPair();
  const { master, catchUp } = pair;
  const { database } = master;
  const tracked = how === 'while it goes on' ? await pair.replica.begin() : null;
  const [held, committed, dropped] = [
    await master.begin(),
    await master.begin(),
    await master.begin(),
  ];
  await held.put('a', '1');
  await committed.put('b', '1');
  await dropped.put('c', '1');
  await settled(database);
  if (how === 'a new segment') {
    const { snapshot } = await database.mark((seq) => ({ backup: `${seq}-1`, tag: null }));
    await snapshot.close();
    await master.put('d', '1');
  }
  await committed.commit();
  await dropped.rollback();
  await catchUp();
  await tracked?.rollback();
  let { replica } = pair;
  if (how === 'restart') {
    const { folder } = replica.database;
    await replica.database.close();
    replica = await face(await openDatabase(folder));
  }
  const entries = await replica.database.transactions.listAll(100);
  expect(entries.filter(({ mode }) => mode === 'exclusive')).toEqual([
    {
      ...{ transaction: held.id, origin: 'master', level: 'document', name: 'a' },
      ...{ mode: 'exclusive', waitingMs: null },
    },
  ]);
  const reader = await replica.begin({ isolation: 'committedCommand', lockTimeoutMs: 20 });
  expect(await reader.getMany(['b', 'c'])).toEqual(['1', '0']);
  expect(await codeOf(reader.get('a'))).toBe('DOCUMENT_LOCKED');
  await reader.rollback();
  await held.rollback();
});

test('P12 what a master that is gone left locked stays so until somebody frees it', async () => {
  const { master, replica, catchUp } = await queryPair();
  const writer = await master.begin();
  await writer.put('a', '1');
  await catchUp();
  const { transactions } = replica.database;
  const reader = await replica.begin({ isolation: 'committedCommand' });
  const read = reader.get('a');
  expect(await isPending(read)).toBe(true);
  expect(await transactions.release(writer.id + 1)).toBe(false);
  expect(await transactions.release(writer.id)).toBe(true);
  expect(await read).toBe('0');
  expect(await transactions.listAll(10)).not.toContainEqual(
    expect.objectContaining({ origin: 'master' }),
  );
  await reader.rollback();
  await writer.rollback();
});

test('P12 the next session of the master frees what the one before left locked', async () => {
  const { master, replica, catchUp } = await queryPair();
  const writer = await master.begin();
  await writer.put('a', '1');
  await catchUp();
  const { folder } = master.database;
  const reader = await replica.begin({ isolation: 'committedCommand' });
  const read = reader.get('a');
  expect(await isPending(read)).toBe(true);
  // As a crash leaves it: no record says that the transaction is over.
  const crashed = await openDatabase(await copyAs('unassigned', folder, 'other'), {
    access: 'read',
  });
  expect(crashed.durable().seq).toBeGreaterThan(0);
  await master.database.close();
  const again = await openDatabase(folder);
  await again.put('b', '7');
  await pump(again, replica.database);
  expect(await read).toBe('0');
  expect(await reader.get('b')).toBe('7');
  await reader.rollback();
});

test('P11 a promotion ends the queries and frees what the master had locked', async () => {
  const { master, replica, catchUp } = await queryPair();
  const writer = await master.begin();
  await writer.put('a', '1');
  await catchUp();
  const { database } = replica;
  const reader = await replica.begin({ isolation: 'stableDocument' });
  await reader.get('b');
  await database.becomeNormal('reset by a test');
  expect(await codeOf(reader.get('b'))).toBe('QUERY_CANCELLED');
  const after = await replica.begin({ isolation: 'committedCommand', lockTimeoutMs: 20 });
  expect(await after.get('a')).toBe('0');
  await after.put('a', 'mine');
  await after.commit();
  expect(await replica.get('a')).toBe('mine');
  await writer.rollback();
});

test('P13 a replica closes under readers that hold up replay', async () => {
  const { master, replica, carry } = await queryPair();
  const reader = await replica.begin({ isolation: 'stableDocument' });
  await reader.get('a');
  await master.put('a', '1');
  await carry();
  await replica.database.close();
  expect(await codeOf(reader.get('a'))).toBe('DATABASE_CLOSED');
});

test('P12 who begins while a record is being applied reads what is behind it, once and again', async () => {
  const slow = new SlowStores();
  const { master, replica, carry, catchUp } = await queryPair({ a: '0' }, { replicaEnv: slow.env });
  // Looked up already, so that only the record that is on its way stands between.
  await (await replica.begin({ isolation: 'stableDocument' })).rollback();
  slow.hold();
  await master.put('a', '1');
  await carry();
  expect(await replica.get('a')).toBe('0');
  const beginning = replica.begin({ isolation: 'stableDocument' });
  expect(await isPending(beginning)).toBe(true);
  slow.release();
  const reader = await beginning;
  expect(await reader.get('a')).toBe('1');
  await catchUp();
  expect(await reader.get('a')).toBe('1');
  await reader.rollback();
});

test('P12 locks() of a replica shows its readers, and what the master holds once that is looked up', async () => {
  const { master, replica, catchUp } = await queryPair();
  const writer = await master.begin();
  await writer.put('a', '1');
  await catchUp();
  expect(replica.locks()).toEqual([]);
  const reader = await replica.begin({ isolation: 'stableDocument' });
  await reader.get('b');
  const shown = replica.locks().filter(({ level }) => level === 'document');
  expect(shown).toMatchObject([
    { origin: 'master', transaction: writer.id, name: 'a', mode: 'exclusive' },
    { origin: 'here', transaction: reader.id, name: 'b', mode: 'shared' },
  ]);
  await Promise.all([reader.rollback(), writer.rollback()]);
});
