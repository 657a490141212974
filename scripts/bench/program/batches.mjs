// Raw LevelDB that is given records in chained batches, as Pamina's apply does it.
import { Level } from 'level';
import { makeRecords, writeBatches } from './lib/batches.mjs';
import { answerCommands, configuration } from './lib/commands.mjs';

const { folder, storeOptions } = configuration();
const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' };
const level = new Level(folder, { ...storeOptions, ...encodings });
await level.open();

await answerCommands(
  {
    write: async ({ records, seed, isSorted = false }) => {
      const made = makeRecords(records, seed);
      if (isSorted) made.sort(([left], [right]) => Buffer.compare(left, right));
      const startedAt = performance.now();
      await writeBatches(level, made);
      return { seconds: (performance.now() - startedAt) / 1000 };
    },
  },
  () => level.close(),
);
