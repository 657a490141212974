import { describe, expect, it } from 'vitest';
import * as limits from '../src/limits.js';

describe('limits', () => {
  it('P13 are all finite positive integers with the unit in the name', () => {
    const units =
      /(Bytes|Ms|Minutes|Hours|Days|Length|Depth|Values|Generations|Replicas|Commits|Waits|Keys|timelines|[tT]ransactions|[lL]ocks|Target|users|Tokens|calls|Readers)/;
    for (const [name, value] of Object.entries(limits)) {
      expect(Number.isSafeInteger(value) && value > 0, name).toBe(true);
      expect(name).toMatch(units);
    }
  });

  it('let the largest allowed entry into one commit', () => {
    const largest = limits.storeKeyBytesMax + limits.valueBytesMax + 13;
    expect(largest).toBeLessThanOrEqual(limits.commitBytesMax);
  });
});
