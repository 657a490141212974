// Transactions of all levels beside each other on one database of the simulated world, from a seed, and what the
// checker says of them.
import { createDatabase, Database, Pamina } from '@pamina/engine';
import { isolationLevels, type Isolation } from '@pamina/format';
import type { Prng } from '../world/prng.js';
import { createWorld, type World } from '../world/world.js';
import type { Anomaly } from './anomaly.js';
import { checkIsolation } from './check.js';
import { runClient, transact, type ClientOptions } from './client.js';
import { paminaPlace } from './pamina-place.js';
import type { Place } from './place.js';
import { Recorder } from './recorder.js';
import { accountsOf, prepare, readAll, workloadNames, type WorkloadName } from './workload.js';

export interface IsolationRun {
  readonly anomalies: readonly Anomaly[];
  /** What was wrong beside what clients saw. */
  readonly faults: readonly string[];
  readonly transactions: number;
  readonly ends: ReadonlyMap<string, number>;
}

interface Plan {
  readonly clients: number;
  readonly transactions: number;
  readonly levels: readonly Isolation[];
  readonly workloads: readonly WorkloadName[];
  readonly lockTimeoutMs: number;
  readonly thinkMs: number;
}

const folder = '/data/orders';

function planOf(random: Prng, levels: readonly Isolation[]): Plan {
  const isMixed = random.chance(0.5);
  return {
    clients: 3 + random.below(6),
    transactions: 150,
    levels: isMixed ? levels : [random.pick(levels)],
    workloads: random.chance(0.3) ? workloadNames : [random.pick(workloadNames)],
    lockTimeoutMs: random.pick([20, 10_000]),
    thinkMs: random.pick([0.1, 2, 20]),
  };
}

export async function runIsolation(
  seed: string,
  levels: readonly Isolation[] = isolationLevels,
): Promise<IsolationRun> {
  const world = createWorld({ seed });
  const plan = planOf(world.random.fork('plan'), levels);
  const { env } = world.host('master');
  await world.finish(createDatabase(folder, { env }));
  const database = await world.finish(Database.open(folder, { env }));
  const db = new Pamina<Uint8Array, Uint8Array>(folder, {
    database,
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
  });
  await world.finish(db.open());
  const recorder = new Recorder(() => env.clock.monotonic());
  const faults: string[] = [];
  const place = paminaPlace(db, plan.lockTimeoutMs);
  await world.finish(play(world, plan, place, recorder));
  const { transactions } = database;
  if (transactions.isLocking)
    faults.push(`locks are left: ${JSON.stringify(transactions.list(5))}`);
  await world.finish(db.close());
  await world.finish(database.close());
  const anomalies = checkIsolation(recorder, accountsOf(''));
  return {
    anomalies,
    faults,
    transactions: recorder.transactions.length,
    ends: recorder.ends,
  };
}

async function play(world: World, plan: Plan, place: Place, recorder: Recorder): Promise<void> {
  const { clock } = world.host('master').env;
  const counts = new Map<string, number>();
  const shared = { prefix: '', recorder, counts, leavesMarks: false } as const;
  const alone = {
    ...shared,
    place,
    isolation: 'serializable' as const,
    after: null,
    isAbandoned: false,
    pause: () => Promise.resolve(),
    rest: () => Promise.resolve(),
  };
  await transact({ ...alone, process: 'first', task: (session) => prepare(session, '') });
  const clients = Array.from({ length: plan.clients }, (_, at): ClientOptions => {
    const random = world.random.fork(`client ${at}`);
    const pause = (): Promise<void> => clock.sleep(random.between(0, plan.thinkMs));
    return {
      ...shared,
      name: `client ${at}`,
      place: () => place,
      levels: plan.levels,
      workloads: plan.workloads,
      random,
      pause,
      rest: pause,
      isStopped: () => recorder.transactions.length >= plan.transactions,
    };
  });
  await Promise.all(clients.map(runClient));
  await transact({ ...alone, process: 'last', task: (session) => readAll(session, '') });
}
