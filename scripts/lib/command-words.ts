// What the command lines of scripts that run for long have in common: options as numbers and as known words.

/** The command was not understood; the message says how. */
export class UsageError extends Error {}

/** Behind all seeds, and all counts. */
export const seedsEnd = 2 ** 31;

export function count(name: string, given: string | undefined, otherwise: number, min = 1): number {
  if (given === undefined) return otherwise;
  const value = Number(given);
  if (/^\d+$/.test(given) && value >= min && value < seedsEnd) return value;
  throw new UsageError(`--${name} ${given}: give a whole number from ${min} on`);
}

/** All of them, or those that are named with commas between. */
export function some<T extends string>(
  name: string,
  given: string | undefined,
  known: readonly T[],
): readonly T[] {
  return given === undefined ? known : given.split(',').map((word) => one(name, word, known));
}

export function one<T extends string>(
  name: string,
  given: string | undefined,
  known: readonly T[],
  otherwise?: T,
): T {
  if (given === undefined && otherwise !== undefined) return otherwise;
  const found = known.find((word) => word === given);
  if (found !== undefined) return found;
  throw new UsageError(`--${name} ${given}: take ${known.join(', ')}`);
}
