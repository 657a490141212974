// What a master says of each of its replicas: its state, since when, and why.

import type { ReplicaSummary } from '@pamina/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import { conditionOf, type ReplicaKnown } from '../src/replica-condition.js';
import { ReplicaEnds } from '../src/replica-ends.js';
import { eventually, Workbench } from './workbench.js';

const replica = 'cities-replica';
let bench: Workbench;
let master: Host;
let other: Host;
let startedAt: number;

beforeEach(async () => {
  startedAt = Date.now();
  bench = await Workbench.open();
  master = (await bench.server()).host;
  other = (await bench.server({ data: 'other' })).host;
  await master.create('cities');
  await master.set('cities', 'replicationDelayMs', '0');
  await master.put('cities', 'a', '1');
});
afterEach(() => bench.close());

const shown = async (): Promise<ReplicaSummary | null> =>
  (await master.replicas('cities')).find(({ name }) => name === replica) ?? null;

const untilShown = (state: ReplicaSummary['state'], reason: RegExp) =>
  eventually(shown, (one) => one?.state === state && reason.test(one.reason ?? ''));

async function following(): Promise<ReplicaSummary | null> {
  await other.replicate(replica, { master: 'cities' });
  return untilShown('connected', /^streaming/);
}

describe('P9 what is known of a replica', () => {
  const known: ReplicaKnown = {
    ...{ master: 'cities', name: replica, permitted: null, slot: null, hold: null, feed: null },
    ...{ end: null, onlineSince: 1000, replicationDelayMs: 5000 },
  };
  const slot = { name: replica, instance: 'i', received: 5, durable: 5, applied: 5, seenAt: 700 };
  const gone = { replica, code: null, message: 'it said goodbye', hasFollowed: true, heardAt: 800 };
  const refusal = { code: 'LOG_GONE', message: 'no record 6', hasFollowed: false, heardAt: 900 };

  it('is away since it was heard of last, however often it is refused afterwards', () => {
    const ends = new ReplicaEnds();
    ends.note(gone, 810);
    expect(conditionOf({ ...known, slot, end: ends.of(replica) })).toMatchObject({ since: 800 });
    ends.note({ ...gone, ...refusal }, 910);
    expect(conditionOf({ ...known, slot, end: ends.of(replica) })).toEqual({
      state: 'disconnected',
      since: 800,
      reason: 'refused at 1970-01-01T00:00:00.910Z: LOG_GONE: no record 6',
    });
  });

  it('is away since its last report where this process has not seen it', () => {
    expect(conditionOf({ ...known, slot })).toMatchObject({ state: 'disconnected', since: 700 });
    const ends = new ReplicaEnds();
    ends.note({ ...gone, ...refusal }, 910);
    expect(conditionOf({ ...known, slot, end: ends.of(replica) })).toMatchObject({ since: 700 });
    ends.forget(replica);
    expect(ends.of(replica)).toBeNull();
  });

  it.each([
    ['bytes', 'passed the cap (replicaHoldBytes) and is not kept for it any more'],
    ['age', 'passed the cap (replicaHoldDays) and is not kept for it any more'],
    [null, 'is not here any more'],
  ] as const)('is lost since, past which cap (%s), and what to do', (cap, why) => {
    const base = { replica, state: 'lost', position: '1/5', bytes: 0, since: 600 } as const;
    expect(conditionOf({ ...known, slot, hold: { ...base, cap } })).toEqual({
      state: 'lost',
      since: 600,
      reason: `the log that it needs behind 1/5 ${why}: make it anew with \`pamina replicate ${replica} --master cities --recreate\``,
    });
  });

  it('is not permitted any more, and its slot is still here', () => {
    expect(conditionOf({ ...known, slot })).toMatchObject({ reason: 'it is not permitted' });
  });
});

describe('P9 a master says of a replica', () => {
  it('that it is permitted, since when, and has not connected yet', async () => {
    await master.allow('cities', replica);
    const one = await shown();
    expect(one).toMatchObject({ state: 'permitted', reason: 'it has not connected yet' });
    expect(one?.since).toBeGreaterThanOrEqual(startedAt);
  });

  it('that it is connected, since when, and what it does', async () => {
    const streaming = await following();
    expect(streaming?.since).toBeGreaterThanOrEqual(startedAt);
    await master.put('cities', 'b', '1');
    await master.set('cities', 'replicationDelayMs', '3000');
    const waiting = await untilShown('connected', /^waiting: it asks every 3 s$/);
    // What it does is another thing, its state is the same.
    expect(waiting?.since).toBe(streaming?.since);
  });

  it('that it is disconnected since it was heard of last, and how its connection ended', async () => {
    const connected = await following();
    await other.stop(replica);
    const one = await untilShown('disconnected', /goodbye/);
    expect(one?.reason).toBe('it said goodbye');
    expect(one?.since).toBeGreaterThanOrEqual(connected?.since ?? Infinity);
    expect(one?.since).toBeLessThanOrEqual(Date.now());
  });

  it('why it refuses it, when it does not follow', async () => {
    await following();
    await other.stop(replica);
    const { position } = await master.status('cities');
    await master.backup('cities');
    await master.put('cities', 'b', '1');
    const end = (await master.status('cities')).position;
    await other.start(replica);
    await eventually(
      () => other.status(replica),
      ({ applied }) => applied === end,
    );
    await master.restore('cities', { untilPosition: position ?? '', stop: true });
    await master.start('cities');
    await master.allow('cities', replica);
    const refused = await eventually(shown, (one) => one?.reason?.startsWith('refused') === true);
    expect(refused?.state).toBe('permitted');
    expect(refused?.reason).toMatch(/^refused at \S+: DIVERGED: .*left timeline 1/);
  });

  it('when it was heard of last, also after the master was started anew', async () => {
    await following();
    await other.stop(replica);
    await untilShown('disconnected', /goodbye/);
    await master.stop('cities');
    expect(await shown()).toMatchObject({ state: 'disconnected', reason: 'cities is offline' });
    await master.start('cities');
    const one = await shown();
    expect(one).toMatchObject({ state: 'disconnected', since: one?.seenAt });
    expect(one?.reason).toMatch(/^it has not connected since cities came online at 20/);
  });
});
