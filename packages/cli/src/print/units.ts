// Numbers, sizes, durations and times as people read them; JSON output never comes through here.
import type { Lag } from '@pamina/wire';

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `512 B`, `1.0 KiB`, `64.0 MiB`. */
export function formatBytes(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  // 1023.95 would be printed as 1024.0
  while (amount >= (unit === 0 ? 1024 : 1023.95) && unit < byteUnits.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? formatCount(amount) : amount.toFixed(1)} ${byteUnits[unit] ?? ''}`;
}

/** `138,398`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** `850 ms`, `5.0 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return pair(seconds, 60, 'min', 1, 's');
  if (seconds < 86_400) return pair(seconds, 3600, 'h', 60, 'min');
  return pair(seconds, 86_400, 'd', 3600, 'h');
}

function pair(seconds: number, large: number, largeName: string, small: number, smallName: string) {
  const first = Math.floor(seconds / large);
  const second = Math.floor((seconds % large) / small);
  return second === 0 ? `${first} ${largeName}` : `${first} ${largeName} ${second} ${smallName}`;
}

/** UTC, to the second: `2026-07-29 13:38:05Z`. A time that no calendar has is printed as it is. */
export function formatTime(ms: number): string {
  if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return `${ms} ms`;
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** To the millisecond, for records: `2026-07-29 13:38:05.123Z`. */
export function formatTimeExactly(ms: number): string {
  if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return `${ms} ms`;
  return new Date(ms).toISOString().replace('T', ' ');
}

/** `none`, `unknown`, or `12 records, 3.4 KiB, 0.5 s`; a part that is not known says so. */
export function formatLag(lag: Lag): string {
  const { records, bytes, seconds } = lag;
  if (records === null && bytes === null && seconds === null) return 'unknown';
  if (records === 0 && (bytes ?? 0) === 0 && (seconds ?? 0) === 0) return 'none';
  return [
    records === null ? '? records' : countOf(records, 'record'),
    bytes === null ? '? bytes' : formatBytes(bytes),
    seconds === null ? '? s' : formatDuration(seconds * 1000),
  ].join(', ');
}

/** `1 record`, `2 records`, `2 entries`. */
export function countOf(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}

/** One line of text that cannot drive the terminal: what a database holds is not ours to trust. */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => {
      const code = character.charCodeAt(0);
      if (character === '\n') return '\\n';
      if (character === '\t') return '\\t';
      return code < 0x100
        ? `\\x${code.toString(16).padStart(2, '0')}`
        : `\\u${code.toString(16).padStart(4, '0')}`;
    },
  );
}

/** At most `charactersMax` characters, the cut marked. Never cuts inside a surrogate pair. */
export function shorten(text: string, charactersMax: number): string {
  const characters = Array.from(text.slice(0, charactersMax * 2 + 2));
  if (characters.length <= charactersMax) return text;
  return `${characters.slice(0, charactersMax - 1).join('')}…`;
}
