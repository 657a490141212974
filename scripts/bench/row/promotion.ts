// The master is killed while 64 writers write; how long until its replica has taken its place and a write.
// A master and a replica of their own in each round.
import { comparedTimes, turnsOf } from '../comparison.js';
import { MasterAndReplica } from '../contestants.js';
import { FailingPostgres } from '../peer/failing-postgres.js';
import { FailingRedis } from '../peer/failing-redis.js';
import type { Goal, Line } from '../report.js';
import {
  playWith,
  turnsByName,
  type Contestant,
  type Played,
  type Turn,
  type TurnPlan,
} from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';

const name = 'promotion';
const title = 'from kill -9 of the master to the first write on the promoted replica';
const unit = 'ms';
const writers = 64;
const ours = 'Pamina';
const atMostHalf: Goal = { kind: 'at most', value: 0.5, unit: '×' };

export const promotion: Row = { name, title, run };

interface Failing {
  takeOver(plan: TurnPlan): Promise<number>;
  close(): Promise<void>;
}

async function run(context: RowContext): Promise<RowResult> {
  const { budget, peers, stage } = context;
  const { postgres: programs } = peers;
  const pamina = (folder: string): Promise<Failing> =>
    MasterAndReplica.start(context, { name: ours, writers, folder });
  const contestants = [
    contestant(context, ours, pamina),
    ...(programs === null
      ? []
      : [
          contestant(context, 'PostgreSQL', (folder) =>
            FailingPostgres.start(stage, { programs, folder }),
          ),
        ]),
    ...(peers.hasRedis
      ? [contestant(context, 'Redis', (folder) => FailingRedis.start(stage, folder))]
      : []),
  ];
  const plan = {
    ...{ row: name, unit: 'promotions/s', warmUpSeconds: 0 },
    seconds: budget.commitSeconds / 20,
  };
  const builders = contestants.map((each) => () => Promise.resolve(each));
  const played = await playWith(context, plan, builders);
  return { lines: linesOf(context, played), latencies: [], turns: turnsByName(played) };
}

function contestant(
  { stage }: RowContext,
  called: string,
  start: (folder: string) => Promise<Failing>,
): Contestant {
  return {
    name: called,
    turn: async (plan): Promise<Turn> => {
      const pair = await start(stage.path(`promotion-${called}-${plan.seed}`));
      const seconds = await pair.takeOver(plan);
      await pair.close();
      const tookMs = seconds * 1000;
      return { operations: 1, seconds, latency: { p50Ms: tookMs, p99Ms: tookMs, maxMs: tookMs } };
    },
    close: () => Promise.resolve(),
  };
}

function linesOf({ peers }: RowContext, played: Played): Line[] {
  const against = [
    {
      ...{ peer: 'PostgreSQL', how: 'PostgreSQL, pg_promote', goal: atMostHalf },
      isThere: peers.postgres !== null,
    },
    { peer: 'Redis', how: 'Redis, REPLICAOF NO ONE', goal: null, isThere: peers.hasRedis },
  ];
  const timesOf = (who: string): number[] =>
    turnsOf(played, who).map(({ seconds }) => seconds * 1000);
  return against.map(({ peer, how, goal, isThere }) => {
    const comparison = { row: name, measure: title, against: how, unit, goal };
    return comparedTimes(comparison, peer, timesOf(ours), isThere ? timesOf(peer) : null);
  });
}
