// An error as the user reads it: `CODE: what happened. what to do`, or one JSON object.
import { toPaminaError } from '@pamina/format';
import { printable } from './units.js';

export function failureText(error: unknown): string {
  const { code, message, hint } = toPaminaError(error);
  return `${code}: ${sentence(printable(message))} ${hint}`.trimEnd();
}

export function failureJson(error: unknown): string {
  const { code, message, hint } = toPaminaError(error);
  return JSON.stringify({ error: { code, message, hint } });
}

function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
