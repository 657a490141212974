// A store that is read from, in every way that abstract-level has. Filled and compacted first, so that
// both contestants have their tables in the same shape.
import { answerCommands, configuration } from './lib/commands.mjs';
import { keysFrom, randomFrom } from './lib/document.mjs';
import { Latency } from './lib/latency.mjs';
import { openStore } from './lib/store.mjs';
import { valuesFor } from './lib/writing.mjs';

const recordsPerBatch = 1000;
const concurrentGets = 64;
const keysPerGetMany = 100;
const entriesPerNextv = 1000;

const config = configuration();
const store = await openStore({ ...config, encoding: 'utf8' });
const nextKey = keysFrom(config.seed);
const keys = Array.from({ length: config.records }, nextKey);
await load();

const measures = { get64, get1, getSync, getMany, nextv, forAwait };

await answerCommands(
  {
    turn: async ({ measure, seconds, seed }) => {
      const random = randomFrom(seed);
      const randomKey = () => keys[random() % keys.length];
      const latency = new Latency();
      const startedAt = performance.now();
      const reads = await measures[measure](startedAt + seconds * 1000, randomKey, latency);
      const took = (performance.now() - startedAt) / 1000;
      return { operations: reads, seconds: took, latency: latency.summary() };
    },
  },
  () => store.close(),
);

async function load() {
  const values = valuesFor('utf8');
  for (let from = 0; from < keys.length; from += recordsPerBatch) {
    const some = keys.slice(from, from + recordsPerBatch);
    await store.batch(
      some.map((key, index) => ({
        type: 'put',
        key,
        value: values[(from + index) % values.length],
      })),
    );
  }
  await store.compactRange('key:', 'key;');
}

async function get64(end, randomKey, latency) {
  let reads = 0;
  const read = async () => {
    const more = await get1(end, randomKey, latency);
    reads += more;
  };
  await Promise.all(Array.from({ length: concurrentGets }, read));
  return reads;
}

async function get1(end, randomKey, latency) {
  let reads = 0;
  for (let before = performance.now(); before < end;) {
    check(await store.get(randomKey()));
    const after = performance.now();
    latency.record(after - before);
    before = after;
    reads += 1;
  }
  return reads;
}

function getSync(end, randomKey, latency) {
  let reads = 0;
  for (let before = performance.now(); before < end;) {
    check(store.getSync(randomKey()));
    const after = performance.now();
    latency.record(after - before);
    before = after;
    reads += 1;
  }
  return reads;
}

async function getMany(end, randomKey, latency) {
  let reads = 0;
  for (let before = performance.now(); before < end;) {
    const found = await store.getMany(Array.from({ length: keysPerGetMany }, randomKey));
    for (const value of found) check(value);
    const after = performance.now();
    latency.record(after - before);
    before = after;
    reads += found.length;
  }
  return reads;
}

async function nextv(end, _randomKey, latency) {
  let reads = 0;
  while (performance.now() < end) {
    const iterator = store.iterator();
    for (let before = performance.now(); before < end;) {
      const entries = await iterator.nextv(entriesPerNextv);
      if (entries.length === 0) break;
      const after = performance.now();
      latency.record(after - before);
      before = after;
      reads += entries.length;
    }
    await iterator.close();
  }
  return reads;
}

async function forAwait(end) {
  let reads = 0;
  while (performance.now() < end) {
    for await (const [, value] of store.iterator()) {
      check(value);
      reads += 1;
      if (reads % entriesPerNextv === 0 && performance.now() >= end) break;
    }
  }
  return reads;
}

function check(value) {
  if (value === undefined) throw new Error('a record that was written is not there');
}
