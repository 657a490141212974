// What every Random must do.

import { describe, expect, test } from 'vitest';
import type { Random } from '../src/random.js';

export function randomContract(name: string, makeRandom: () => Random): void {
  describe(`random contract: ${name}`, () => {
    test('bytes are as many as asked for, plain, owned by the caller and not the same twice', () => {
      const random = makeRandom();
      const [first, second] = [random.bytes(32), random.bytes(32)];
      expect(first).toHaveLength(32);
      expect(Object.getPrototypeOf(first)).toBe(Uint8Array.prototype);
      expect(first).not.toEqual(second);
      expect(first.buffer.byteLength).toBe(32);
      expect(random.bytes(0)).toHaveLength(0);
    });

    test('fractions lie in [0, 1) and differ', () => {
      const random = makeRandom();
      const fractions = Array.from({ length: 100 }, () => random.fraction());
      expect(fractions.every((fraction) => fraction >= 0 && fraction < 1)).toBe(true);
      expect(new Set(fractions).size).toBeGreaterThan(90);
    });
  });
}
