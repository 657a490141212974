import { PaminaError } from '@pamina/format';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Database } from '../src/database.js';
import { readControl } from '../src/control.js';
import {
  FaultyDisk,
  codeOf,
  contents,
  copyAs,
  crashCopy,
  env,
  newDatabase,
  openDatabase,
  pump,
  stateOf,
  there,
} from './workbench.js';

interface Pair {
  master: Database;
  readonly replica: Database;
}

/** A master with one record set, and a replica laid out from its state at that moment. */
async function newPair(
  options: { segmentBytes?: number; replicaEnv?: typeof env } = {},
): Promise<Pair> {
  const first = await newDatabase();
  await first.put('base', '1');
  await first.close();
  const folder = await copyAs('replica', first.folder, 'orders-replica');
  const { segmentBytes, replicaEnv = env } = options;
  const master = await openDatabase(first.folder, { segmentBytes });
  const replica = await openDatabase(folder, { env: replicaEnv, segmentBytes });
  return { master, replica };
}

async function logBytes(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of await readdir(join(folder, 'log'), { recursive: true })) {
    if (name.endsWith('.seg'))
      files[name] = (await readFile(join(folder, 'log', name))).toString('hex');
  }
  return files;
}

async function write(database: Database, from: number, to: number): Promise<void> {
  for (let index = from; index < to; index++) {
    await database.commit([
      { type: 'put', key: `left/${index}`, value: 'x'.repeat(index * 7) },
      { type: 'put', key: `right/${index}`, value: String(index) },
      { type: 'del', key: `left/${index - 5}` },
    ]);
  }
}

test.each([100, 1000, 65_536, 1_048_576])(
  'P3 what is received in chunks of %i bytes gives an equal state and a log that is equal byte for byte',
  async (bytesMax) => {
    const { master, replica } = await newPair({ segmentBytes: 65_536 });
    await write(master, 0, 60);
    await master.permit('orders-replica', { simultaneousQuery: false });
    await pump(master, replica, bytesMax);
    await write(master, 60, 130);
    await pump(master, replica, bytesMax);
    expect(replica.durable()).toEqual(master.durable());
    expect(await stateOf(replica)).toEqual(await stateOf(master));
    expect(await replica.permitted()).toMatchObject([{ name: 'orders-replica' }]);
    await master.close();
    const rest = await openDatabase(master.folder, { access: 'read' });
    await pump(rest, replica, bytesMax);
    expect(await logBytes(replica.folder)).toEqual(await logBytes(master.folder));
  },
);

test('P2 a commit is visible whole or not at all while a replica applies', async () => {
  const { master, replica } = await newPair();
  await replica.updateControl({ simultaneousQuery: true });
  const writing = write(master, 0, 200);
  const receiving = (async () => {
    while (replica.durable().seq < 203) {
      await master.log.waitForMore(replica.durable().seq);
      await pump(master, replica, 500);
    }
  })();
  for (;;) {
    const entries = await contents(replica);
    const right = Object.keys(entries).filter((key) => key.startsWith('right/')).length;
    const left = Object.keys(entries).filter((key) => key.startsWith('left/')).length;
    expect(left).toBe(Math.min(right, 5));
    if (right === 200) break;
  }
  await Promise.all([writing, receiving]);
});

test('P12 a replica without simultaneous query answers no queries, read only or with it it does', async () => {
  const { master, replica } = await newPair();
  await pump(master, replica);
  expect(await codeOf(replica.get('base'))).toBe('NOT_QUERYABLE');
  await replica.updateControl({ simultaneousQuery: true });
  expect(await replica.get('base')).toEqual(Buffer.from('1'));
  await replica.updateControl({ simultaneousQuery: false, readOnly: true });
  expect(await replica.get('base')).toEqual(Buffer.from('1'));
  expect((await replica.stateSnapshot()).point.seq).toBeGreaterThan(0);
});

test('a replica takes no writes, and a normal database receives no log', async () => {
  const { master, replica } = await newPair();
  expect(await codeOf(replica.commit([{ type: 'put', key: 'a', value: '1' }]))).toBe(
    'REPLICA_READ_ONLY',
  );
  expect(() => replica.put('a', '1')).toThrow(PaminaError);
  expect(await codeOf(replica.permit('x', { simultaneousQuery: false }))).toBe('REPLICA_READ_ONLY');
  expect(() => master.resumePoint()).toThrow(/receives no log/);
  expect(await codeOf(master.becomeNormal('no'))).toBe('DATABASE_TYPE');
});

