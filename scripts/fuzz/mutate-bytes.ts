// Changes to bytes that know nothing of what they mean: flips, numbers in every width, pieces moved,
// cut out, put in twice or taken from another input.
import type { Random } from './random.js';

const inputBytesMax = 4096;
const widths = [1, 2, 4, 8] as const;
const encoder = new TextEncoder();

export interface Material {
  readonly corpus: readonly Uint8Array[];
  readonly words: readonly string[];
}

/** A changed copy. */
export function mutateBytes(random: Random, from: Uint8Array, material: Material): Uint8Array {
  let bytes: Uint8Array = from.slice();
  for (let change = random.oneIn(2) ? 1 : 1 + random.below(6); change > 0; change--) {
    bytes = random.pick(changes)(random, bytes, material);
  }
  return bytes.length > inputBytesMax ? bytes.slice(0, inputBytesMax) : bytes;
}

type Change = (random: Random, bytes: Uint8Array, material: Material) => Uint8Array;

const flipBit: Change = (random, bytes) => {
  const at = random.below(bytes.length);
  if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  return bytes;
};

const setByte: Change = (random, bytes) => {
  const at = random.below(bytes.length);
  if (at < bytes.length) bytes[at] = random.oneIn(2) ? random.bits() : random.number();
  return bytes;
};

const setNumber: Change = (random, bytes) => {
  const width = random.pick(widths);
  if (bytes.length < width) return bytes;
  const at = random.below(bytes.length - width + 1);
  const isBig = random.oneIn(3);
  let value = random.number();
  for (let i = 0; i < width; i++) {
    bytes[isBig ? at + width - 1 - i : at + i] = value % 256;
    value = Math.floor(value / 256);
  }
  return bytes;
};

/** Adds a little to a number that stands there: lengths and counts that are off by one. */
const addToNumber: Change = (random, bytes) => {
  if (bytes.length < 4) return bytes;
  const at = random.below(bytes.length - 3);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isLittle = !random.oneIn(4);
  view.setUint32(at, view.getUint32(at, isLittle) + random.below(9) - 4, isLittle);
  return bytes;
};

const insert: Change = (random, bytes) =>
  spliced(bytes, random.below(bytes.length + 1), 0, random.bytes(1 + random.below(16)));

const insertWord: Change = (random, bytes, { words }) => {
  if (words.length === 0) return insert(random, bytes, { corpus: [], words });
  const word = encoder.encode(random.pick(words));
  const at = random.below(bytes.length + 1);
  return spliced(bytes, at, random.oneIn(2) ? word.length : 0, word);
};

const remove: Change = (random, bytes) => {
  const at = random.below(bytes.length);
  const longest = random.oneIn(4) ? bytes.length - at : 8;
  return spliced(bytes, at, 1 + random.below(longest), new Uint8Array(0));
};

const cutOff: Change = (random, bytes) => bytes.slice(0, random.below(bytes.length + 1));

const repeat: Change = (random, bytes) => {
  const start = random.below(bytes.length);
  const piece = bytes.slice(start, start + 1 + random.below(64));
  return spliced(bytes, random.below(bytes.length + 1), 0, piece);
};

const crossOver: Change = (random, bytes, { corpus }) => {
  if (corpus.length === 0) return bytes;
  const other = random.pick(corpus);
  const start = random.below(other.length);
  const piece = other.slice(start, start + 1 + random.below(128));
  const at = random.below(bytes.length + 1);
  return spliced(bytes, at, random.oneIn(2) ? piece.length : 0, piece);
};

const fill: Change = (random, bytes) => {
  const at = random.below(bytes.length);
  bytes.fill(random.pick([0, 0xff, 0x20, 0x30]), at, at + 1 + random.below(16));
  return bytes;
};

const changes: readonly Change[] = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  setNumber,
  setNumber,
  addToNumber,
  insert,
  insertWord,
  remove,
  cutOff,
  repeat,
  crossOver,
  fill,
];

function spliced(bytes: Uint8Array, at: number, removed: number, put: Uint8Array): Uint8Array {
  const after = bytes.subarray(Math.min(bytes.length, at + removed));
  const result = new Uint8Array(at + put.length + after.length);
  result.set(bytes.subarray(0, at));
  result.set(put, at);
  result.set(after, at + put.length);
  return result;
}
