// Pages of a range. Each is a read of its own; the cursor says with which key the page before ended, and of which
// range it was. It carries nothing that the reader does not know, and is checked as everything from outside is.

import { crc32, PaminaError } from '@pamina/format';
import {
  type Entry,
  rangeCharactersMax,
  rangeLimitDefault,
  type RangeOptions,
  type RangePage,
} from '@pamina/wire';
import type { HostCore } from './host-core.js';
import { query } from './host-query.js';

const prefix = 'k1';
const encoder = new TextEncoder();

/** CURSOR_INVALID, and as `query`. */
export async function range(
  core: HostCore,
  name: string,
  options: RangeOptions = {},
): Promise<RangePage> {
  const { cursor, limit = rangeLimitDefault, ...asked } = options;
  const last = cursor === undefined ? null : lastKeyOf(cursor, asked);
  const bounds = last === null ? asked : behind(last, asked);
  const entries: Entry[] = [];
  let characters = 0;
  let isMore = false;
  // One more than asked for tells whether there is another page.
  for await (const entry of query(core, name, { ...bounds, limit: limit + 1 })) {
    if (entries.length === limit || characters >= rangeCharactersMax) {
      isMore = true;
      break;
    }
    entries.push(entry);
    characters += entry.key.length + entry.value.length;
  }
  const end = entries.at(-1);
  return { entries, cursor: isMore && end !== undefined ? cursorAt(end.key, asked) : null };
}

/** The tighter of two bounds holds, so that what was asked for need not be compared with the key here. */
function behind(last: string, asked: RangeOptions): RangeOptions {
  const { gt, lt, reverse } = asked;
  if (reverse === true) return { ...asked, lt: tighter(lt, last, -1) };
  return { ...asked, gt: tighter(gt, last, 1) };
}

function tighter(bound: string | undefined, key: string, sign: 1 | -1): string {
  if (bound === undefined) return key;
  const order = sign * Buffer.compare(encoder.encode(bound), encoder.encode(key));
  return order > 0 ? bound : key;
}

function cursorAt(key: string, asked: RangeOptions): string {
  return `${prefix}${markOf(asked)}${Buffer.from(key, 'utf8').toString('base64url')}`;
}

function lastKeyOf(cursor: string, asked: RangeOptions): string {
  const match = /^k1([0-9a-f]{8})([A-Za-z0-9_-]+)$/.exec(cursor);
  const key = match?.[2] === undefined ? null : textOf(Buffer.from(match[2], 'base64url'));
  if (match === null || key === null) {
    throw new PaminaError('CURSOR_INVALID', 'the cursor is none that this server gave');
  }
  if (match[1] === markOf(asked)) return key;
  throw new PaminaError('CURSOR_INVALID', 'the cursor is of a range with other bounds');
}

function textOf(bytes: Uint8Array): string | null {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  return Buffer.from(text, 'utf8').equals(bytes) ? text : null;
}

/** Of the bounds: what is demanded of the state that is read may change from page to page. */
function markOf({ gt, gte, lt, lte, prefix: begin, reverse = false }: RangeOptions): string {
  const bounds = [gt, gte, lt, lte, begin].map((bound) => bound ?? null);
  const bytes = encoder.encode(JSON.stringify([...bounds, reverse]));
  return crc32(bytes).toString(16).padStart(8, '0');
}
