// The kinds of rounds: what clients do beside each other, and what happens to their servers meanwhile.
import { isPaminaError, remoteTransactionsMax, type Isolation } from '@pamina/format';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFile } from 'node:fs/promises';
import type { Anomaly } from '../../packages/sim/src/isolation/anomaly.js';
import { branchesOf, settled } from '../../packages/sim/src/isolation/branch.js';
import { checkIsolation } from '../../packages/sim/src/isolation/check.js';
import type { History } from '../../packages/sim/src/isolation/history.js';
import { named } from '../../packages/sim/src/isolation/words.js';
import { accountsOf, type WorkloadName } from '../../packages/sim/src/isolation/workload.js';
import type { Prng } from '../../packages/sim/src/world/prng.js';
import { Scene } from '../../test/support/scene.js';
import { masterPlace } from './remote-places.js';
import { marksOf, openStage, placesOf, playRound, type Stage } from './stage.js';

export interface RoundRequest {
  readonly stage: Stage;
  readonly prefix: string;
  readonly seconds: number;
  readonly clients: number;
  readonly levels: readonly Isolation[];
  readonly workloads: readonly WorkloadName[];
  readonly random: Prng;
}

export interface RoundResult {
  readonly transactions: number;
  /** How they ended. */
  readonly ends: Readonly<Record<string, number>>;
  readonly figures: Readonly<Record<string, number>>;
  readonly anomalies: readonly Anomaly[];
  /** What was wrong beside what clients saw. */
  readonly faults: readonly string[];
  /** Kept where something was found. */
  readonly history: History | null;
}

export const roundKinds = ['calm', 'storm', 'kill', 'failover', 'many'] as const;
export type RoundKind = (typeof roundKinds)[number];

export const meanings: Readonly<Record<RoundKind, string>> = {
  calm: 'clients at all levels beside each other, on the master and on the replica',
  storm: 'three times as many, who move money between few accounts as fast as they can',
  kill: 'as calm, and the server of the master is killed with SIGKILL and started again',
  failover: 'as calm, and the master is killed for good: the replica takes its place',
  many: 'as many transactions are open as may be, each with a lock, and all commit',
};

export const rounds: Readonly<Record<RoundKind, (request: RoundRequest) => Promise<RoundResult>>> =
  {
    calm: (request) => play(request, () => Promise.resolve()),
    storm: (request) =>
      play(
        { ...request, clients: request.clients * 3, workloads: ['money'] },
        () => Promise.resolve(),
        0,
      ),
    kill: (request) => {
      const { stage, seconds } = request;
      return play(request, async () => {
        await sleep((seconds * 1000) / 3);
        await stage.master.served.kill();
        await stage.master.served.start();
      });
    },
    failover,
    many,
  };

/** Of a calm round half have one level for all. */
function levelsOf({ levels, random }: RoundRequest): readonly Isolation[] {
  return random.chance(0.5) ? levels : [random.pick(levels)];
}

function workloadsOf({ workloads, random }: RoundRequest): readonly WorkloadName[] {
  return random.chance(0.3) ? workloads : [random.pick(workloads)];
}

async function play(
  request: RoundRequest,
  disturb: () => Promise<void>,
  thinkMs = 3,
): Promise<RoundResult> {
  const { prefix, stage } = request;
  const recorder = await playRound({
    ...request,
    levels: levelsOf(request),
    workloads: workloadsOf(request),
    thinkMs,
    where: placesOf(stage),
    disturb,
  });
  const found = await marksOf(stage.master, prefix);
  const faults = misplaced(recorder, found);
  return resultOf(settled(recorder, found), recorder.ends, prefix, faults);
}

/** Commits that do not stand where they were said to stand. */
function misplaced({ transactions }: History, found: ReadonlyMap<number, unknown>): string[] {
  return transactions.flatMap((one) => {
    const { id, outcome, position } = one;
    const place = found.get(id);
    if (outcome === 'fail' && place !== undefined) return [`${named(one)} stands in the log`];
    if (outcome !== 'ok' || position === null) return [];
    if (JSON.stringify(place) === JSON.stringify(position)) return [];
    return [`${named(one)} stands in the log at ${JSON.stringify(place)}`];
  });
}

