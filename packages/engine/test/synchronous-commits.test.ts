import { PaminaError, isPaminaError } from '@pamina/format';
import type { Group } from '@pamina/log';
import { expect, test } from 'vitest';
import type { Durability, SynchronousSettings } from '../src/durability.js';
import { SynchronousCommits } from '../src/synchronous-commits.js';
import { HandClock } from './hand-clock.js';
import { cleanUp, newDatabase, openDatabase } from './workbench.js';

const timelineId = '11'.repeat(8);
const plain: SynchronousSettings = {
  synchronousReplicas: 0,
  synchronousNames: '',
  synchronousPolicy: 'wait',
  synchronousTimeoutMs: 1000,
};

/** A group as far as the waits look at it: on disk when the test says so. */
class FakeGroup {
  readonly point: { seq: number };
  readonly done: Promise<void>;
  complete!: () => void;
  fail!: (error: unknown) => void;

  constructor(seq: number) {
    this.point = { seq };
    this.done = new Promise((resolve, reject) => {
      this.complete = resolve;
      this.fail = reject;
    });
  }
}

class Bench {
  readonly clock = new HandClock();
  readonly events: { event: string; level: string; message: string }[] = [];
  readonly synchronous: SynchronousCommits;
  durableSeq = 0;
  readonly outcomes = new Map<string, string>();

  constructor(settings: Partial<SynchronousSettings> = {}, permitted = ['one', 'two', 'three']) {
    const clock = Object.assign(this.clock, { now: () => 1_000_000 + this.clock.monotonic() });
    const write = (level: string, event: string, message: string): void => {
      this.events.push({ event, level, message });
    };
    this.synchronous = new SynchronousCommits({ clock, jobLog: { write } });
    this.synchronous.begin({
      timelineId,
      permitted,
      settings: { ...plain, ...settings },
      durableSeq: () => this.durableSeq,
    });
  }

  commit(name: string, group: FakeGroup, durability?: Durability): void {
    const level = this.synchronous.levelOf(durability, 'user');
    if (typeof level === 'string') throw new Error(`a commit of level ${level}`);
    this.outcomes.set(name, 'waits');
    this.synchronous.acknowledged(group as unknown as Group, level).then(
      () => this.outcomes.set(name, 'acknowledged'),
      (error: PaminaError) => this.outcomes.set(name, error.code),
    );
  }

  /** The next group reaches this disk. */
  async here(group: FakeGroup): Promise<void> {
    this.durableSeq = group.point.seq;
    group.complete();
    await settled();
  }

  async report(replica: string, seq: number, timeline = timelineId): Promise<void> {
    this.synchronous.reported(replica, timeline, seq);
    await settled();
  }

  async pass(ms: number): Promise<void> {
    this.clock.pass(ms);
    await settled();
  }

