// How commits are slowed as LevelDB falls behind, with a clock that only the test moves.
import type { Env } from '@pamina/env';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CommitBrake, bytesPerSecondAt } from '../src/commit-brake.js';
import type { Database } from '../src/database.js';
import { HandClock } from './hand-clock.js';
import { FaultyDisk, codeOf, env, newDatabase, openDatabase, text, until } from './workbench.js';
import { SlowStores } from './slow-stores.js';

const kib = 1024;
const mib = 1024 * kib;

interface Held {
  readonly db: Database;
  readonly held: Promise<void>;
}

class Road {
  readonly clock = new HandClock();
  pressure = 0;
  asked = 0;
  freed = 0;
  readonly brake = new CommitBrake({
    clock: this.clock.clock,
    pressure: () => {
      this.asked++;
      return this.pressure;
    },
    onFree: () => this.freed++,
  });

  /** Bytes that get through in so many ms, of groups of a size. */
  carry(groupBytes: number, ms: number): number {
    let bytes = 0;
    for (let passed = 0; passed < ms; passed++) {
      while (this.brake.letThrough(groupBytes)) {
        bytes += groupBytes;
        if (bytes > 1024 * mib) return Infinity;
      }
      this.clock.pass(1);
    }
    return bytes;
  }
}

test('nothing is slowed while the store keeps up, and it is hardly ever asked', () => {
  const road = new Road();
  road.pressure = 5 / 12;
  for (let group = 0; group < 1024; group++) {
    expect(road.brake.letThrough(4 * kib)).toBe(true);
  }
  expect(road.asked).toBe(4);
  expect(road.clock.waiting).toBe(0);
});

test.each([7, 9, 11])('P13 at %i of 12 tables commits keep the rate of that pressure', (tables) => {
  const road = new Road();
  road.pressure = tables / 12;
  const rate = bytesPerSecondAt(road.pressure);
  // The first megabyte comes before the store is asked.
  road.carry(64 * kib, 100);
  const perSecond = road.carry(64 * kib, 4000) / 4;
  expect(perSecond / rate).toBeGreaterThan(0.9);
  expect(perSecond / rate).toBeLessThan(1.1);
});

test('the nearer the store is to stopping the slower commits are, and none stops', () => {
  const rates = Array.from({ length: 13 }, (_, tables) => bytesPerSecondAt(tables / 12));
  expect(rates.slice(0, 6)).toEqual(Array.from({ length: 6 }, () => Infinity));
  const slowed = rates.slice(6);
  expect(slowed).toEqual(slowed.toSorted((one, other) => other - one));
  expect(new Set(slowed).size).toBe(slowed.length);
  expect(rates[12]).toBeGreaterThan(512 * kib);
});

test('a commit of any size is followed by a wait of a quarter of a second at most', () => {
  const road = new Road();
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 64 * mib }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (bytes, pressure) => {
        road.pressure = pressure;
        road.clock.pass(1000);
        expect(road.brake.letThrough(mib)).toBe(true);
        road.clock.pass(1000);
        expect(road.brake.letThrough(bytes)).toBe(true);
        const before = road.freed;
        if (road.brake.letThrough(1)) return;
        road.clock.pass(250);
        expect(road.freed).toBe(before + 1);
        expect(road.brake.letThrough(1)).toBe(true);
      },
    ),
  );
});

test('P13 a rest smaller than a millisecond is waited for as one, so that rounding cannot make it endless', () => {
  const road = new Road();
  road.pressure = 1;
  expect(road.brake.letThrough(64 * mib)).toBe(true);
  road.clock.pass(250 - 1e-9);
  expect(road.brake.letThrough(1)).toBe(false);
  road.clock.pass(0.5);
  expect(road.freed).toBe(0);
  road.clock.pass(0.5);
  expect(road.freed).toBe(1);
  expect(road.brake.letThrough(1)).toBe(true);
});

test('once it is released nobody waits and no timer is left', () => {
  const road = new Road();
  road.pressure = 1;
  while (road.brake.letThrough(256 * kib));
  expect(road.clock.waiting).toBe(1);
  road.brake.release();
  expect(road.freed).toBe(1);
  expect(road.clock.waiting).toBe(0);
  expect(road.carry(256 * kib, 1)).toBe(Infinity);
});

/** A database with one commit that is on disk and held back, for a quarter of a second at least. */
async function withHeld(base: Env = env): Promise<Held> {
  const store = new SlowStores();
  const db = await newDatabase({ env: { ...base, stores: store.stores } });
  await db.put('first', 'x'.repeat(mib + 1));
  store.pressure = () => 1;
  await db.put('free', 'x'.repeat(mib + 1));
  const held = db.put('held', 'x'.repeat(mib + 1));
  await until(() => db.durable().seq === db.log.encodedSeq);
  return { db, held };
}

