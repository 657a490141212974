import { PaminaError, positionWaitsMax, type Timeline } from '@pamina/format';
import { expect, test } from 'vitest';
import { PositionWaits } from '../src/position-waits.js';
import { HandClock } from './hand-clock.js';
import { copyAs, newDatabase, openDatabase, pump } from './workbench.js';

const first: Timeline = {
  timeline: 1,
  id: '11'.repeat(8),
  forkedFrom: null,
  atSeq: 0,
  why: 'created',
};
const second: Timeline = {
  timeline: 2,
  id: '22'.repeat(8),
  forkedFrom: first.id,
  atSeq: 100,
  why: 'takeover of orders',
};

class Owner {
  readonly control = { name: 'orders-replica' };
  timelines: readonly Timeline[] = [first];
  visibleSeq = 90;
  #waiting: { seq: number; settle: (error: PaminaError | null) => void }[] = [];

  get waiting(): number {
    return this.#waiting.length;
  }

  onApplied(seq: number, settle: (error: PaminaError | null) => void): () => void {
    const waiter = { seq, settle };
    this.#waiting.push(waiter);
    return () => (this.#waiting = this.#waiting.filter((one) => one !== waiter));
  }

  apply(seq: number): void {
    this.visibleSeq = seq;
    for (const waiter of this.#waiting.filter((one) => one.seq <= seq)) waiter.settle(null);
  }
}

function bench(): { owner: Owner; clock: HandClock; positions: PositionWaits } {
  const [owner, clock] = [new Owner(), new HandClock()];
  return { owner, clock, positions: new PositionWaits(owner, clock) };
}

const codeOf = (work: Promise<void>): Promise<string> =>
  work.then(
    () => 'reached',
    (error: PaminaError) => error.code,
  );

test('P13 more reads than may wait are refused, and those that wait go on', async () => {
  const waits = { control: { name: 'orders-replica' }, timelines: [first], visibleSeq: 90 };
  const owner = { ...waits, onApplied: () => () => undefined };
  const positions = new PositionWaits(owner, new HandClock());
  const waiting = Array.from({ length: positionWaitsMax }, () => codeOf(positions.waitFor('1/95')));
  expect(await codeOf(positions.waitFor('1/95'))).toBe('BACKLOG_FULL');
  expect(await codeOf(positions.waitFor('1/90'))).toBe('reached');
  owner.visibleSeq = 95;
  positions.look();
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['reached']));
  expect(await codeOf(positions.waitFor('1/95'))).toBe('reached');
});

test('P12 a read that holds a position waits until the replica has applied it', async () => {
  const { owner, positions } = bench();
  await positions.waitFor('1/90');
  let isReached = false;
  const reached = positions.waitFor({ timeline: 1, seq: 95 }).then(() => (isReached = true));
  owner.apply(94);
  await Promise.resolve();
  expect(isReached).toBe(false);
  owner.apply(96);
  await reached;
  expect(owner.waiting).toBe(0);
});

test('P12 what is not reached in time ends with POSITION_TIMEOUT, and leaves nothing behind', async () => {
  const { owner, clock, positions } = bench();
  const waiting = codeOf(positions.waitFor('1/95', { timeoutMs: 500 }));
  clock.pass(499);
  expect(owner.waiting).toBe(1);
  clock.pass(1);
  expect(await waiting).toBe('POSITION_TIMEOUT');
  expect(owner.waiting).toBe(0);
  expect(clock.waiting).toBe(0);
});

test('P12 a position of a timeline that is not known here yet is waited for until its news comes', async () => {
  const { owner, positions } = bench();
  owner.visibleSeq = 105;
  let isReached = false;
  const reached = positions.waitFor('2/103').then(() => (isReached = true));
  await Promise.resolve();
  expect(isReached).toBe(false);
  owner.timelines = [first, second];
  positions.look();
  await reached;
});

test('P11 a position that a takeover left behind is POSITION_LOST, at once or as soon as that is known', async () => {
  const { owner, positions } = bench();
  const waiting = codeOf(positions.waitFor('1/101'));
  owner.timelines = [first, second];
  positions.look();
  expect(await waiting).toBe('POSITION_LOST');
  expect(await codeOf(positions.waitFor('1/101'))).toBe('POSITION_LOST');
  owner.apply(102);
  await positions.waitFor('1/100');
  await positions.waitFor('2/102');
});

test('P12 a signal and the end of the database end the wait', async () => {
  const { positions } = bench();
  const aborting = new AbortController();
  const aborted = codeOf(positions.waitFor('1/95', { signal: aborting.signal }));
  aborting.abort(new PaminaError('ABORTED', 'enough'));
  expect(await aborted).toBe('ABORTED');
  const closed = codeOf(positions.waitFor('1/95'));
  positions.end(new PaminaError('DATABASE_CLOSED', 'orders is closed'));
  expect(await closed).toBe('DATABASE_CLOSED');
});

test('P12 the token of a commit on the master is reached on a replica when it has applied it', async () => {
  const master = await newDatabase();
  const folder = master.folder;
  await master.close();
  const replica = await openDatabase(await copyAs('replica', folder, 'orders-replica'));
  const again = await openDatabase(folder);
  const position = await again.commit([{ type: 'put', key: 'a', value: '1' }]);
  expect(again.positions.current).toEqual(position);
  const reached = replica.positions.waitFor(position, { timeoutMs: 20_000 });
  await pump(again, replica);
  await reached;
  expect(replica.positions.current.seq).toBeGreaterThanOrEqual(position.seq);
});

test('P9 a bound on staleness holds on a normal database, and fails on a replica that cannot tell', async () => {
  const master = await newDatabase();
  const folder = master.folder;
  master.freshness.require(0);
  await master.close();
  const replica = await openDatabase(await copyAs('replica', folder, 'orders-replica'));
  const stale = expect.objectContaining({ code: 'REPLICA_STALE' }) as Error;
  expect(() => replica.freshness.require(86_400_000)).toThrow(stale);
  replica.freshness.follow({ behindMs: () => 1500 });
  replica.freshness.require(1500);
  expect(() => replica.freshness.require(1499)).toThrow(stale);
});
