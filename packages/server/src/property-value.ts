// Values of properties as a person writes them.

import { PaminaError } from '@pamina/format';

export function integer(text: string, min: number, max: number): number {
  const number = /^[0-9]{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw invalid(`${JSON.stringify(text)} is not a whole number from ${min} to ${max}`);
}

export function flag(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw invalid(`${JSON.stringify(text)} is neither true nor false`);
}

export function invalid(what: string): PaminaError {
  return new PaminaError('PROPERTY_INVALID', what);
}
