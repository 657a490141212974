// A replica that waits with what it has received: for a while after each commit, or until it is told. The
// wall clock is the test's.
import type { Env, Stores } from '@pamina/env';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Database } from '../src/database.js';
import type { ReplicaApply } from '../src/replica-apply.js';
import { SlowStores } from './slow-stores.js';
import {
  FaultyDisk,
  cleanUp,
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
  until,
} from './workbench.js';

const hour = 3_600_000;

class Pair {
  /** Later than anything that was made by the real clock. */
  #now = Date.now() + hour;
  readonly env: Env = { ...env, clock: { ...env.clock, now: () => this.#now } };
  master!: Database;
  replica!: Database;

  /** With `stores` for the replica's store. */
  static async start(segmentBytes?: number, stores: Stores = env.stores): Promise<Pair> {
    const pair = new Pair();
    const first = await newDatabase({ env: pair.env });
    await first.put('base', '1');
    await first.close();
    const folder = await copyAs('replica', first.folder, 'orders-replica');
    const options = { env: pair.env, segmentBytes };
    pair.master = await openDatabase(first.folder, options);
    pair.replica = await openDatabase(folder, { ...options, env: { ...pair.env, stores } });
    await pair.replica.updateControl({ simultaneousQuery: true });
    return pair;
  }

  pass(ms: number): void {
    this.#now += ms;
  }

  async reopen(): Promise<void> {
    await this.replica.close();
    this.replica = await openDatabase(this.replica.folder, { env: this.env });
  }

  /** Puts key and value on the master, and has the replica receive it. */
  async write(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.master.put(key, key);
    await pump(this.master, this.replica);
  }

  get apply(): ReplicaApply {
    return there(this.replica.replicaApply);
  }

  get appliedSeq(): number {
    return this.replica.applied().seq;
  }

  async keys(): Promise<string[]> {
    return Object.keys(await contents(this.replica));
  }
}

async function paused(segmentBytes?: number): Promise<Pair> {
  const pair = await Pair.start(segmentBytes);
  await pair.write('before');
  await pair.replica.whenApplied(pair.replica.durable().seq);
  await pair.apply.change({ paused: true });
  return pair;
}

test('a record is received at once and applied when the delay after its commit is over', async () => {
  const pair = await Pair.start();
  await pair.write('first');
  await pair.replica.whenApplied(pair.replica.durable().seq);
  await pair.apply.change({ delayMs: hour });
  await pair.write('second');
  pair.pass(hour / 2);
  await pair.write('third');
  await until(() => pair.apply.nextAt !== null);
  expect(pair.replica.durable()).toEqual(pair.master.durable());
  expect(await pair.keys()).toEqual(['base', 'first']);
  pair.pass(hour / 2);
  await until(() => pair.appliedSeq === pair.replica.durable().seq - 1);
  expect(await pair.keys()).toEqual(['base', 'first', 'second']);
  pair.pass(hour / 2);
  await until(() => pair.appliedSeq === pair.replica.durable().seq);
  expect(await stateOf(pair.replica)).toEqual(await stateOf(pair.master));
});

test('P13 what waits is in the log and not in memory, however much it is', async () => {
  const pair = await paused();
  const value = 'x'.repeat(100_000);
  for (let index = 0; index < 50; index++) await pair.master.put(`key ${index}`, value);
  await pump(pair.master, pair.replica);
  expect(pair.replica.durable()).toEqual(pair.master.durable());
  await pair.apply.change({ paused: false });
  await until(() => pair.appliedSeq === pair.replica.durable().seq);
  expect(await stateOf(pair.replica)).toEqual(await stateOf(pair.master));
});

test('a replica that waits shows the same state after it was opened again, then goes on', async () => {
  const pair = await paused();
  const seq = pair.appliedSeq;
  await pair.write('second', 'third');
  await pair.reopen();
  expect(pair.appliedSeq).toBe(seq);
  expect(pair.replica.durable()).toEqual(pair.master.durable());
  expect(await pair.keys()).toEqual(['base', 'before']);
  await pair.write('fourth');
  expect(pair.appliedSeq).toBe(seq);
  await pair.apply.change({ paused: false });
  await until(() => pair.appliedSeq === pair.replica.durable().seq);
  expect(await stateOf(pair.replica)).toEqual(await stateOf(pair.master));
});

test('P4 a paused replica applies up to a record that it is told, and nothing behind', async () => {
  const pair = await paused(65_536);
  const seq = pair.appliedSeq;
  await pair.write('a', 'b', 'c', 'd');
  await pair.apply.until(seq + 2);
  await pair.write('e');
  expect(pair.appliedSeq).toBe(seq + 2);
  expect(await pair.keys()).toEqual(['a', 'b', 'base', 'before']);
});

test('P9 what the applier has cannot be held back: who wants to stop before it hears that, and nothing changes', async () => {
  const stores = new SlowStores();
  const pair = await Pair.start(65_536, stores.stores);
  await pair.replica.whenApplied(pair.replica.durable().seq);
  stores.hold();
  cleanUp(() => Promise.resolve(stores.release()));
  await pair.write('good');
  const { seq } = pair.replica.durable();
  await pair.write('mistake');
  expect(pair.appliedSeq).toBeLessThan(seq);
  expect(await codeOf(pair.apply.pauseBehind(seq))).toBe('POSITION_PASSED');
  expect(pair.apply.rule).toMatchObject({ paused: false });
  const promoting = codeOf(pair.replica.becomeNormal('promoted', seq));
  stores.release();
  expect(await promoting).toBe('POSITION_PASSED');
  await pair.reopen();
  expect(await pair.keys()).toEqual(['base', 'good', 'mistake']);
});

test('P9 who waits for a record hears that the log cannot be read back', async () => {
  const pair = await paused();
  await pair.write('a', 'b');
  const last = there(pair.replica.log.segments().at(-1));
  const bytes = await readFile(last.path);
  const at = last.bytes - 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(last.path, bytes);
  expect(await codeOf(pair.apply.until(pair.replica.durable().seq))).toBe('LOG_DAMAGED');
  expect(pair.replica.state).toBe('failed');
});

test('who waits for a record hears it when the database is closed', async () => {
  const pair = await paused();
  await pair.write('a');
  const heard = codeOf(pair.apply.until(pair.replica.durable().seq + 1));
  await pair.replica.close();
  expect(await heard).toBe('DATABASE_OFFLINE');
});

test('P11 a replica becomes normal before a mistake: the rest of the log is kept aside', async () => {
  const pair = await paused(65_536);
  await pair.write('good');
  const { seq } = pair.replica.durable();
  const big = 'x'.repeat(40_000);
  for (let index = 0; index < 5; index++) await pair.master.put(`mistake ${index}`, big);
  await pump(pair.master, pair.replica);
  await pair.replica.becomeNormal('promoted before a mistake', seq);
  expect(await pair.keys()).toEqual(['base', 'before', 'good']);
  expect(pair.replica.timelines.at(-1)).toMatchObject({ atSeq: seq });
  expect(pair.replica.control.apply).toBeNull();
  await pair.replica.put('after', '1');
  await pair.reopen();
  expect(await pair.keys()).toEqual(['after', 'base', 'before', 'good']);
  expect(pair.replica.durable().seq).toBeGreaterThan(seq + 1);
  const kept = await readdir(join(pair.replica.folder, 'log', `cut-behind-${seq}`), {
    recursive: true,
  });
  expect(kept.filter((name) => name.endsWith('.seg')).length).toBeGreaterThan(1);
});

test.each([
  ['POSITION_PASSED', -1],
  ['POSITION_AHEAD', 9],
] as const)(
  '%s: a promotion ends neither before what is applied nor ahead of what is here',
  async (code, by) => {
    const pair = await paused();
    await pair.write('a');
    expect(await codeOf(pair.replica.becomeNormal('reset', pair.appliedSeq + by))).toBe(code);
    await pair.write('b');
    expect(pair.replica.durable()).toEqual(pair.master.durable());
  },
);

test('P8 P11 power that goes at any step of such a promotion leaves a replica or a normal database', async () => {
  const pair = await paused(65_536);
  await pair.write('good');
  const { seq } = pair.replica.durable();
  const big = 'x'.repeat(40_000);
  for (let index = 0; index < 3; index++) await pair.master.put(`mistake ${index}`, big);
  await pump(pair.master, pair.replica);
  await pair.replica.close();
  for (let steps = 0, isDone = false; !isDone; steps += 2) {
    const folder = await crashCopy(pair.replica.folder);
    const faulty = new FaultyDisk();
    const dying = await openDatabase(folder, { env: { ...pair.env, disk: faulty.disk } });
    faulty.stopAfter(steps);
    isDone = await dying.becomeNormal('promoted', seq).then(
      () => true,
      () => false,
    );
    if (isDone) faulty.fault = () => null;
    await dying.close().catch(() => expect(isDone).toBe(false));
    const after = await openDatabase(folder, { env: pair.env });
    await after.updateControl({ simultaneousQuery: after.control.type === 'replica' });
    expect(await contents(after)).not.toHaveProperty('mistake 0');
    if (after.control.type === 'replica') await after.becomeNormal('promoted', seq);
    expect(Object.keys(await contents(after))).toEqual(['base', 'before', 'good']);
    await after.put('after', '1');
    await after.close();
  }
});
