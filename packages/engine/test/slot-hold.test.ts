import fc from 'fast-check';
import type { Log } from '@pamina/log';
import { expect, test } from 'vitest';
import { holdsOf, wouldLose, type Holds, type HoldSource } from '../src/slot-hold.js';
import type { Slot, SlotTable } from '../src/slots.js';
import { env } from './workbench.js';

const dayMs = 24 * 60 * 60 * 1000;
const segmentBytes = 1000;
const now = 100 * dayMs;

/** Closed segments of ten records each, then an open one; the n-th began `ages[n]` days ago. */
function logOf(count: number, ages: (index: number) => number = () => 0): Log {
  const segments = Array.from({ length: count + 1 }, (_, index) => ({
    firstSeq: index * 10 + 1,
    lastSeq: index < count ? index * 10 + 10 : null,
    bytes: segmentBytes,
    closed: index < count,
    header: { startTime: now - ages(index) * dayMs },
  }));
  return { segments: () => segments, firstSeq: 1 } as unknown as Log;
}

function slotAt(durable: number, change: Partial<Slot> = {}): Slot {
  const positions = { received: durable, durable, applied: durable };
  return { name: 'a', instance: 'i', seenAt: now, progressedAt: now, ...positions, ...change };
}

interface Given {
  readonly log: Log;
  readonly slots: readonly Slot[];
  readonly replicaHoldBytes?: number;
  readonly replicaHoldDays?: number;
  readonly keepFromSeq?: number;
  readonly openForMs?: number;
}

function holds(given: Given): Promise<Holds> {
  const { log, slots, openForMs = dayMs } = given;
  const { replicaHoldBytes = 0, replicaHoldDays = 0, keepFromSeq = 1_000_000 } = given;
  const source: HoldSource = {
    log,
    disk: env.disk,
    clock: { ...env.clock, now: () => now, monotonic: () => openForMs },
    slots: { list: () => [...slots], openedMs: 0 } as unknown as SlotTable,
    settings: { replicaHoldBytes, replicaHoldDays, replicationDelayMs: 0 },
    needs: { checkpointSeq: 1_000_000, keepFromSeq, bytesWithoutBackup: 0 },
  };
  return holdsOf(source);
}

test('P10 a replica that has all closed segments holds nothing, one that lacks some holds those', async () => {
  const log = logOf(10);
  const found = await holds({ log, slots: [slotAt(103), slotAt(100), slotAt(95), slotAt(42)] });
  expect(found.holds.map(({ state, bytes }) => [state, bytes])).toEqual([
    ['ok', 0],
    ['ok', 0],
    ['holding', segmentBytes],
    ['holding', 6 * segmentBytes],
  ]);
  expect(found.firstSeq).toBe(42);
});

test('P10 log that a backup keeps is not held for the replica', async () => {
  const found = await holds({ log: logOf(10), slots: [slotAt(42)], keepFromSeq: 31 });
  expect(found.holds).toMatchObject([{ state: 'ok' }]);
  expect(found.firstSeq).toBe(31);
});

test('P10 past the cap by size nothing is held; the others that are within it hold theirs', async () => {
  const given = { log: logOf(10), slots: [slotAt(42), slotAt(65)], replicaHoldBytes: 5000 };
  const found = await holds(given);
  expect(found.holds).toMatchObject([
    { state: 'past-cap', pastCap: 'bytes', bytes: 6000 },
    { state: 'holding', pastCap: null, bytes: 4000 },
  ]);
  expect(found.firstSeq).toBe(65);
});

test('P10 a cap of 0 is none', async () => {
  const old = slotAt(4, { progressedAt: 0 });
  const found = await holds({ log: logOf(10, () => 99), slots: [old] });
  expect(found.holds).toMatchObject([{ state: 'holding' }]);
  expect(found.firstSeq).toBe(4);
});

test('P10 a replica in the middle of a large segment that was just closed is within any cap', async () => {
  const found = await holds({ log: logOf(1), slots: [slotAt(4)], replicaHoldBytes: 1 });
  expect(found.holds).toMatchObject([{ state: 'holding', pastCap: null }]);
});

test('P10 past the cap by age is who lacks old log and has come no further since', async () => {
  // Segment n began 10 - n days ago.
  const log = logOf(10, (index) => 10 - index);
  const given = { log, replicaHoldDays: 4 };
  const away = { progressedAt: now - 5 * dayMs };
  const found = await holds({
    ...given,
    slots: [slotAt(42, away), slotAt(62, away), slotAt(42, { progressedAt: now - 3 * dayMs })],
  });
  expect(found.holds.map(({ pastCap }) => pastCap)).toEqual(['age', null, null]);
  const justOpened = await holds({ ...given, slots: [slotAt(42, away)], openForMs: 1000 });
  expect(justOpened.holds).toMatchObject([{ pastCap: null }]);
});

test('P10 who is lost holds nothing, and who lacks what is gone is lost, whatever its slot says', async () => {
  const lost = { at: 1, cap: 'bytes', bytes: 5 } as const;
  const found = await holds({ log: logOf(10), slots: [slotAt(42, { lost }), slotAt(80)] });
  expect(found.holds).toMatchObject([{ state: 'lost' }, { state: 'holding' }]);
  expect(found.firstSeq).toBe(80);
  const log = Object.assign(logOf(10), { firstSeq: 51 });
  expect((await holds({ log, slots: [slotAt(42)] })).holds).toMatchObject([{ state: 'lost' }]);
});

test('P10 whatever the slots and caps: who is within them loses nothing, and no more is held than the cap and a segment', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 210 }), fc.boolean()), { maxLength: 5 }),
      fc.constantFrom(0, 1, 999, 1000, 2500, 7000),
      fc.integer({ min: 1, max: 250 }),
      async (count, given, replicaHoldBytes, keepFromSeq) => {
        const log = logOf(count);
        const lost = { at: 1, cap: 'age', bytes: 0 } as const;
        const slots = given
          .filter(([durable]) => durable <= count * 10)
          .map(([durable, isLost]) => slotAt(durable, isLost ? { lost } : {}));
        const found = await holds({ log, slots, replicaHoldBytes, keepFromSeq });
        for (const { slot, state } of found.holds) {
          if (state === 'ok' || state === 'holding') {
            expect(wouldLose(log, slot, found.firstSeq)).toBe(false);
          }
        }
        const last = log.segments().findLast(({ firstSeq }) => firstSeq <= found.firstSeq);
        const others = log.segments().findLast(({ firstSeq }) => firstSeq <= keepFromSeq);
        const held = (others?.firstSeq ?? 1) - (last?.firstSeq ?? 1);
        if (replicaHoldBytes > 0) {
          expect((held / 10) * segmentBytes).toBeLessThanOrEqual(replicaHoldBytes + segmentBytes);
        }
      },
    ),
  );
});
