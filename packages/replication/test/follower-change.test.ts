// Credit and retries: what the follower asks for, gives back, and how often it tries.
import { feedCreditBytesMax } from '@pamina/format';
import { describe, expect, it } from 'vitest';
import { retryMsMax } from '../src/replication-limits.js';
import { events, run, stateOf } from './follower-fixture.js';

describe('follower', () => {
  it('P13 asks for one window, gives back credit as bytes become durable, never holds more', () => {
    const started = run(stateOf('connecting', { link: 'open' }), events.welcome);
    expect(started.effects).toContainEqual({
      type: 'request',
      bytes: feedCreditBytesMax,
      wait: true,
    });
    const full = run(started.state, { ...events.bytes, bytes: feedCreditBytesMax });
    expect(full.state).toMatchObject({ credit: 0, held: feedCreditBytesMax });
    const quarter = feedCreditBytesMax / 4;
    const few = run(full.state, { ...events.stored, bytes: quarter - 1, durableSeq: 6 });
    expect(few.effects).toEqual([{ type: 'report' }]);
    const enough = run(few.state, { ...events.stored, bytes: 1, durableSeq: 6 });
    expect(enough.effects).toContainEqual({ type: 'request', bytes: quarter, wait: true });
  });

  it('P16 tries again for ever, with growing waits up to a cap', () => {
    let state = stateOf('connecting', { link: 'opening' });
    const waits: number[] = [];
    for (let attempt = 0; attempt < 40; attempt++) {
      const failed = run(state, events['connect-failed']);
      for (const effect of failed.effects) if (effect.type === 'timer') waits.push(effect.afterMs);
      state = run(failed.state, events.timer).state;
      expect(state).toMatchObject({ name: 'disconnected', link: 'opening' });
    }
    expect(waits).toHaveLength(40);
    expect(waits[0]).toBeLessThan(500);
    expect(Math.max(...waits)).toBeLessThanOrEqual(retryMsMax);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(retryMsMax / 2);
  });

  it('writes one line when it is disconnected, not one for each attempt', () => {
    const one = run(stateOf('connecting', { link: 'opening' }), events['connect-failed']);
    expect(one.effects.filter((effect) => effect.type === 'log')).toHaveLength(1);
    const two = run(one.state, events.timer, events['connect-failed']);
    expect(two.effects.filter((effect) => effect.type === 'log')).toHaveLength(0);
  });
});
