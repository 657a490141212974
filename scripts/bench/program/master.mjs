// A master embedded in the program that writes to it, served so that replicas elsewhere can follow.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from 'pamina';
import { AnonymousMemory } from './lib/anonymous-memory.mjs';
import { answerCommands, configuration } from './lib/commands.mjs';
import { mark } from './lib/markers.mjs';
import { syncsAskedFor, withoutSync } from './lib/without-sync.mjs';
import { valuesFor, writeFor, writeRecords } from './lib/writing.mjs';

const { dataFolder, directory, name, writers, encoding, unsynced, isThere } = configuration();
const env = unsynced ? { env: withoutSync() } : {};
const server = await serve({ dataFolder, directory, ...env });
if (isThere !== true) {
  await server.host.create(name);
  await server.host.set(name, 'replicationDelayMs', '0');
}
const master = server.open(name, { valueEncoding: encoding });
await master.open();
const values = valuesFor(encoding);
const put = (key, value) => master.put(key, value);

/** Where the replica has to be to hold all that was written. */
const durable = () => ({ seq: master.database.durable().seq });

await answerCommands(
  {
    turn: async (command) => {
      const syncsBefore = syncsAskedFor();
      const turn = await writeFor({ ...command, writers, values, put });
      if (unsynced && syncsAskedFor() === syncsBefore) {
        throw new Error('no sync was asked for: the disk without sync is not in use');
      }
      return { ...turn, ...durable() };
    },
    backup: async ({ form }) => {
      const startedAt = performance.now();
      const { id } = await server.host.backup(name, { form });
      const seconds = (performance.now() - startedAt) / 1000;
      return { seconds, folder: join(dataFolder, name, 'backups', id) };
    },
    fill: async (command) => {
      await writeRecords({ ...command, values, put });
      return durable();
    },
    mark: (command) => mark({ ...command, values, put }),
    /** What this process takes of a core while nobody asks it for anything. */
    cpu: async ({ seconds }) => {
      const before = process.cpuUsage();
      const startedAt = performance.now();
      await sleep(seconds * 1000);
      const { system, user } = process.cpuUsage(before);
      return { seconds: (performance.now() - startedAt) / 1000, cpuSeconds: (system + user) / 1e6 };
    },
    memory: async ({ seconds }) => {
      const memory = new AnonymousMemory();
      await sleep(seconds * 1000);
      return { anonymousBytes: memory.stop() };
    },
    /** How far behind each replica is, and whether it is connected. */
    replicas: async () => ({ replicas: await server.host.replicas(name) }),
  },
  async () => {
    await master.close();
    await server.close();
  },
);
