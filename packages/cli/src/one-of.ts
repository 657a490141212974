// Words of the command line: one of a few, or a clear refusal.
import { PaminaError } from '@pamina/format';

/** USAGE */
export function oneOf<T extends string>(
  option: string,
  text: string | undefined,
  values: readonly T[],
): T | undefined {
  if (text === undefined) return undefined;
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  throw new PaminaError(
    'USAGE',
    `${option} is one of ${values.join(', ')}, not ${JSON.stringify(text)}`,
  );
}
