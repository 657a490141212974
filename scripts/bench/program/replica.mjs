// The live replica, in a process of its own: created from a backup of the master, then streaming. With
// `others` it has company; what is there already only goes on.
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from 'pamina';
import { answerCommands, configuration } from './lib/commands.mjs';
import { documentTemplate, numberDigits } from './lib/document.mjs';
import { watch } from './lib/markers.mjs';

const askEveryMs = 2;
const deadlineMs = 300_000;
const document = documentTemplate(() => '1'.repeat(numberDigits));

const config = configuration();
const { dataFolder, directory, name, master, others = [] } = config;
const { isThere = false, simultaneousQuery = false } = config;
const server = await serve({ dataFolder, directory });
const { host } = server;
if (!isThere) {
  for (const each of [name, ...others]) {
    await host.replicate(each, { master, simultaneousQuery });
    await until('it streams', async () => (await host.status(each)).state === 'streaming');
  }
}

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
    catchUp: async ({ seq, readers = 0, isolation }) => {
      const startedAt = performance.now();
      await host.start(name);
      const reading = readers > 0 ? readBeside(readers, isolation) : null;
      await whenApplied(seq);
      const seconds = (performance.now() - startedAt) / 1000;
      return { seconds, reads: (await reading?.stop()) ?? 0 };
    },
    applied: async ({ seq }) => {
      await whenApplied(seq);
      return { seq };
    },
    watch: async ({ schedule }) => {
      const replica = server.open(name);
      await replica.open();
      const seen = await watch({
        schedule,
        isThere: (key) => replica.getSync(key) !== undefined,
      });
      await replica.close();
      return seen;
    },
    /** It takes its master's place and name, and a write. */
    failover: async () => {
      const { withoutWriterMs } = await host.failover(master);
      const promoted = server.open(master);
      await promoted.open();
      await promoted.put('first', document);
      return { withoutWriterMs };
    },
  },
  () => server.close(),
);

/** Readers of short ranges, each in a transaction of its own, until they are told to stop. */
function readBeside(readers, isolation) {
  const ending = new AbortController();
  let reads = 0;
  const read = async () => {
    const replica = server.open(name);
    await replica.open();
    while (!ending.signal.aborted) {
      try {
        await replica.transaction(
          async (transaction) => {
            const gte = String(Math.random()).slice(2);
            await transaction.iterator({ gte, limit: 10 }).all();
          },
          { isolation },
        );
        reads += 1;
      } catch (error) {
        // Before the first segment with lock data is there, and where replay went first.
        if (!['ISOLATION_UNAVAILABLE', 'QUERY_CANCELLED'].includes(error.code)) throw error;
      }
      await new Promise(setImmediate);
    }
    await replica.close();
  };
  const running = Promise.all(Array.from({ length: readers }, read));
  return {
    stop: async () => {
      ending.abort();
      await running;
      return reads;
    },
  };
}

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
