// One large object fetched in several ranges at once, handed on in order with bounded memory.
import { readRange, type Archive } from '@pamina/archive';
import { orderedParallel } from '../ordered-parallel.js';

const rangeBytes = 4 * 1024 * 1024;
const underWay = { countMax: 4, weightMax: 4 * rangeBytes };

/** Bytes `offset` to `end`; fewer only if the object is shorter. */
export async function* fetchRanges(
  archive: Archive,
  name: string,
  offset: number,
  end: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const parallel = { ...underWay, weigh: (range: Range) => range.length };
  const fetched = orderedParallel(rangesOf(offset, end), parallel, (range) =>
    readRange(archive, name, { ...range, bytesMax: range.length }, { signal }),
  );
  for await (const bytes of fetched) yield bytes;
}

interface Range {
  readonly offset: number;
  readonly length: number;
}

function* rangesOf(offset: number, end: number): Generator<Range> {
  for (let at = offset; at < end; at += rangeBytes) {
    yield { offset: at, length: Math.min(rangeBytes, end - at) };
  }
}
