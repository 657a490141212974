// Clients that work beside each other, each with one thing at a time on a connection of its own.
import { Latency } from './latency.mjs';

/** For so many seconds; the time runs until the last one is done. */
export async function eachFor(connections, seconds, task) {
  const latency = new Latency();
  const startedAt = performance.now();
  const end = startedAt + seconds * 1000;
  let operations = 0;
  const work = async (connection) => {
    let before = performance.now();
    while (before < end) {
      operations += 1;
      await task(connection, operations);
      const after = performance.now();
      latency.record(after - before);
      before = after;
    }
  };
  await Promise.all(connections.map(work));
  const took = (performance.now() - startedAt) / 1000;
  return { operations, seconds: took, latency: latency.summary() };
}

/** Each of the items once, as fast as it goes. */
export async function eachOnce(connections, items, task) {
  let begun = 0;
  const work = async (connection) => {
    while (begun < items.length) {
      const at = begun;
      begun += 1;
      await task(connection, items[at], at);
    }
  };
  await Promise.all(connections.map(work));
}