function resultOf(
  history: History,
  ends: ReadonlyMap<string, number>,
  prefix: string,
  faults: readonly string[],
): RoundResult {
  const anomalies = checkIsolation(history, accountsOf(prefix));
  return {
    transactions: history.transactions.length,
    ends: Object.fromEntries(ends),
    figures: {},
    anomalies,
    faults,
    history: anomalies.length + faults.length > 0 ? history : null,
  };
}

/** On servers of its own: they do not come back. Commits wait for the replica, so that none is lost. */
async function failover(request: RoundRequest): Promise<RoundResult> {
  const scene = await Scene.open();
  try {
    return await failoverOn(await openStage(scene), request);
  } finally {
    await scene.close();
  }
}

async function failoverOn(stage: Stage, request: RoundRequest): Promise<RoundResult> {
  const { prefix, seconds } = request;
  const { administration } = stage.master.served;
  const successor = { ...stage.replica, name: stage.master.name };
  const durability = { replicas: 1 };
  const where = {
    ...placesOf(stage),
    master: masterPlace({ administration, database: stage.master.name, durability }),
  };
  let killedAt = Infinity;
  const recorder = await playRound({
    ...request,
    stage,
    levels: levelsOf(request),
    workloads: workloadsOf(request),
    thinkMs: 3,
    where,
    disturb: async () => {
      await sleep((seconds * 1000) / 3);
      await stage.master.served.kill();
      killedAt = performance.now();
      where.replica = null;
      const there = successor.served.administration;
      await there.failover(successor.name);
      where.master = masterPlace({ administration: there, database: successor.name });
    },
  });
  const { timeline } = await successor.served.administration.status(successor.name);
  const found = await marksOf(successor, prefix);
  const fork = timeline?.atSeq ?? 0;
  const branches = branchesOf(recorder, { at: killedAt, fork, found });
  const faults = branches.lost.map((one) => `${named(one)} was acknowledged, and is lost`);
  const old = resultOf(branches.old, recorder.ends, prefix, faults);
  const continued = resultOf(branches.continued, recorder.ends, prefix, []);
  return {
    ...old,
    anomalies: [...old.anomalies, ...continued.anomalies],
    history: old.history ?? continued.history,
    figures: { 'transactions on the new master': after(recorder, killedAt) },
  };
}

function after({ transactions }: History, at: number): number {
  return transactions.filter(
    ({ beginInvokedAt, outcome }) => beginInvokedAt > at && outcome === 'ok',
  ).length;
}

async function many({ stage, prefix }: RoundRequest): Promise<RoundResult> {
  const { name, served } = stage.master;
  const { transactions } = served.administration;
  const faults: string[] = [];
  const memoryBefore = await memoryOf(served.process.pid);
  const begin = () => transactions.begin(name, { lockTimeoutMs: 20_000, leaseMs: 60_000 });
  const ids = await someAtATime(Array.from({ length: remoteTransactionsMax }), begin);
  await someAtATime(ids, ({ id }, at) => transactions.put(name, id, `${prefix}many/${at}`, id));
  const refused = await begin().then(
    () => null,
    (error: unknown) => error,
  );
  if (!isPaminaError(refused) || refused.code !== 'TRANSACTIONS_FULL') {
    faults.push(
      `one more than ${remoteTransactionsMax} transactions was not refused: ${String(refused)}`,
    );
  }
  const memoryOpen = await memoryOf(served.process.pid);
  const positions = await someAtATime(ids, ({ id }) => transactions.commit(name, id));
  const distinct = new Set(positions.map(({ position }) => position)).size;
  if (distinct !== ids.length) faults.push(`${ids.length} commits have ${distinct} positions`);
  let there = 0;
  for await (const _ of served.administration.query(name, { prefix: `${prefix}many/` })) there += 1;
  if (there !== ids.length) faults.push(`${there} of ${ids.length} documents are there`);
  return {
    transactions: ids.length,
    ends: { committed: ids.length },
    figures: {
      'open at once': ids.length,
      'MiB of the server before': memoryBefore,
      'MiB of the server while they are open': memoryOpen,
    },
    anomalies: [],
    faults,
    history: null,
  };
}

const callsAtATime = 50;

/** Open are all of them; connections a system takes only so many at once. */
async function someAtATime<T, R>(
  all: readonly T[],
  call: (one: T, at: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < all.length; from += callsAtATime) {
    const part = all.slice(from, from + callsAtATime);
    results.push(...(await Promise.all(part.map((one, at) => call(one, from + at)))));
  }
  return results;
}

/** Resident, in MiB; 0 where the system does not say it. */
async function memoryOf(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
