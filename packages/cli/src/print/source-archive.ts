// The archive beside a replica's master: whether it is followed, and how far.
import type { MasterStatus } from '@pamina/wire';
import { formatDuration, formatTime, printable } from './units.js';

/** null where there is no choice. */
export function sourceText({ archive, source }: MasterStatus): string | null {
  if (archive === null || archive === undefined) return null;
  return source ?? 'master';
}

export function sourceArchiveFields(
  { archive }: MasterStatus,
  now: number,
): (readonly [string, string | null])[] {
  if (archive === null || archive === undefined) return [];
  const { address, afterMs, completeUntil, lookedAt, pollMs, position, problem } = archive;
  const looked =
    lookedAt === null || position === null
      ? 'not looked at yet'
      : `taken up to ${position}, ${formatDuration(Math.max(0, now - lookedAt))} ago`;
  const until = completeUntil === null ? '' : `; nothing came until ${formatTime(completeUntil)}`;
  return [
    ['archive', printable(address)],
    ['archive position', `${looked}${until}`],
    ['archive problem', problem === null ? null : printable(problem)],
    [
      'archive rule',
      `followed after ${formatDuration(afterMs)} without the master, looked at every ${formatDuration(pollMs)}`,
    ],
  ];
}
