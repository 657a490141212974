import { describe, expect, it } from 'vitest';
import { type Beat, StalenessMeter } from '../src/staleness.js';

/** The master's clock shows 1,000,000 when the own one shows 0. */
function beat(seq: number, sentMs: number, change: Partial<Beat> = {}): Beat {
  return { seq, time: 1_000_000 + sentMs, behindMs: 0, heardMs: sentMs, ...change };
}
const at = (durable: number, applied = durable) => ({ durable, applied });

describe('staleness', () => {
  it('P9 nothing is known before the first heartbeat whose record was reached', () => {
    const meter = new StalenessMeter();
    expect(meter.behindMs('applied', 0)).toBeNull();
    meter.hear(beat(10, 0), at(9));
    expect(meter.behindMs('applied', 500)).toBeNull();
    meter.update(at(10));
    expect(meter.behindMs('applied', 500)).toBe(500);
  });

  it('P9 an idle replica is as old as the last heartbeat, one that hears nothing grows older', () => {
    const meter = new StalenessMeter();
    for (const sentMs of [0, 1000, 2000]) meter.hear(beat(10, sentMs), at(10));
    expect(meter.behindMs('applied', 2000)).toBe(0);
    expect(meter.behindMs('applied', 62_000)).toBe(60_000);
  });

  it('P9 a heartbeat that was under way for long proves only what was true when it was sent', () => {
    const meter = new StalenessMeter();
    meter.hear(beat(10, 0), at(10));
    meter.hear(beat(10, 1000, { heardMs: 21_000 }), at(10));
    expect(meter.behindMs('applied', 21_000)).toBe(20_000);
  });

  it('P9 a first heartbeat that is late is held against the handshake', () => {
    const meter = new StalenessMeter();
    meter.connected(1_000_000, 0);
    meter.hear(beat(10, 1000, { heardMs: 21_000 }), at(10));
    expect(meter.behindMs('applied', 21_000)).toBe(20_000);
  });

  it('P9 records that wait to be applied make the applied place older than the durable one', () => {
    const meter = new StalenessMeter();
    for (const second of [0, 1, 2, 3]) {
      meter.hear(beat(10 + second, second * 1000), at(10 + second, 10));
    }
    expect(meter.behindMs('durable', 3000)).toBe(0);
    expect(meter.behindMs('applied', 3000)).toBe(3000);
    meter.update(at(13, 12));
    expect(meter.behindMs('applied', 3000)).toBe(1000);
  });

  it('P9 a replica of a replica is as old as both together', () => {
    const meter = new StalenessMeter();
    meter.hear(beat(10, 0), at(10));
    meter.hear(beat(10, 1000, { behindMs: 3_600_000 }), at(10));
    expect(meter.behindMs('applied', 1000)).toBe(1000);
    const fresh = new StalenessMeter();
    fresh.hear(beat(10, 1000, { behindMs: 3_600_000 }), at(10));
    expect(fresh.behindMs('applied', 1000)).toBe(3_600_000);
  });

  it('P9 what another master said counts on by the own clock, whatever the clock of the new one shows', () => {
    const meter = new StalenessMeter();
    meter.hear(beat(10, 0), at(10));
    meter.connected(9_000_000, 5000);
    expect(meter.behindMs('applied', 5000)).toBe(5000);
    meter.hear(beat(20, 5000, { time: 9_000_000 }), at(10));
    expect(meter.behindMs('applied', 5000)).toBe(5000);
    meter.update(at(20));
    expect(meter.behindMs('applied', 6000)).toBe(1000);
  });

  it('P9 a clock of the master that is set back makes a replica too old for a time, never too fresh', () => {
    const meter = new StalenessMeter();
    meter.hear(beat(10, 0), at(10));
    let sentMs = 1000;
    meter.hear(beat(10, sentMs, { time: 1_000_000 + sentMs - 3_600_000 }), at(10));
    expect(meter.behindMs('applied', sentMs)).toBeGreaterThanOrEqual(0);
    for (; sentMs < 180_000; sentMs += 1000) {
      meter.hear(beat(10, sentMs, { time: 1_000_000 + sentMs - 3_600_000 }), at(10));
    }
    expect(meter.behindMs('applied', sentMs)).toBeLessThanOrEqual(1000);
  });

  it('P13 heartbeats that wait for their record are bounded', () => {
    const meter = new StalenessMeter();
    for (let second = 0; second < 10_000; second++) meter.hear(beat(second, second * 1000), at(0));
    meter.update(at(9000));
    const behindMs = meter.behindMs('applied', 10_000_000) ?? Infinity;
    expect(behindMs).toBeGreaterThanOrEqual(999_000);
    expect(behindMs).toBeLessThan(1_100_000);
  });
});
