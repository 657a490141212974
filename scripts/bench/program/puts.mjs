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
    fill: async (command) => {
      await writeRecords({ ...command, values, put });
      return { records: command.records };
    },
  },
  () => store.close(),
);
