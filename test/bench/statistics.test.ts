import { describe, expect, it } from 'vitest';
import { median, quarter, ratioOf, spreadOf } from '../../scripts/bench/statistics.js';

describe('several rounds in few numbers', () => {
  it('takes the value in the middle, or the mean of two', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
    expect(() => median([])).toThrow(RangeError);
  });

  it('says how far the rounds lie apart', () => {
    expect(spreadOf([30, 10, 20])).toEqual({ median: 20, min: 10, max: 30 });
  });

  it('compares medians, and single rounds with the neighbour that they were played beside', () => {
    expect(ratioOf([30, 40, 20], [10, 20, 20])).toEqual({ median: 1.5, min: 1, max: 3 });
    expect(() => ratioOf([1, 2], [1])).toThrow('2 rounds cannot be compared with 1');
  });

  it('cuts a run in four, and leaves no sample out', () => {
    const samples = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    expect([1, 2, 3, 4].flatMap((number) => quarter(samples, number))).toEqual(samples);
    expect(quarter(samples, 4)).toEqual([7, 8, 9]);
  });
});
