// Transactions of all levels beside each other on one database of the simulated world, from a seed, and what the
// checker says of them.
import { createDatabase, Database, Pamina } from '@pamina/engine';
import type { Env } from '@pamina/env';
import { isolationLevels, type Isolation } from '@pamina/format';
import type { Prng } from '../world/prng.js';
import { createWorld, type World } from '../world/world.js';
import type { Anomaly } from './anomaly.js';
import { checkIsolation } from './check.js';
import { runClient, transact, type ClientOptions } from './client.js';
import { paminaPlace } from './pamina-place.js';
import type { Place } from './place.js';
import { Recorder } from './recorder.js';
import { carry, level, openReplica, replicaName } from './replica.js';
import type { Session } from './session.js';
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
  /** By a replica, on which transactions read. */
  readonly isFollowed: boolean;
}

const folder = '/data/orders';
const copyFolder = '/data/copy';

function planOf(random: Prng, levels: readonly Isolation[]): Plan {
  const isMixed = random.chance(0.5);
  return {
    clients: 3 + random.below(6),
    transactions: 150,
    levels: isMixed ? levels : [random.pick(levels)],
    workloads: random.chance(0.3) ? workloadNames : [random.pick(workloadNames)],
    lockTimeoutMs: random.pick([20, 10_000]),
    thinkMs: random.pick([0.1, 2, 20]),
    isFollowed: random.chance(0.5),
  };
}

/** The places of a run, and what must be told apart behind them. */
interface Stage {
  readonly world: World;
  readonly env: Env;
  readonly plan: Plan;
  readonly master: Database;
  /** Null: in half of the runs nobody follows. */
  readonly replica: Database | null;
  readonly recorder: Recorder;
}

export async function runIsolation(
  seed: string,
  levels: readonly Isolation[] = isolationLevels,
): Promise<IsolationRun> {
  const world = createWorld({ seed });
  const plan = planOf(world.random.fork('plan'), levels);
  const { env } = world.host('master');
  await world.finish(createDatabase(folder, { env }));
  const master = await world.finish(Database.open(folder, { env }));
  const replica = plan.isFollowed ? await world.finish(openReplica(env, master, copyFolder)) : null;
  const recorder = new Recorder(() => env.clock.monotonic());
  const stage: Stage = { world, env, plan, master, replica, recorder };
  await world.finish(play(stage));
  const faults = [master, replica].flatMap((one) => (one === null ? [] : leftIn(one)));
  for (const one of [replica, master]) if (one !== null) await world.finish(one.close());
  return {
    anomalies: checkIsolation(recorder, accountsOf('')),
    faults,
    transactions: recorder.transactions.length,
    ends: recorder.ends,
  };
}

function leftIn({ control, queries, transactions }: Database): string[] {
  const open = transactions.size + (queries?.size ?? 0);
  if (open === 0 && !transactions.isLocking) return [];
  const locks = JSON.stringify(transactions.list(5));
  return [`${open} transactions are open in ${control.name}, and locks are left: ${locks}`];
}

async function placeOf(database: Database, plan: Plan, name?: string): Promise<Place> {
  const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
  const db = new Pamina<Uint8Array, Uint8Array>(database.folder, { database, ...encodings });
  await db.open();
  return paminaPlace(db, plan.lockTimeoutMs, name);
}

async function play({ env, plan, master, replica, recorder, world }: Stage): Promise<void> {
  const { clock } = env;
  const here = await placeOf(master, plan);
  const there = replica === null ? null : await placeOf(replica, plan, replicaName);
  const nothing = (): Promise<void> => Promise.resolve();
  const shared = { prefix: '', recorder, counts: new Map<string, number>(), leavesMarks: false };
  const alone = {
    ...{ ...shared, pause: nothing, rest: nothing, after: null, isAbandoned: false },
    isolation: 'serializable' as const,
  };
  const first = (session: Session): Promise<void> => prepare(session, '');
  await transact({ ...alone, place: here, process: 'first', task: first });
  let isOver = false;
  const feeding = replica === null ? nothing() : feed(master, replica, () => isOver);
  const clients = Array.from({ length: plan.clients }, (_, at): ClientOptions => {
    const random = world.random.fork(`client ${at}`);
    const pause = (): Promise<void> => clock.sleep(random.between(0, plan.thinkMs));
    return {
      ...{ ...shared, random, pause, rest: pause },
      name: `client ${at}`,
      place: () => (there !== null && random.chance(0.4) ? there : here),
      levels: plan.levels,
      workloads: plan.workloads,
      isStopped: () => recorder.transactions.length >= plan.transactions,
    };
  });
  async function feed(from: Database, to: Database, isDone: () => boolean): Promise<void> {
    const random = world.random.fork('feed');
    while (!isDone()) {
      await clock.sleep(random.between(0, plan.thinkMs * 5));
      await carry(from, to);
    }
  }
  await Promise.all(clients.map(runClient));
  isOver = true;
  await feeding;
  const last = (session: Session): Promise<void> => readAll(session, '');
  await transact({ ...alone, place: here, process: 'last', task: last });
  if (replica === null || there === null) return;
  await level(master, replica);
  const after = master.positions.current;
  await transact({ ...alone, after, place: there, process: 'last', task: last });
}
