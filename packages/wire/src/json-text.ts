// JSON from outside is counted before it is parsed: 70 MiB of `{},` take JSON.parse half a minute and
// 1.5 GiB, while a value of that size is one part and takes next to nothing.

import { type ErrorCode, PaminaError } from '@pamina/format';

/** Objects, lists and their members in one text; a batch of the allowed size has less than half. */
const jsonPartsMax = 1_000_000;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const list = 0x5b;
const object = 0x7b;

/** Throws `code` for a text of more parts than anything here has. Whether it is JSON is not asked. */
export function requireFewParts(text: string, code: ErrorCode): void {
  // Each part has a character.
  if (text.length <= jsonPartsMax) return;
  let parts = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (character === quote) at = endOfString(text, at);
    else if (character === comma || character === list || character === object) parts += 1;
  }
  if (parts <= jsonPartsMax) return;
  throw new PaminaError(code, `JSON of ${parts} parts, more than ${jsonPartsMax}, is not read`, {
    context: { parts, partsMax: jsonPartsMax },
  });
}

/** Of the quote that ends the string; the end of the text if none does. */
function endOfString(text: string, start: number): number {
  for (let at = start; ;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === backslash) escapes += 1;
    if (escapes % 2 === 0) return at;
  }
}