test('P5 a segment of a database with another pattern is never applied', async () => {
  const { replica } = await newPair();
  const stranger = await newDatabase();
  await stranger.put('a', '1');
  await stranger.put('b', '1');
  await stranger.put('c', '1');
  const cursor = await stranger.log.openCursor({ seq: 1 });
  const chunk = there(await cursor.next(65_536));
  await cursor.close();
  expect(await codeOf(replica.receive(chunk))).toBe('PATTERN_MISMATCH');
  expect(replica.durable().seq).toBe(2);
  expect(replica.state).toBe('open');
});

test('P5 a segment that leaves the history, by its chain or its timeline, is never applied', async () => {
  const first = await newDatabase();
  await first.put('base', '1');
  await first.close();
  const replica = await openDatabase(await copyAs('replica', first.folder, 'copy'));
  const other = await openDatabase(await copyAs('unassigned', first.folder, 'other'));
  await other.put('a', '1');
  const cursor = await other.log.openCursor({ seq: 3 });
  const chunk = there(await cursor.next(65_536));
  await cursor.close();
  expect(await codeOf(replica.receive(chunk))).toBe('DIVERGED');
  expect(await codeOf(replica.adoptTimelines([...other.timelines.slice(1)]))).toBe(
    'TIMELINES_INVALID',
  );
  const master = await openDatabase(first.folder);
  await pump(master, replica);
  expect(await codeOf(replica.adoptTimelines(other.timelines))).toBe('DIVERGED');
  expect(replica.timelines).toHaveLength(1);
});

test('P4 a gap is refused and named, and what comes in order afterwards is taken', async () => {
  const { master, replica } = await newPair();
  await write(master, 0, 5);
  const cursor = await master.log.openCursor({ seq: replica.durable().seq + 1 });
  const chunk = there(await cursor.next(65_536));
  await cursor.close();
  const gap = { ...chunk, offset: 500, bytes: chunk.bytes.subarray(500) };
  expect(await codeOf(replica.receive(gap))).toBe('RECORD_GAP');
  await pump(master, replica);
  expect(await stateOf(replica)).toEqual(await stateOf(master));
});

test('P5 damaged bytes on the way are refused, and the right ones taken afterwards', async () => {
  const { master, replica } = await newPair();
  await write(master, 0, 5);
  const cursor = await master.log.openCursor({ seq: replica.durable().seq + 1 });
  const chunk = there(await cursor.next(65_536));
  await cursor.close();
  const bytes = chunk.bytes.slice();
  bytes[300] = 255 - there(bytes[300]);
  expect(await codeOf(replica.receive({ ...chunk, bytes }))).toBe('RECORD_INVALID');
  expect(replica.state).toBe('open');
  await pump(master, replica);
  expect(await stateOf(replica)).toEqual(await stateOf(master));
});

test('a replica goes on inside a segment after a restart and after a crash', async () => {
  const { master, replica } = await newPair();
  await write(master, 0, 5);
  await pump(master, replica, 300);
  const crashed = await openDatabase(await crashCopy(replica.folder));
  await replica.close();
  const restarted = await openDatabase(replica.folder);
  await write(master, 5, 10);
  for (const opened of [crashed, restarted]) {
    expect(opened.resumePoint().segment).not.toBeNull();
    await pump(master, opened);
    expect(await stateOf(opened)).toEqual(await stateOf(master));
  }
});

test('P10 P13 a replica publishes checkpoints and deletes log that nobody needs, as a master does', async () => {
  const { master, replica } = await newPair({ segmentBytes: 65_536 });
  await replica.updateControl({ keepFromSeq: 1_000_000 });
  for (let round = 0; round < 6; round++) {
    await master.put('big', 'x'.repeat(60_000));
    await pump(master, replica);
  }
  await replica.whenApplied(replica.durable().seq);
  await replica.applyRetention();
  expect(replica.log.firstSeq).toBeGreaterThan(3);
  const events = await replica.jobLog.tail(50);
  expect(events.filter(({ event }) => event === 'log-deleted').length).toBeGreaterThan(1);
});

test('P7 a failed sync of received bytes is fatal until the database is opened again', async () => {
  const faulty = new FaultyDisk();
  const { master, replica } = await newPair({ replicaEnv: faulty.env });
  await write(master, 0, 5);
  const failures: string[] = [];
  replica.onFailed((error) => failures.push(error.code));
  faulty.fault = ({ operation, path }) =>
    operation === 'sync the data of' && path.endsWith('.seg') ? 'DISK_ERROR' : null;
  expect(await codeOf(pump(master, replica))).toBe('DATABASE_FAILED');
  expect(replica.state).toBe('failed');
  expect(failures).toEqual(['DATABASE_FAILED']);
  faulty.fault = () => null;
  expect(await codeOf(replica.receive({ name: 'x', offset: 0, bytes: new Uint8Array(0) }))).toBe(
    'DATABASE_FAILED',
  );
  await replica.close();
  const reopened = await openDatabase(replica.folder);
  await pump(master, reopened);
  expect(await stateOf(reopened)).toEqual(await stateOf(master));
});

