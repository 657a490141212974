// What a master writes of its locks into the log, so that replicas know what is about to change (DESIGN §7).
import { RecordKind } from '@pamina/format';
import { expect, test } from 'vitest';
import { lockData, queryPair, settled } from './query-pair.js';
import { FaultyDisk, codeOf, there, until } from './workbench.js';

test('P12 a lock stands before its commit, and a rollback says that it is over', async () => {
  const { master } = await queryPair();
  const { database } = master;
  const from = database.durable().seq + 1;
  const kept = await master.begin();
  await kept.put('a', '1');
  await settled(database);
  await kept.put('b', '1');
  await settled(database);
  const dropped = await master.begin();
  await dropped.put('c', '1');
  await settled(database);
  await dropped.rollback();
  await kept.commit();
  await settled(database);
  expect(await lockData(database, from)).toEqual([
    'lock 1 documents a',
    'lock 1 documents b',
    'lock 2 documents c',
    'abort 2',
    'lock 1 commits',
    'commit',
  ]);
});

test('P12 what is locked and committed at once is its commit alone', async () => {
  const { master } = await queryPair();
  const from = master.database.durable().seq + 1;
  await master.transaction(async (tx) => {
    await tx.put('a', '1');
    await tx.put('b', '1');
  });
  await master.put('c', '1');
  await settled(master.database);
  expect(await lockData(master.database, from)).toEqual(['commit', 'commit']);
});

test('P12 shared locks, and those of single writes, are nobody else’s business', async () => {
  const { master } = await queryPair();
  const { database } = master;
  const from = database.durable().seq + 1;
  const reader = await master.begin({ isolation: 'stableDocument' });
  await reader.get('a');
  await master.put('b', '1');
  await settled(database);
  await reader.rollback();
  await settled(database);
  expect(await lockData(database, from)).toEqual(['commit']);
});

test('P12 whole ranges that are locked exclusively are told by their level', async () => {
  const { master } = await queryPair();
  const { database } = master;
  const orders = master.sublevel('orders');
  await orders.put('1', 'x');
  const from = database.durable().seq + 1;
  const one = await master.begin({ isolation: 'serializable', lockMode: 'protected' });
  await one.keys({ sublevel: orders }).all();
  await settled(database);
  await one.rollback();
  const all = await master.begin({ isolation: 'serializable', lockMode: 'protected' });
  await all.keys().all();
  await settled(database);
  await all.rollback();
  await settled(database);
  expect(await lockData(database, from)).toEqual([
    'lock 1 collections !orders!',
    'abort 1',
    'lock 2 database',
    'abort 2',
  ]);
});

test('without a permitted replica with simultaneous query nothing of it is written', async () => {
  const { master } = await queryPair({}, { simultaneousQuery: false });
  const tx = await master.begin();
  await tx.put('a', '1');
  await settled(master.database);
  await tx.rollback();
  await settled(master.database);
  expect(await lockData(master.database)).toEqual([]);
  expect(master.database.transactions.lockDataAmount).toEqual({ records: 0, bytes: 0 });
});

test('P12 a segment with lock data begins with all that is held, whatever its first record is', async () => {
  const { master } = await queryPair();
  const { database } = master;
  const [one, two] = [await master.begin(), await master.begin()];
  await one.put('a', '1');
  await two.put('b', '1');
  await settled(database);
  for (const first of ['a commit', 'a mark', 'its own commit'] as const) {
    const { snapshot } = await database.mark((seq) => ({ backup: `${seq}-1`, tag: null }));
    await snapshot.close();
    const seq = database.durable().seq + 1;
    if (first === 'a commit') await master.put('c', first);
    else if (first === 'a mark') {
      const marks: number[] = [];
      const marked = await database.mark((at) => {
        marks.push(at);
        return { backup: `${at}-1`, tag: null };
      });
      await marked.snapshot.close();
      expect(marks).toEqual([marked.point.seq]);
      for await (const { header } of database.log.records(marked.point.seq)) {
        expect(header).toMatchObject({ kind: RecordKind.mark, seq: marks[0] });
        break;
      }
    } else await one.commit();
    await settled(database);
    const expected = {
      'a commit': ['locks 1 documents a 2 documents b', 'commit'],
      'a mark': ['locks 1 documents a 2 documents b'],
      'its own commit': ['locks 2 documents b', 'lock 1 commits', 'commit'],
    };
    expect(await lockData(database, seq), first).toEqual(expected[first]);
  }
  await two.rollback();
});

