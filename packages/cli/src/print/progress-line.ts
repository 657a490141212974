// A step of a long task in words.
import type { ProgressStep } from '@pamina/wire';
import type { Pace } from './pace.js';
import { formatBytes, formatCount, formatDuration } from './units.js';

/** `restore: 12.0 MiB of 40.0 MiB (30 %), 4.0 MiB/s, 7.0 s left, 3.0 s`; without a step yet only title and time. */
export function progressText(
  title: string,
  step: ProgressStep | null,
  elapsedMs: number,
  pace: Pace = { perSecond: null, leftMs: null },
): string {
  if (step === null) return `${title}: ${formatDuration(elapsedMs)}`;
  return `${title}: ${step.step}, ${amountText(step)}${paceText(step, pace)}, ${formatDuration(elapsedMs)}`;
}

/** `, 4.0 MiB/s, 7.0 s left`; what is not known is left out. */
export function paceText(step: ProgressStep, { leftMs, perSecond }: Pace): string {
  const rate =
    perSecond === null ? '' : `, ${inUnit(Math.round(perSecond), step)}${suffix(step)}/s`;
  return leftMs === null ? rate : `${rate}, ${formatDuration(leftMs)} left`;
}

export function amountText(step: ProgressStep): string {
  const done = inUnit(step.done, step);
  if (step.total === null) return `${done}${suffix(step)}`;
  const percent = step.total === 0 ? 100 : Math.min(100, (step.done / step.total) * 100);
  return `${done} of ${inUnit(step.total, step)}${suffix(step)} (${Math.floor(percent)} %)`;
}

function inUnit(amount: number, step: ProgressStep): string {
  return step.unit === 'bytes' ? formatBytes(amount) : formatCount(amount);
}

function suffix(step: ProgressStep): string {
  return step.unit === 'bytes' ? '' : ` ${step.unit}`;
}
