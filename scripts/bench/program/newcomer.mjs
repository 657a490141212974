// A server on which replicas and restored databases come and go: how long until the first read.
import { serve } from 'pamina';
import { answerCommands, configuration } from './lib/commands.mjs';

const { dataFolder, directory } = configuration();
const server = await serve({ dataFolder, directory });
const { host } = server;

await answerCommands(
  {
    /** From the master's newest backup to the first entry that is read. */
    join: async ({ name, master }) => {
      const startedAt = performance.now();
      await host.replicate(name, { master, simultaneousQuery: true });
      await firstEntry(name);
      const seconds = (performance.now() - startedAt) / 1000;
      await host.stop(name);
      await host.delete(name);
      return { seconds };
    },
    /** The master's newest backup over the network, laid out and on disk: a copy that nothing was done with yet. */
    copy: async ({ name, master }) => {
      const startedAt = performance.now();
      await host.create(name, { fromBackup: `pamina://${master}` });
      const seconds = (performance.now() - startedAt) / 1000;
      await host.delete(name);
      return { seconds };
    },
    restore: async ({ name, from }) => {
      const startedAt = performance.now();
      await host.create(name, { fromBackup: from });
      const seconds = (performance.now() - startedAt) / 1000;
      const { entries } = await host.hash(name);
      await host.delete(name);
      return { seconds, entries };
    },
  },
  () => server.close(),
);

async function firstEntry(name) {
  const database = server.open(name);
  await database.open();
  const [entry] = await database.iterator({ limit: 1 }).all();
  await database.close();
  if (entry === undefined) throw new Error(`${name} holds nothing`);
}
