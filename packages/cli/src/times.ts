// Times as people write them: 14:32 today on this machine's clock, ISO 8601, or -2h before now.
import { PaminaError } from '@pamina/format';

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** ms since 1970. USAGE. Without a zone local time is meant, and without a date today. */
export function timeOf(flag: string, text: string, now: number): number {
  const ago = /^-(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d|w)$/.exec(text);
  if (ago !== null) return Math.round(now - Number(ago[1]) * (unitMs[ago[2] ?? ''] ?? 0));
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,3}))?)?$/.exec(text);
  if (clock !== null) return clockTime(flag, text, clock, now);
  const day = /^\d{4}-\d{2}-\d{2}$/.exec(text);
  const hasTime = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/.test(text);
  // A date alone would be read as UTC; like every other time without a zone it is local.
  const time = day !== null || hasTime ? Date.parse(day === null ? text : `${text}T00:00`) : NaN;
  if (Number.isNaN(time)) throw invalid(flag, text);
  return time;
}

function clockTime(flag: string, text: string, parts: RegExpExecArray, now: number): number {
  const [, hours, minutes, seconds = '0', fraction = '0'] = parts;
  const [h, m, s] = [Number(hours), Number(minutes), Number(seconds)];
  if (h > 23 || m > 59 || s > 59) throw invalid(flag, text);
  const date = new Date(now);
  date.setHours(h, m, s, Number(fraction.padEnd(3, '0')));
  return date.getTime();
}

function invalid(flag: string, text: string): PaminaError {
  return new PaminaError(
    'USAGE',
    `${flag} wants a time, such as 14:32, 2026-07-29T14:32:05Z or -2h, not ${JSON.stringify(text)}`,
  );
}
