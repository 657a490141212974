// Writers that put documents under random keys, each one the next as soon as its last is durable.
import { documentPool, keysFrom } from './document.mjs';
import { Latency } from './latency.mjs';

const poolSeed = 1;
/** Writers where only the records count and nobody measures. */
const fillWriters = 512;

/** Documents as a program hands them over: JSON text, objects, or bytes. */
export function valuesFor(encoding) {
  const texts = documentPool(poolSeed);
  if (encoding === 'json') return texts.map((text) => JSON.parse(text));
  if (encoding === 'buffer') return texts.map((text) => Buffer.from(text));
  return texts;
}

/** For so many seconds; the time runs until the last put is acknowledged. */
export async function writeFor({ seconds, seed, writers, values, put }) {
  const nextKey = keysFrom(seed);
  const latency = new Latency();
  const startedAt = performance.now();
  const end = startedAt + seconds * 1000;
  let puts = 0;
  const write = async () => {
    let before = performance.now();
    while (before < end) {
      puts += 1;
      await put(nextKey(), values[puts % values.length]);
      const after = performance.now();
      latency.record(after - before);
      before = after;
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
  const took = (performance.now() - startedAt) / 1000;
  return { operations: puts, seconds: took, latency: latency.summary() };
}

/** Exactly so many records, as fast as it goes. */
export async function writeRecords({ records, seed, values, put }) {
  const nextKey = keysFrom(seed);
  let begun = 0;
  const write = async () => {
    while (begun < records) {
      begun += 1;
      await put(nextKey(), values[begun % values.length]);
    }
  };
  await Promise.all(Array.from({ length: fillWriters }, write));
}
