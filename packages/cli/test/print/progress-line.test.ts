import { expect, it } from 'vitest';
import { progressText } from '../../src/print/progress-line.js';

it('says how much of how much, in the unit of the step', () => {
  const mebibyte = 1024 * 1024;
  const step = { step: 'copy', done: 12 * mebibyte, total: 40 * mebibyte, unit: 'bytes' } as const;
  expect(progressText('Restore', step, 3000)).toBe(
    'Restore: copy, 12.0 MiB of 40.0 MiB (30 %), 3.0 s',
  );
  expect(progressText('Import', { ...step, done: 1234, total: null, unit: 'entries' }, 900)).toBe(
    'Import: copy, 1,234 entries, 900 ms',
  );
});

it('P9 never says more than 100 % and none of nothing', () => {
  const step = { step: 's', done: 5, total: 4, unit: 'steps' } as const;
  expect(progressText('T', step, 0)).toContain('(100 %)');
  expect(progressText('T', { ...step, done: 0, total: 0 }, 0)).toContain('(100 %)');
  expect(progressText('T', null, 2000)).toBe('T: 2.0 s');
});