  names(): string[] {
    return this.events.map(({ event }) => event);
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

test('P1 a commit with replicas is acknowledged when so many have it durable, and not before', async () => {
  const bench = new Bench();
  const group = new FakeGroup(5);
  bench.commit('a', group, { replicas: 2 });
  await bench.report('one', 5);
  await bench.report('two', 5);
  expect(bench.outcomes.get('a')).toBe('waits');
  await bench.report('two', 4);
  await bench.here(group);
  expect(bench.outcomes.get('a')).toBe('waits');
  await bench.report('three', 5);
  expect(bench.outcomes.get('a')).toBe('acknowledged');
});

test('P1 commits of one group wait together, and groups are acknowledged in their order as replicas reach them', async () => {
  const bench = new Bench();
  const [first, second] = [new FakeGroup(3), new FakeGroup(6)];
  for (const name of ['a', 'b', 'c']) bench.commit(name, first, { replicas: 1 });
  for (const name of ['d', 'e']) bench.commit(name, second, { replicas: 1 });
  await bench.here(first);
  await bench.here(second);
  expect(bench.synchronous.status().waiting).toBe(5);
  await bench.report('one', 4);
  expect([...bench.outcomes.values()]).toEqual([
    'acknowledged',
    'acknowledged',
    'acknowledged',
    'waits',
    'waits',
  ]);
  await bench.report('two', 6);
  expect(bench.synchronous.status().waiting).toBe(0);
  expect(bench.outcomes.get('e')).toBe('acknowledged');
});

test('P1 a commit that asks for more replicas does not hold up a later one that asks for fewer', async () => {
  const bench = new Bench();
  const [first, second] = [new FakeGroup(1), new FakeGroup(2)];
  bench.commit('two', first, { replicas: 2 });
  bench.commit('one', second, { replicas: 1 });
  await bench.here(first);
  await bench.here(second);
  await bench.report('one', 2);
  expect(Object.fromEntries(bench.outcomes)).toEqual({ one: 'acknowledged', two: 'waits' });
});

test('P1 only the replicas that are named count', async () => {
  const bench = new Bench();
  const group = new FakeGroup(1);
  bench.commit('a', group, { replicas: 1, names: ['three'] });
  await bench.here(group);
  await bench.report('one', 1);
  await bench.report('two', 1);
  expect(bench.outcomes.get('a')).toBe('waits');
  expect(bench.synchronous.isAwaited('one', 0)).toBe(false);
  expect(bench.synchronous.isAwaited('three', 0)).toBe(true);
  await bench.report('three', 1);
  expect(bench.outcomes.get('a')).toBe('acknowledged');
});

test('P5 a replica that is not permitted, or was welcomed on another timeline, does not count', async () => {
  const bench = new Bench({}, ['one', 'two']);
  const group = new FakeGroup(1);
  bench.commit('a', group, { replicas: 1 });
  await bench.here(group);
  await bench.report('stranger', 1);
  await bench.report('one', 1, '22'.repeat(8));
  expect(bench.outcomes.get('a')).toBe('waits');
  bench.synchronous.permittedChanged(['two']);
  await bench.report('one', 1);
  expect(bench.outcomes.get('a')).toBe('waits');
  await bench.report('two', 1);
  expect(bench.outcomes.get('a')).toBe('acknowledged');
});

test('P9 with the policy wait a commit waits however long it takes', async () => {
  const bench = new Bench();
  const group = new FakeGroup(1);
  bench.commit('a', group, { replicas: 1, policy: 'wait', timeoutMs: 10 });
  await bench.here(group);
  await bench.pass(86_400_000);
  expect(bench.outcomes.get('a')).toBe('waits');
  expect(bench.events).toEqual([]);
  await bench.report('two', 1);
  expect(bench.outcomes.get('a')).toBe('acknowledged');
});

test('P9 with the policy degrade it is acknowledged after its time with an error in the job log, and later ones at once', async () => {
  const bench = new Bench({ synchronousReplicas: 1, synchronousPolicy: 'degrade' });
  const [first, second] = [new FakeGroup(1), new FakeGroup(2)];
  bench.commit('a', first);
  await bench.here(first);
  await bench.pass(999);
  expect(bench.outcomes.get('a')).toBe('waits');
  await bench.pass(1);
  expect(bench.outcomes.get('a')).toBe('acknowledged');
  expect(bench.events).toMatchObject([{ event: 'synchronous-degraded', level: 'error' }]);
  expect(bench.events[0]?.message).toContain('none of them has connected');
  bench.commit('b', second);
  await bench.here(second);
  expect(bench.outcomes.get('b')).toBe('acknowledged');
  expect(bench.synchronous.status()).toMatchObject({
    state: 'degraded',
    since: 1_001_000,
    unreplicated: 2,
    waiting: 0,
  });
  expect(bench.names()).toEqual(['synchronous-degraded']);
});

test('P9 P16 it is synchronous again by itself once the replicas have caught up, and says so', async () => {
  const bench = new Bench({ synchronousReplicas: 1, synchronousPolicy: 'degrade' });
  const [first, second] = [new FakeGroup(10), new FakeGroup(11)];
  bench.commit('a', first);
  await bench.here(first);
  await bench.pass(1000);
  await bench.pass(60_000);
  await bench.report('one', 4);
  expect(bench.synchronous.status().state).toBe('degraded');
  await bench.report('one', 10);
  expect(bench.synchronous.status().state).toBe('synchronous');
  expect(bench.names()).toEqual(['synchronous-degraded', 'synchronous-restored']);
  bench.commit('b', second);
  await bench.here(second);
  expect(bench.outcomes.get('b')).toBe('waits');
  await bench.report('one', 11);
  expect(bench.outcomes.get('b')).toBe('acknowledged');
});

test('P9 a replica that follows more slowly than commits may take keeps it degraded', async () => {
  const bench = new Bench({ synchronousReplicas: 1, synchronousPolicy: 'degrade' });
  const group = new FakeGroup(10);
  bench.commit('a', group);
  await bench.here(group);
  await bench.pass(1000);
  await bench.pass(5000);
  bench.durableSeq = 1000;
  await bench.report('one', 10);
  expect(bench.synchronous.status().state).toBe('degraded');
  await bench.pass(5000);
  bench.durableSeq = 2000;
  await bench.report('one', 1000);
  expect(bench.synchronous.status().state).toBe('degraded');
  await bench.pass(500);
  bench.durableSeq = 2100;
  await bench.report('one', 2000);
  expect(bench.synchronous.status().state).toBe('synchronous');
});

test('P9 a commit whose wait ends with the database is said to be in the log, not to have failed', async () => {
  const bench = new Bench();
  const [first, second] = [new FakeGroup(1), new FakeGroup(2)];
  bench.commit('a', first, { replicas: 1 });
  bench.commit('b', second, { replicas: 1 });
  await bench.here(first);
  bench.synchronous.end();
  await settled();
  expect(bench.outcomes.get('a')).toBe('REPLICAS_UNCONFIRMED');
  expect(bench.outcomes.get('b')).toBe('waits');
  await bench.here(second);
  expect(bench.outcomes.get('b')).toBe('REPLICAS_UNCONFIRMED');
});

test('P7 a commit that did not reach this disk fails as any other', async () => {
  const bench = new Bench();
  const group = new FakeGroup(1);
  bench.commit('a', group, { replicas: 1 });
  group.fail(new PaminaError('DISK_FULL', 'no space'));
  await settled();
  expect(bench.outcomes.get('a')).toBe('DISK_FULL');
  expect(bench.synchronous.status().waiting).toBe(0);
});

test('P9 more replicas than are permitted can never confirm: refused before anything is written', () => {
  const bench = new Bench({}, ['one']);
  expect(() => bench.synchronous.levelOf({ replicas: 2 }, 'user')).toThrow(
    expect.objectContaining({ code: 'DURABILITY_UNAVAILABLE' }) as Error,
  );
  expect(() => bench.synchronous.levelOf({ replicas: 1, names: ['two'] }, 'user')).toThrow(
    expect.objectContaining({ code: 'DURABILITY_UNAVAILABLE' }) as Error,
  );
  expect(bench.synchronous.levelOf({ replicas: 2, policy: 'degrade' }, 'user')).toMatchObject({
    replicas: 2,
  });
});

test('P13 what waits is bounded: beyond it a commit is refused', () => {
  const bench = new Bench();
  const level = bench.synchronous.levelOf({ replicas: 1 }, 'user');
  if (typeof level === 'string') throw new Error('it waits for nobody');
  const group = new FakeGroup(1) as unknown as Group;
  for (let count = 0; count < 100_000; count++) void bench.synchronous.acknowledged(group, level);
  expect(() => bench.synchronous.levelOf({ replicas: 1 }, 'user')).toThrow(
    expect.objectContaining({ code: 'BACKLOG_FULL' }) as Error,
  );
});

test('P9 a setting that is taken back lets go of the commits that wait by it, not of those that asked themselves', async () => {
  const bench = new Bench({ synchronousReplicas: 2 });
  const group = new FakeGroup(1);
  bench.commit('by the setting', group);
  bench.commit('by itself', group, { replicas: 2 });
  await bench.here(group);
  bench.synchronous.settingsChanged(plain);
  await settled();
  expect(Object.fromEntries(bench.outcomes)).toEqual({
    'by the setting': 'acknowledged',
    'by itself': 'waits',
  });
  expect(bench.synchronous.levelOf(undefined, 'user')).toBe('disk');
});

test('P9 documents of Pamina itself wait for no replica: a setting can always be taken back', () => {
  const bench = new Bench({ synchronousReplicas: 2 });
  expect(bench.synchronous.levelOf(undefined, 'system')).toBe('disk');
  expect(bench.synchronous.levelOf('disk', 'user')).toBe('disk');
  expect(bench.synchronous.levelOf(undefined, 'user')).toMatchObject({ replicas: 2 });
});

test('P1 a feed learns which of its replicas is awaited, and from which record on', async () => {
  const bench = new Bench();
  const group = new FakeGroup(3);
  expect(bench.synchronous.isAwaited('one', 0)).toBe(false);
  bench.commit('a', group, { replicas: 1 });
  expect(bench.synchronous.isAwaited('one', 2)).toBe(false);
  await bench.here(group);
  expect(bench.synchronous.isAwaited('one', 2)).toBe(true);
  expect(bench.synchronous.isAwaited('one', 3)).toBe(false);
  expect(bench.synchronous.isAwaited('stranger', 2)).toBe(false);
  await bench.report('two', 3);
  expect(bench.synchronous.isAwaited('one', 2)).toBe(false);
});

test('P9 an aborted wait says REPLICAS_UNCONFIRMED, and the commit is there after the next open', async () => {
  const database = await newDatabase();
  await database.permit('one', { simultaneousQuery: false });
  const aborting = new AbortController();
  const position = database.durable().seq + 1;
  const done = database.commit([{ type: 'put', key: 'a', value: '1' }], {
    durability: { replicas: 1 },
    signal: aborting.signal,
  });
  await database.whenApplied(position);
  aborting.abort();
  const error = await done.catch((thrown: unknown) => thrown);
  expect(isPaminaError(error, 'REPLICAS_UNCONFIRMED')).toBe(true);
  expect((error as PaminaError).context).toMatchObject({ seq: position });
  expect(await database.get('a')).toEqual(Buffer.from('1'));
  await database.close();
  const again = await openDatabase(database.folder);
  expect(await again.get('a')).toEqual(Buffer.from('1'));
});

test('P12 a commit that waits for replicas is visible here as soon as it is on this disk', async () => {
  const database = await newDatabase();
  await database.permit('one', { simultaneousQuery: false });
  const done = database.put('a', '1', { durability: { replicas: 1 } });
  await database.whenApplied(database.log.encodedSeq);
  expect(await database.get('a')).toEqual(Buffer.from('1'));
  database.synchronous.reported('one', database.durable().timelineId, database.durable().seq);
  await done;
});

test('P9 closing a database ends the waits with REPLICAS_UNCONFIRMED', async () => {
  const database = await newDatabase();
  cleanUp(() => database.close());
  await database.permit('one', { simultaneousQuery: false });
  await database.system.setSettings({ synchronousReplicas: 1 });
  const done = database.put('a', '1').catch((error: unknown) => error);
  await database.whenApplied(database.log.encodedSeq);
  await database.close();
  expect(isPaminaError(await done, 'REPLICAS_UNCONFIRMED')).toBe(true);
});