test('P1 a commit that is held back is visible, and ends with COMMIT_UNKNOWN when its signal is aborted', async () => {
  const { db, held } = await withHeld();
  const controller = new AbortController();
  const put = codeOf(db.put('more', '1', { signal: controller.signal }));
  await until(() => db.durable().seq === db.log.encodedSeq);
  expect(text(await db.get('more'))).toBe('1');
  controller.abort(new Error('enough'));
  expect(await put).toBe('COMMIT_UNKNOWN');
  await held;
  expect(text(await db.get('more'))).toBe('1');
});

test('P7 when the log fails, commits that are held back and on disk are acknowledged, those behind are not', async () => {
  const disk = new FaultyDisk();
  const { db, held } = await withHeld(disk.env);
  disk.fault = ({ operation, path }) =>
    operation.startsWith('sync') && path.endsWith('.seg') ? 'DISK_ERROR' : null;
  const lost = codeOf(db.put('lost', '1'));
  await held;
  expect(await lost).toBe('COMMIT_UNKNOWN');
  expect(db.state).toBe('failed');
  disk.fault = () => null;
  await db.close();
  const again = await openDatabase(db.folder);
  expect((await again.get('held'))?.length).toBe(mib + 1);
});

test('P7 when the store fails, a commit that is held back has an end, and is there after the next open', async () => {
  const store = new SlowStores();
  const db = await newDatabase({ env: store.env });
  await db.put('first', 'x'.repeat(mib + 1));
  store.pressure = () => 1;
  await db.put('free', 'x'.repeat(mib + 1));
  await db.whenApplied(db.durable().seq);
  store.fault = () => new Error('IO error: store/000005.log: Input/output error');
  const held = codeOf(db.put('held', '1'));
  await until(() => db.state === 'failed');
  expect(await held).toBe('COMMIT_UNKNOWN');
  store.fault = () => null;
  await db.close();
  expect(text(await (await openDatabase(db.folder)).get('held'))).toBe('1');
});

test('a mark whose commit is held back has the state at exactly its record', async () => {
  const { db, held } = await withHeld();
  const marking = db.mark(() => ({ backup: 'b-1', tag: null }));
  const later = db.put('later', '1');
  const { point, snapshot } = await marking;
  await Promise.all([held, later]);
  const keys: string[] = [];
  for await (const entries of snapshot.entries())
    keys.push(...entries.map(([key]) => text(key.subarray(1))));
  await snapshot.close();
  expect(keys).toContain('held');
  expect(keys).not.toContain('later');
  expect(point.seq).toBe(db.durable().seq - 1);
});

test('P1 commits that are held back by the brake are acknowledged in order, and at once at close', async () => {
  const store = new SlowStores();
  const db = await newDatabase({ env: store.env });
  await db.put('first', 'x'.repeat(mib + 1));
  store.pressure = () => 1;
  await db.put('second', 'x'.repeat(mib + 1));
  const order: number[] = [];
  const closing: Promise<void>[] = [];
  const puts = Array.from({ length: 6 }, async (_, index) => {
    await db.put(`held ${index}`, 'x'.repeat(100 * kib));
    order.push(index);
    if (index === 1) closing.push(db.close());
  });
  await Promise.all(puts);
  await Promise.all(closing);
  expect(order).toEqual([0, 1, 2, 3, 4, 5]);
});

test('commits from memory are slowed with the others', async () => {
  const store = new SlowStores();
  const db = await newDatabase({ env: store.env });
  await db.put('first', 'x'.repeat(mib + 1));
  store.pressure = () => 1;
  const order: string[] = [];
  const put = async (key: string, durability: 'disk' | 'memory'): Promise<void> => {
    await db.put(key, 'x'.repeat(mib + 1), { durability });
    order.push(key);
  };
  await put('free', 'disk');
  const held = put('held', 'disk');
  await until(() => db.durable().seq === db.log.encodedSeq);
  await Promise.all([put('from memory', 'memory'), held]);
  expect(order).toEqual(['free', 'held', 'from memory']);
});

test('who does not wait for his commits is not slowed: it would not help', async () => {
  const store = new SlowStores();
  const db = await newDatabase({ env: store.env });
  store.pressure = () => 1;
  const started = store.env.clock.monotonic();
  const value = 'x'.repeat(mib);
  await Promise.all(Array.from({ length: 40 }, (_, index) => db.put(`key ${index}`, value)));
  const seconds = (store.env.clock.monotonic() - started) / 1000;
  // At the rate of this pressure it would be 53 s.
  expect((40 * mib) / seconds).toBeGreaterThan(2 * bytesPerSecondAt(1));
});
