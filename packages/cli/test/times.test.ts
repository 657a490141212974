// Times as people write them.
import { describe, expect, it } from 'vitest';
import { timeOf } from '../src/times.js';

const now = new Date(2026, 6, 29, 15, 10, 30, 250).getTime();
const read = (text: string): number => timeOf('--around', text, now);

describe('a time', () => {
  it.each([
    ['14:32', new Date(2026, 6, 29, 14, 32)],
    ['9:05', new Date(2026, 6, 29, 9, 5)],
    ['14:32:07', new Date(2026, 6, 29, 14, 32, 7)],
    ['14:32:07.5', new Date(2026, 6, 29, 14, 32, 7, 500)],
    ['14:32:07.042', new Date(2026, 6, 29, 14, 32, 7, 42)],
    ['2026-07-28', new Date(2026, 6, 28)],
    ['2026-07-28 14:32', new Date(2026, 6, 28, 14, 32)],
    ['2026-07-28T14:32:01', new Date(2026, 6, 28, 14, 32, 1)],
    ['2026-07-28T14:32:01.250Z', new Date(Date.UTC(2026, 6, 28, 14, 32, 1, 250))],
    ['2026-07-28T14:32:01+02:00', new Date(Date.UTC(2026, 6, 28, 12, 32, 1))],
    ['-2h', new Date(now - 7_200_000)],
    ['-90s', new Date(now - 90_000)],
    ['-1.5d', new Date(now - 129_600_000)],
    ['-5min', new Date(now - 300_000)],
  ])('%s is read', (text, time) => {
    expect(new Date(read(text)).toISOString()).toBe(time.toISOString());
  });

  it.each([
    '',
    '25:00',
    '14:60',
    '14:32:61',
    '2h',
    '-2y',
    'yesterday',
    '2026-13-01',
    '1234567',
    '12',
  ])('%j is refused with examples', (text) => {
    expect(() => read(text)).toThrow(/--around wants a time, such as 14:32/);
  });
});
