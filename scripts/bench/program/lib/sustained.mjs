// Puts without an end in sight: how many in each window of the time, the longest one, and the memory.
import { AnonymousMemory } from './anonymous-memory.mjs';
import { keysFrom } from './document.mjs';
import { Latency } from './latency.mjs';

export async function sustain({ puts, secondsMin, windowSeconds, writers, seed, values, put }) {
  const nextKey = keysFrom(seed);
  const latency = new Latency();
  const memory = new AnonymousMemory();
  const windows = [];
  const startedAt = performance.now();
  let begun = 0;
  let lastAt = startedAt;
  let silenceMs = 0;
  const write = async () => {
    let before = performance.now();
    while (begun < puts || before - startedAt < secondsMin * 1000) {
      begun += 1;
      await put(nextKey(), values[begun % values.length]);
      const after = performance.now();
      const window = Math.floor((after - startedAt) / 1000 / windowSeconds);
      windows[window] = (windows[window] ?? 0) + 1;
      latency.record(after - before);
      if (after - lastAt > silenceMs) silenceMs = after - lastAt;
      lastAt = after;
      before = after;
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    operations: begun,
    seconds,
    latency: latency.summary(),
    silenceMs,
    windows: Array.from(windows, (count) => count ?? 0),
    anonymousBytes: memory.stop(),
  };
}
