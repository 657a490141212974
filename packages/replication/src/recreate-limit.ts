// Whether a replica that has stopped may be made anew by itself: only where that is what a person would
// do, and not again and again, since a cause that stays would have it copy its master for ever.

import type { FollowerStateName } from './follower-event.js';

/** So often within the window; then it stays as it is, until a person has looked at it. */
export const recreatesMax = 3;
export const recreateWindowMs = 24 * 60 * 60 * 1000;

/**
 * In the other terminal states a new copy would not help: the name is still not permitted, the pattern that of
 * another database, the copied folder still connected, the version too old, the disk bad.
 */
const mendable: ReadonlySet<FollowerStateName> = new Set(['diverged', 'log-gone']);

export type RecreateVerdict =
  | { readonly type: 'none' }
  /** `times` are those within the window with this one, to be on disk before anything is done. */
  | { readonly type: 'recreate'; readonly times: readonly number[] }
  | { readonly type: 'limit'; readonly times: readonly number[] };

/** `times` are those of the attempts before, `now` ms since 1970. */
export function judgeRecreate(
  state: FollowerStateName,
  isWanted: boolean,
  times: readonly number[],
  now: number,
): RecreateVerdict {
  if (!isWanted || !mendable.has(state)) return { type: 'none' };
  // A time ahead of this clock counts too: it went back, and must not forgive what happened.
  const recent = times.filter((time) => time > now - recreateWindowMs);
  if (recent.length >= recreatesMax) return { type: 'limit', times: recent };
  return { type: 'recreate', times: [...recent, now] };
}
