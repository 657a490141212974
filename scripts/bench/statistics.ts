// Several rounds in few numbers: the median, and how far the rounds lie apart.

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The mean of the two in the middle when their number is even. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('no value has no median');
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * How many times as much as theirs ours is. The median is that of all rounds on both sides, which one
 * odd round does not move; least and most are those of single rounds, whose two turns were neighbours.
 */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Spread {
  if (ours.length !== theirs.length) {
    throw new RangeError(`${ours.length} rounds cannot be compared with ${theirs.length}`);
  }
  const ratios = ours.map((value, round) => value / (theirs[round] ?? Number.NaN));
  const { min, max } = spreadOf(ratios);
  return { median: median(ours) / median(theirs), min, max };
}

/** Quarter `number`, 1 to 4, of values in the order of time. */
export function quarter(values: readonly number[], number: number): readonly number[] {
  const at = (part: number): number => Math.floor((values.length * part) / 4);
  return values.slice(at(number - 1), at(number));
}
