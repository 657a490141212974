// Up to where a recovery goes.
import { PaminaError, formatPosition, type Position } from '@pamina/format';

export type RecoveryTarget =
  /** The backup as it is. */
  | { readonly kind: 'none' }
  /** As far as the log leads. */
  | { readonly kind: 'all' }
  /** The state after exactly this record. */
  | { readonly kind: 'position'; readonly position: Position }
  /** The last commit at or before this time, in ms since 1970. */
  | { readonly kind: 'time'; readonly time: number }
  /** The state of the backup, or at the mark, with this tag. */
  | { readonly kind: 'tag'; readonly tag: string };

function describeTarget(target: RecoveryTarget): string {
  switch (target.kind) {
    case 'none':
      return 'the backup as it is';
    case 'all':
      return 'the end of the log';
    case 'position':
      return `position ${formatPosition(target.position)}`;
    case 'time':
      return `the last commit at or before ${isoTime(target.time)}`;
    case 'tag':
      return `the mark with the tag ${JSON.stringify(target.tag)}`;
  }
}

/** A time that no calendar has is given as a number. */
export function isoTime(time: number): string {
  return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : `${time} ms`;
}

/** A stretch of the history that backups and log lead to without a gap. */
export interface ReachableRange {
  readonly from: Position;
  readonly fromTime: number;
  readonly to: Position;
  readonly toTime: number;
}

/** POSITION_UNREACHABLE that says what is reachable. */
export function targetUnreachable(
  target: RecoveryTarget,
  why: string,
  ranges: readonly ReachableRange[],
): PaminaError {
  const reachable = ranges.map(
    ({ from, fromTime, to, toTime }) =>
      `${formatPosition(from)} (${isoTime(fromTime)}) to ${formatPosition(to)} (${isoTime(toTime)})`,
  );
  const rest =
    reachable.length === 0 ? 'nothing is reachable' : `reachable is ${reachable.join(', and ')}`;
  const message = `${describeTarget(target)} cannot be reached: ${why}; ${rest}`;
  return new PaminaError('POSITION_UNREACHABLE', message, { context: { ranges } });
}