test('P12 lock data begins and ends with a segment, with what is held by then', async () => {
  const { master } = await queryPair();
  const { database } = master;
  const tx = await master.begin();
  await tx.put('a', '1');
  await settled(database);
  await database.permit('orders-replica', { simultaneousQuery: false });
  const from = database.durable().seq + 1;
  await tx.put('b', '1');
  await master.put('c', '1');
  await settled(database);
  expect(await lockData(database, from)).toEqual(['commit']);
  await database.permit('orders-replica', { simultaneousQuery: true });
  const again = database.durable().seq + 1;
  await master.put('c', '2');
  await settled(database);
  expect(await lockData(database, again)).toEqual(['locks 1 documents a b', 'commit']);
  const last = there(database.log.segments().at(-1));
  expect((await database.log.header(last)).lockData).toBe(true);
  await tx.rollback();
});

test('the amount of lock data is counted with the heads of its records', async () => {
  const { master } = await queryPair();
  const tx = await master.begin();
  await tx.put('a', '1');
  await settled(master.database);
  const { records, bytes } = master.database.transactions.lockDataAmount;
  expect(records).toBe(1);
  expect(bytes).toBeGreaterThan(32);
  expect(bytes).toBeLessThan(100);
  await tx.rollback();
});

test('P13 a list that is too long for one record goes on in the next ones', async () => {
  const { master } = await queryPair();
  const { database } = master;
  const tx = await master.begin();
  const long = 'k'.repeat(400_000);
  for (let at = 0; at < 6; at++) await tx.put(`${long}${at}`, '');
  await settled(database);
  const { snapshot } = await database.mark((seq) => ({ backup: `${seq}-1`, tag: null }));
  await snapshot.close();
  const from = database.durable().seq + 1;
  await master.put('c', '1');
  const lines = (await lockData(database, from)).map((line) => line.replaceAll(long, '·'));
  expect(lines).toEqual([
    'locks 1 documents ·0 ·1 ·2 more',
    'locks 1 documents ·3 ·4 ·5',
    'commit',
  ]);
  await tx.rollback();
});

test('P12 a lock on a document whose key is empty is told like any other', async () => {
  const { master } = await queryPair();
  const { database } = master;
  const from = database.durable().seq + 1;
  const tx = await master.begin();
  await tx.put('', '1');
  await settled(database);
  await tx.rollback();
  await settled(database);
  expect(await lockData(database, from)).toEqual(['lock 1 documents ', 'abort 1']);
});

test('P12 a rollback that a full disk took back is told once there is space, though nobody writes any more', async () => {
  const faulty = new FaultyDisk();
  const { master, replica, catchUp } = await queryPair({ a: '0' }, { masterEnv: faulty.env });
  const { database } = master;
  const tx = await master.begin();
  await tx.put('a', '1');
  await catchUp();
  const reader = await replica.begin({ isolation: 'committedCommand', lockTimeoutMs: 20 });
  expect(await codeOf(reader.get('a'))).toBe('DOCUMENT_LOCKED');
  let refused = 0;
  faulty.fault = ({ operation, path }) =>
    operation === 'write' && path.endsWith('.seg') && refused++ >= 0 ? 'DISK_FULL' : null;
  await tx.rollback();
  await until(() => refused > 0);
  faulty.fault = () => null;
  await until(async () => (await lockData(database)).includes('abort 1'));
  await catchUp();
  expect(await reader.get('a')).toBe('0');
  await reader.rollback();
});
