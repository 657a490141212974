// The live replica, in a process of its own: created from a backup of the master, then streaming.
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from 'pamina';
import { answerCommands, configuration } from './lib/commands.mjs';

const askEveryMs = 2;
const deadlineMs = 300_000;

const { dataFolder, directoryFile, name, master } = configuration();
const server = await serve({ dataFolder, directoryFile });
const { host } = server;
await host.replicate(name, { master });
await until('it streams', async () => (await host.status(name)).state === 'streaming');

await answerCommands(
  {
    /** Until it has applied this record. */
    level: async ({ seq }) => {
      const startedAt = performance.now();
      await whenApplied(seq);
      const { state } = await host.status(name);
      if (state !== 'streaming') throw new Error(`the replica is ${state}, not streaming`);
      return { milliseconds: performance.now() - startedAt };
    },
    stop: async () => {
      const { seq } = await appliedPoint();
      await host.stop(name);
      return { seq };
    },
    /** From offline to level. */
    catchUp: async ({ seq }) => {
      const startedAt = performance.now();
      await host.start(name);
      await whenApplied(seq);
      return { seconds: (performance.now() - startedAt) / 1000 };
    },
  },
  () => server.close(),
);

async function appliedPoint() {
  const replica = server.open(name);
  await replica.open();
  const point = replica.database.applied();
  await replica.close();
  return point;
}

async function whenApplied(seq) {
  const replica = server.open(name);
  await replica.open();
  const { database } = replica;
  await until(`record ${seq} is applied`, () => database.applied().seq >= seq);
  await replica.close();
}

async function until(what, holds) {
  const deadline = performance.now() + deadlineMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await sleep(askEveryMs);
  }
}
