// Numbers of the command line: whole, in range, or a clear refusal.
import { PaminaError } from '@pamina/format';

export function wholeNumber(option: string, text: string, min: number, max: number): number;
export function wholeNumber(
  option: string,
  text: string | undefined,
  min: number,
  max: number,
): number | undefined;
/** USAGE when it is not a whole number from `min` to `max`. */
export function wholeNumber(
  option: string,
  text: string | undefined,
  min: number,
  max: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new PaminaError(
    'USAGE',
    `${option} must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`,
  );
}
