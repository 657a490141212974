// A store that is written to: Pamina without a replica, or the bare classic-level.
import { answerCommands, configuration } from './lib/commands.mjs';
import { durablePut, openStore } from './lib/store.mjs';
import { sustain } from './lib/sustained.mjs';
import { valuesFor, writeFor, writeRecords } from './lib/writing.mjs';

const config = configuration();
const store = await openStore(config);
const values = valuesFor(config.encoding);
const put = durablePut(store, config.engine);

await answerCommands(
  {
    turn: (command) => writeFor({ ...command, writers: config.writers, values, put }),
    sustain: (command) => sustain({ ...command, writers: config.writers, values, put }),
    /** Transactions of a client that locks one document after the other; how much longer the log is behind them. */
    transactions: async ({ transactions, documents, lockData }) => {
      const { database } = store;
      await database.permit('replica', { simultaneousQuery: lockData });
      const before = database.log.bytes;
      for (let at = 0; at < transactions; at++) {
        const transaction = await store.begin();
        for (let document = 0; document < documents; document++) {
          await transaction.put(`transactions/${document}`, values[document % values.length]);
          await new Promise(setImmediate);
        }
        await transaction.commit();
      }
      return { bytes: database.log.bytes - before };
    },
    fill: async (command) => {
      await writeRecords({ ...command, values, put });
      return { records: command.records };
    },
  },
  () => store.close(),
);
