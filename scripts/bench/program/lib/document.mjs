// @ts-check
// What every contestant writes: keys at random, and JSON documents of one shape and of exactly 1 KiB.
// Everything comes from a seed, so that two contestants of one round write the same.

export const documentBytes = 1024;
/** Numbers in a document that differ each time; a number has 12 digits, as redis-benchmark makes them. */
export const numbersPerDocument = 12;
export const numberDigits = 12;

const poolDocuments = 4096;
const names = ['glockenspiel', 'magic flute', 'birdcage', 'three keys', 'padlock', 'feather coat'];
const letters = 'abcdefghijklmnopqrstuvwxyz0123456789    ';
const numberFirst = 100_000_000_000;

/**
 * Whole numbers from 0 to 2^32 - 1: the generator known as mulberry32.
 * @param {number} seed
 * @returns {() => number}
 */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/**
 * A number with as many digits as a document and a key have.
 * @param {() => number} random
 */
function numberFrom(random) {
  return numberFirst + (random() % 900_000) * 1_000_000 + (random() % 1_000_000);
}

/**
 * The next key, `key:` and 12 digits.
 * @param {number} seed
 * @returns {() => string}
 */
export function keysFrom(seed) {
  const random = randomFrom(seed);
  return () => `key:${numberFrom(random)}`;
}

/**
 * The JSON text of a document, cut where its numbers stand: one part more than there are numbers.
 * @param {() => number} random
 * @returns {string[]}
 */
function documentParts(random) {
  const hole = '#';
  const items = names.slice(0, (numbersPerDocument - 2) / 2).map((name, index) => ({
    article: hole,
    name,
    count: 1 + (random() % 9),
    price: 1 + (random() % 10_000) / 100,
    stock: hole,
    gift: index % 2,
  }));
  const order = { order: hole, customer: { id: hole, city: 'Vienna', country: 'AT' }, items };
  const begin = JSON.stringify({ ...order, note: '' });
  const rest = documentBytes - begin.length - numbersPerDocument * (numberDigits - hole.length);
  let note = '';
  while (note.length < rest) note += letters[random() % letters.length];
  return JSON.stringify({ ...order, note }).split(hole);
}

/**
 * @param {readonly string[]} parts
 * @param {() => string} number
 */
function fill(parts, number) {
  let text = parts[0] ?? '';
  for (const part of parts.slice(1)) text += number() + part;
  return text;
}

/**
 * Documents made ahead, so that making them is in nobody's time.
 * @param {number} seed
 * @returns {string[]}
 */
export function documentPool(seed) {
  const random = randomFrom(seed);
  return Array.from({ length: poolDocuments }, () =>
    // Through bytes: strings that were put together piece by piece are slow to encode the first time.
    Buffer.from(fill(documentParts(random), () => String(numberFrom(random)))).toString('latin1'),
  );
}

/**
 * One document whose numbers are what `number` gives, for clients that fill them in themselves.
 * @param {() => string} number
 */
export function documentTemplate(number) {
  return fill(documentParts(randomFrom(1)), number);
}
