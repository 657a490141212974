// Lag: known only from the master's own words, zero only when level and connected (P9).
import { describe, expect, it } from 'vitest';
import { LagMeter, type Places, unknownLag } from '../src/lag.js';
import { ledgerEntriesMax } from '../src/replication-limits.js';
import { pointAt } from './fixture.js';

const at = (received: number, durable = received, applied = durable): Places => ({
  received: { seq: received, time: 1000 + received },
  durable: { seq: durable, time: 1000 + durable },
  applied: { seq: applied, time: 1000 + applied },
});
const news = (seq: number, time: number, backlogBytes: number | null = 0) => ({
  point: pointAt(seq),
  time,
  heardMs: time,
  backlogBytes,
});

describe('lag', () => {
  it('P9 is unknown before the master was heard', () => {
    expect(new LagMeter().lag('applied', at(5), false, 0)).toEqual(unknownLag);
  });

  it('is zero when level with the last heartbeat and connected', () => {
    const meter = new LagMeter();
    meter.hear(news(5, 20_000), at(5));
    expect(meter.lag('applied', at(5), true, 25_000)).toEqual({ records: 0, bytes: 0, seconds: 0 });
  });

  it('grows with the clock while disconnected', () => {
    const meter = new LagMeter();
    meter.hear(news(5, 20_000), at(5));
    expect(meter.lag('durable', at(5), false, 23_500).seconds).toBe(3.5);
    expect(meter.lag('durable', at(5), false, 30_000).seconds).toBe(10);
  });

  it('counts from the last moment at which it had everything, not from an old record', () => {
    const meter = new LagMeter();
    meter.hear(news(5, 3_600_000), at(5));
    meter.hear(news(6, 3_601_000, 80), at(5));
    expect(meter.lag('received', at(5), true, 3_601_000)).toEqual({
      records: 1,
      bytes: 80,
      seconds: 1,
    });
  });

  it('tells the three positions apart in bytes', () => {
    const meter = new LagMeter();
    meter.hear(news(40, 2_000, 1000), at(10));
    meter.received(300);
    meter.received(200);
    meter.stored(300, 20);
    const now = at(30, 20, 10);
    expect(meter.lag('received', now, true, 2_000)).toMatchObject({ records: 10, bytes: 500 });
    expect(meter.lag('durable', now, true, 2_000)).toMatchObject({ records: 20, bytes: 700 });
    expect(meter.lag('applied', now, true, 2_000)).toMatchObject({ records: 30, bytes: 1000 });
    expect(meter.lag('applied', at(30, 20, 20), true, 2_000).bytes).toBe(700);
    meter.dropped();
    expect(meter.lag('durable', at(20), true, 2_000).bytes).toBe(500);
  });

  it('P9 bytes are unknown while the master did not tell its backlog', () => {
    const meter = new LagMeter();
    meter.hear(news(40, 2_000, null), at(10));
    expect(meter.lag('applied', at(10), true, 2_000)).toMatchObject({ records: 30, bytes: null });
  });

  it('P13 remembers a bounded number of chunks and loses no byte by it', () => {
    const meter = new LagMeter();
    meter.hear(news(1_000_000, 2_000, 0), at(0));
    const count = ledgerEntriesMax * 3;
    for (let seq = 1; seq <= count; seq++) meter.stored(10, seq);
    expect(meter.lag('applied', at(count, count, 0), true, 2_000).bytes).toBe(10 * count);
    expect(meter.lag('applied', at(count), true, 2_000).bytes).toBe(0);
  });
});
