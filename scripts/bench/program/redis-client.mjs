// A client of Redis that puts markers on its master, or looks for them on its replica: the counterpart of
// what the programs of Pamina do with theirs.
import { answerCommands, configuration } from './lib/commands.mjs';
import { mark, watch } from './lib/markers.mjs';
import { RedisConnection } from './lib/redis-connection.mjs';
import { valuesFor } from './lib/writing.mjs';

const { port, connections } = configuration();
const all = await Promise.all(
  Array.from({ length: connections }, () => RedisConnection.open(port)),
);
const values = valuesFor('utf8');
let turn = 0;

await answerCommands(
  {
    mark: (command) =>
      mark({
        ...command,
        values,
        put: (key, value) => all[(turn += 1) % all.length].ask('SET', key, value),
      }),
    watch: ({ schedule }) =>
      watch({ schedule, isThere: async (key) => (await all[0].ask('GET', key)) !== null }),
    /** A replica becomes a master, and takes a write. */
    promote: async () => {
      await all[0].ask('REPLICAOF', 'NO', 'ONE');
      await all[0].ask('SET', 'first', values[0]);
      return {};
    },
  },
  () => {
    for (const connection of all) connection.close();
    return Promise.resolve();
  },
);
