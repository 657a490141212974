// Ranges, spaces (the root and two sublevels) and the order of keys, as the model understands them.
import type { State } from './history.js';

export const spaces = ['', '!s!', '!s!!t!'] as const;
/** The prefix that the keys of a sublevel carry; none at the root. */
export type Space = (typeof spaces)[number];
export type Entry = readonly [key: string, value: string];

export interface Range {
  readonly gt?: string;
  readonly gte?: string;
  readonly lt?: string;
  readonly lte?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

function isWithin(range: Range, key: string): boolean {
  const { gt, gte, lt, lte } = range;
  return (
    (gt === undefined || key > gt) &&
    (gte === undefined || key >= gte) &&
    (lt === undefined || key < lt) &&
    (lte === undefined || key <= lte)
  );
}

/** The entries of a range in its order, keys without the prefix of the space. */
export function entriesOf(state: State, space: Space, range: Range): Entry[] {
  const entries: Entry[] = [];
  for (const [full, value] of state) {
    if (!full.startsWith(space)) continue;
    const key = full.slice(space.length);
    if (isWithin(range, key)) entries.push([key, value]);
  }
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  if (range.reverse === true) entries.reverse();
  const { limit = -1 } = range;
  return limit < 0 ? entries : entries.slice(0, limit);
}

/** Where in these entries an iterator stands after seek(). */
export function seekIn(entries: readonly Entry[], range: Range, target: string): number {
  if (!isWithin(range, target)) return entries.length;
  const isReached = range.reverse === true ? atMost : atLeast;
  const index = entries.findIndex(([key]) => isReached(key, target));
  return index === -1 ? entries.length : index;
}

function atLeast(key: string, target: string): boolean {
  return key >= target;
}

function atMost(key: string, target: string): boolean {
  return key <= target;
}

export function sameEntries(some: readonly Entry[], others: readonly Entry[]): boolean {
  return (
    some.length === others.length &&
    some.every(([key, value], index) => {
      const other = others[index];
      return other !== undefined && other[0] === key && other[1] === value;
    })
  );
}
