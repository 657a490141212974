import { expect, it } from 'vitest';
import { PaceMeter } from '../../src/print/pace.js';
import { progressText } from '../../src/print/progress-line.js';

const step = (done: number, total: number | null = 100, name = 'backup') =>
  ({ step: name, done, total, unit: 'bytes' }) as const;

it('says how fast it goes and how long that will take', () => {
  const meter = new PaceMeter();
  meter.note(step(0), 0);
  meter.note(step(20), 2000);
  expect(meter.at(step(20), 2000)).toEqual({ perSecond: 10, leftMs: 8000 });
  const megabytes = step(2 * 1024 * 1024, 10 * 1024 * 1024);
  expect(progressText('Backup', megabytes, 2000, { perSecond: 1024 * 1024, leftMs: 8000 })).toBe(
    'Backup: backup, 2.0 MiB of 10.0 MiB (20 %), 1.0 MiB/s, 8.0 s left, 2.0 s',
  );
});

it('P9 says nothing of what it does not know', () => {
  const meter = new PaceMeter();
  expect(meter.at(null, 10)).toEqual({ perSecond: null, leftMs: null });
  meter.note(step(5), 0);
  expect(meter.at(step(5), 0)).toEqual({ perSecond: null, leftMs: null });
  expect(meter.at(step(5), 1000)).toEqual({ perSecond: null, leftMs: null });
  meter.note(step(15, null), 1000);
  expect(meter.at(step(15, null), 1000)).toEqual({ perSecond: 10, leftMs: null });
});

it('forgets what was long ago, slows down when nothing comes, and begins anew with a new step', () => {
  const meter = new PaceMeter();
  for (let second = 0; second <= 60; second += 1) {
    meter.note(step(second <= 30 ? second * 100 : 3000 + second, 10_000), second * 1000);
  }
  expect(meter.at(step(3060, 10_000), 60_000).perSecond).toBeLessThan(2);
  expect(meter.at(step(3060, 10_000), 120_000).perSecond).toBeLessThan(0.5);
  meter.note(step(0, 50, 'verify'), 61_000);
  expect(meter.at(step(0, 50, 'verify'), 62_000).perSecond).toBeNull();
});
