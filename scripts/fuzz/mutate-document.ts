// Changes to a decoded document: a field that is missing, doubled, of another type or out of range,
// in an encoding that is right. What a check of fields has to hold against is behind a good encoding.
import type { Random } from './random.js';

const depthMax = 24;

/** A changed copy; the value itself stays. */
export function mutateDocument(random: Random, value: unknown, words: readonly string[]): unknown {
  return changed(random, value, words, 0);
}

function changed(random: Random, value: unknown, words: readonly string[], depth: number): unknown {
  if (depth > depthMax || random.oneIn(8)) return leaf(random, words);
  if (Array.isArray(value)) return changedList(random, value, words, depth);
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    return changedFields(random, value as Record<string, unknown>, words, depth);
  }
  return near(random, value, words);
}

function changedList(
  random: Random,
  list: readonly unknown[],
  words: readonly string[],
  depth: number,
): unknown[] {
  const at = random.below(list.length);
  switch (random.below(6)) {
    case 0:
      return list.toSpliced(at, 1);
    case 1:
      return list.toSpliced(at, 0, list[random.below(list.length)] ?? leaf(random, words));
    case 2:
      return list.toReversed();
    default:
      return list.length === 0
        ? [leaf(random, words)]
        : list.with(at, changed(random, list[at], words, depth + 1));
  }
}

function changedFields(
  random: Random,
  fields: Readonly<Record<string, unknown>>,
  words: readonly string[],
  depth: number,
): Record<string, unknown> {
  const result: Record<string, unknown> = { ...fields };
  const names = Object.keys(result);
  const name = random.pick(names);
  switch (random.below(8)) {
    case 0:
      delete result[name];
      return result;
    case 1:
      result[random.pick([...words, 'constructor', 'toString', 'x'])] = leaf(random, words);
      return result;
    case 2:
      // The value of one field under the name of another.
      if (names.length > 0) result[name] = fields[random.pick(names)];
      return result;
    default:
      if (names.length > 0) result[name] = changed(random, fields[name], words, depth + 1);
      return result;
  }
}

/** Of the same type, and close. */
function near(random: Random, value: unknown, words: readonly string[]): unknown {
  if (random.oneIn(3)) return leaf(random, words);
  if (typeof value === 'number')
    return random.oneIn(2) ? random.number() : value + random.below(5) - 2;
  if (typeof value === 'boolean') return !value;
  if (value instanceof Uint8Array) return value.slice(0, random.below(value.length + 2));
  if (typeof value !== 'string') return leaf(random, words);
  const at = random.below(value.length);
  switch (random.below(5)) {
    case 0:
      return value.slice(0, at);
    case 1:
      return value + value;
    case 2:
      return value.toUpperCase();
    default:
      return value.slice(0, at) + random.pick(pieces) + value.slice(at + 1);
  }
}

const pieces = [
  '0',
  'f',
  'g',
  '/',
  '..',
  '.',
  ' ',
  '-',
  '\0',
  '\n',
  'ä',
  '\u{1f409}',
  '"',
  '%2f',
  '',
];

function leaf(random: Random, words: readonly string[]): unknown {
  switch (random.below(12)) {
    case 0:
      return null;
    case 1:
      return random.oneIn(2);
    case 2:
      return random.number();
    case 3:
      return -random.number();
    case 4:
      return random.number() + 0.5;
    case 5:
      return '';
    case 6:
      return 'x'.repeat(random.below(400));
    case 7:
      return random.pick([...words, 'x']);
    case 8:
      return [];
    case 9:
      return {};
    case 10:
      return nested(random.below(depthMax));
    default:
      return random.pick(pieces).repeat(1 + random.below(40));
  }
}

function nested(depth: number): unknown {
  let value: unknown = 0;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { value };
  return value;
}
