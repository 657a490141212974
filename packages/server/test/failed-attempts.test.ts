import { expect, it } from 'vitest';
import { addressKey, FailedAttempts } from '../src/failed-attempts.js';
import { RequestRate } from '../src/request-rate.js';

const clock = { monotonic: () => 5 };

it('P13 as many addresses as there are do not fill the memory', () => {
  const attempts = new FailedAttempts(clock);
  const rate = new RequestRate(clock, 1);
  for (let n = 0; n < 30_000; n += 1) {
    const address = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
    attempts.failed(address);
    for (let known = 0; known < 2; known += 1) attempts.succeeded(address, String(known));
    rate.take(address);
  }
  expect(attempts.size).toBe(10_000);
  expect(rate.size).toBe(10_000);
});

it('P14 who has a whole network of addresses is one', () => {
  for (const [address, key] of [
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['', ''],
  ] as const) {
    expect(addressKey(address), address).toBe(key);
  }
});

it('P14 the wait grows up to a minute, and no further', () => {
  let now = 0;
  const attempts = new FailedAttempts({ monotonic: () => now });
  const waits: number[] = [];
  for (let n = 0; n < 20; n += 1) {
    attempts.failed('10.0.0.1');
    const before = now;
    for (;;) {
      try {
        attempts.require('10.0.0.1', 'x');
        break;
      } catch (error) {
        now += (error as { context: { retryAfterMs: number } }).context.retryAfterMs;
      }
    }
    waits.push(now - before);
  }
  expect(waits.slice(0, 9)).toEqual(Array(9).fill(0));
  expect(waits.slice(9)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60].map((s) => s * 1000));
});
