import fc from 'fast-check';
import { expect, it } from 'vitest';
import { retryDelayMs } from '../src/backoff.js';
import { retryMsMax, retryMsMin } from '../src/replication-limits.js';

it('P16 waits grow, stay below the cap, and differ between replicas', () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.nat(10_000), chance, (attempts, value) => {
      const delay = retryDelayMs(attempts, value);
      expect(delay).toBeGreaterThanOrEqual(retryMsMin / 2);
      expect(delay).toBeLessThanOrEqual(retryMsMax);
      expect(retryDelayMs(attempts + 1, value)).toBeGreaterThanOrEqual(delay);
    }),
  );
  expect(retryDelayMs(3, 0)).not.toBe(retryDelayMs(3, 0.9));
});
