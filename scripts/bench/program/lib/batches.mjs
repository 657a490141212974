// Raw LevelDB at its fastest: chained batches of 1,000 records, keys and values as Buffers that are
// there before the clock runs. What Pamina's apply is measured against.
import { keysFrom } from './document.mjs';
import { valuesFor } from './writing.mjs';

const recordsPerBatch = 1000;

export function makeRecords(records, seed) {
  const nextKey = keysFrom(seed);
  const values = valuesFor('buffer');
  return Array.from({ length: records }, (_, index) => [
    Buffer.from(nextKey()),
    values[index % values.length],
  ]);
}

export async function writeBatches(level, records) {
  for (let from = 0; from < records.length; from += recordsPerBatch) {
    const batch = level.batch();
    for (const [key, value] of records.slice(from, from + recordsPerBatch)) batch.put(key, value);
    await batch.write();
  }
}
