import { expect, it } from 'vitest';
import {
  countOf,
  formatBytes,
  formatCount,
  formatDuration,
  formatLag,
  formatTime,
  formatTimeExactly,
  printable,
  shorten,
} from '../../src/print/units.js';

it.each([
  [0, '0 B'],
  [1023, '1,023 B'],
  [1024, '1.0 KiB'],
  [1536, '1.5 KiB'],
  [1024 * 1024 - 1, '1.0 MiB'],
  [64 * 1024 * 1024, '64.0 MiB'],
  [3 * 1024 ** 4, '3.0 TiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it.each([
  [0, '0 ms'],
  [0.4, '0 ms'],
  [999, '999 ms'],
  [999.9, '1.0 s'],
  [1234, '1.2 s'],
  [59_949, '59.9 s'],
  [59_999, '1 min'],
  [60_000, '1 min'],
  [200_000, '3 min 20 s'],
  [7_500_000, '2 h 5 min'],
  [273_600_000, '3 d 4 h'],
  [-1500, '-1.5 s'],
])('%d ms are %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

it('counts are grouped, with the right plural', () => {
  expect(formatCount(138_398)).toBe('138,398');
  expect(countOf(1, 'record')).toBe('1 record');
  expect(countOf(0, 'entry', 'entries')).toBe('0 entries');
});

it('times are UTC, and one that no calendar has does not throw', () => {
  expect(formatTime(0)).toBe('1970-01-01 00:00:00Z');
  expect(formatTimeExactly(1)).toBe('1970-01-01 00:00:00.001Z');
  expect(formatTime(Number.MAX_SAFE_INTEGER)).toBe('9007199254740991 ms');
  expect(formatTimeExactly(Number.NaN)).toBe('NaN ms');
});

it('P9 a lag that is not known is never shown as none', () => {
  expect(formatLag({ records: null, bytes: null, seconds: null })).toBe('unknown');
  expect(formatLag({ records: 0, bytes: 0, seconds: 0 })).toBe('none');
  expect(formatLag({ records: null, bytes: 0, seconds: 0 })).toBe('? records, 0 B, 0 ms');
  expect(formatLag({ records: 2, bytes: null, seconds: 3 })).toBe('2 records, ? bytes, 3.0 s');
});

it('P9 text of a database cannot drive the terminal', () => {
  expect(printable('a\u001b[31mb\r\n\tc\u009b\u202e')).toBe('a\\x1b[31mb\\x0d\\n\\tc\\x9b\\u202e');
  expect(printable('ключ ✓ 😀')).toBe('ключ ✓ 😀');
});

it('shortened text is marked and keeps its characters whole', () => {
  expect(shorten('abcdef', 6)).toBe('abcdef');
  expect(shorten('abcdefg', 6)).toBe('abcde…');
  expect(shorten('😀😀😀', 2)).toBe('😀…');
  expect(shorten('x'.repeat(1_000_000), 3)).toBe('xx…');
});