test('a reset starts a timeline with everything received, closes the open segment as a copy, and writes on', async () => {
  const { master, replica } = await newPair();
  await write(master, 0, 5);
  await pump(master, replica, 300);
  const state = await stateOf(master);
  const atSeq = replica.durable().seq;
  const { session } = replica;
  await replica.becomeNormal('test');
  expect(replica.control).toMatchObject({ type: 'normal', master: null, formerMaster: 'orders' });
  expect(replica.timelines).toHaveLength(2);
  expect(replica.timelines[1]).toMatchObject({ timeline: 2, atSeq, why: 'test' });
  expect(replica.session).toBe(session + 1);
  expect(await stateOf(replica)).toEqual(state);
  const names = replica.log.segments().map(({ name }) => name);
  expect(names.some((name) => name.startsWith('2-') && name.includes(`-${'0'.repeat(8)}`))).toBe(
    true,
  );
  await replica.put('after', '1');
  await replica.close();
  const reopened = await openDatabase(replica.folder);
  expect(await contents(reopened)).toMatchObject({ after: '1', base: '1' });
  expect(reopened.timelines).toHaveLength(2);
  await write(master, 5, 8);
  expect(() => reopened.resumePoint()).toThrow(/receives no log/);
});

test('P8 a reset stopped at any step leaves a replica or a normal database, with all that was received', async () => {
  const { master, replica } = await newPair();
  await write(master, 0, 5);
  await pump(master, replica, 300);
  const state = await stateOf(replica);
  await replica.close();
  const types = new Set<string>();
  for (let steps = 0; ; steps++) {
    const folder = await crashCopy(replica.folder);
    const faulty = new FaultyDisk();
    const resetting = await Database.open(folder, { env: faulty.env });
    faulty.stopAfter(steps);
    const error = await resetting.becomeNormal('test').then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error !== null) expect(resetting.state).toBe('failed');
    await resetting.close().catch((reason: unknown) => expect(reason).toBeInstanceOf(PaminaError));
    const { type } = there(await readControl(env.disk, folder));
    types.add(type);
    const opened = await openDatabase(folder);
    expect(await stateOf(opened)).toEqual(state);
    if (type === 'normal') await opened.put('after', '1');
    else await pump(master, opened);
    await opened.close();
    await (await openDatabase(folder)).close();
    if (error === null) break;
  }
  expect([...types]).toEqual(['replica', 'normal']);
}, 120_000);

test('an unassigned database starts a timeline when it is first opened for writing, not for reading', async () => {
  const first = await newDatabase();
  await first.put('base', '1');
  await first.close();
  const folder = await copyAs('unassigned', first.folder, 'copy');
  const reader = await openDatabase(folder, { access: 'read' });
  expect(reader.control.type).toBe('unassigned');
  await reader.close();
  const copy = await openDatabase(folder);
  expect(copy.control.type).toBe('normal');
  expect(copy.timelines).toMatchObject([{ timeline: 1 }, { timeline: 2, atSeq: 2 }]);
  await copy.close();
  const again = await openDatabase(folder);
  expect(again.timelines).toHaveLength(2);
});

test('P3 at a mark the watcher gets the state there, but not at one that no audit follows', async () => {
  const { master, replica } = await newPair();
  const heard: string[] = [];
  replica.watchAudits({
    mark: ({ backup }, seq, state) => {
      heard.push(`mark ${backup} ${seq}`);
      if (!(state instanceof Error)) void state.close();
    },
    audit: ({ backup, seq }) => void heard.push(`audit ${backup} ${seq}`),
  });
  const marks: number[] = [];
  for (const audit of [undefined, false] as const) {
    const backup = audit === false ? 'b' : 'a';
    const mark = { backup, tag: null, ...(audit === false ? { audit } : {}) };
    const { point, snapshot } = await master.mark(() => mark);
    await snapshot.close();
    marks.push(point.seq);
  }
  const [seq = 0] = marks;
  expect(await master.audit({ backup: 'a', seq, stateHash: '0'.repeat(64) })).toBe(
    master.durable().seq,
  );
  await pump(master, replica);
  await replica.whenApplied(replica.durable().seq);
  expect(heard).toEqual([`mark a ${seq}`, `audit a ${seq}`]);
});

test('closing a database ends what goes on in the background first, and waits for it', async () => {
  const database = await newDatabase();
  const order: string[] = [];
  const forgotten = database.background.add(() => Promise.reject(new Error('it has ended before')));
  database.background.add(async () => {
    order.push('asked to end');
    await database.get('a');
    order.push(`ended while ${database.state}`);
  });
  forgotten();
  await database.close();
  expect(order).toEqual(['asked to end', 'ended while open']);
});
