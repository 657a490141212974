// Durable commits with one live replica in another process, beside PostgreSQL and Redis that have one
// too: everybody for as long, in turns, on databases that grow.
import { atLeast, compared, limited, turnsOf, withoutPeer } from '../comparison.js';
import { MasterAndReplica } from '../contestants.js';
import { startPostgres } from '../peer/postgres.js';
import { startRedis } from '../peer/redis.js';
import type { Line } from '../report.js';
import { latencyLine, playWith, turnsByName, type Contestant, type Played } from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';

const ours = 'Pamina';
const unit = 'commits/s';
const longestCommitMs = 250;

export const commits: readonly Row[] = [
  commitsRow({ writers: 64, postgresGoal: 3, redisGoal: 1.3 }),
  commitsRow({ writers: 256, postgresGoal: 3, redisGoal: 1 }),
];

interface Setting {
  readonly writers: number;
  readonly postgresGoal: number;
  readonly redisGoal: number;
}

function commitsRow(setting: Setting): Row {
  const name = `commits-${setting.writers}`;
  const title = `durable commits/s, ${setting.writers} writers, live replica`;
  return { name, title, run: (context) => run(context, { ...setting, name, title }) };
}

type NamedSetting = Setting & Pick<Row, 'name' | 'title'>;

async function run(context: RowContext, setting: NamedSetting): Promise<RowResult> {
  const { budget } = context;
  const seconds = budget.commitSeconds / budget.rounds;
  const plan = { row: setting.name, unit, seconds, warmUpSeconds: budget.warmUpSeconds };
  const played = await playWith(context, plan, builders(context, setting));
  return {
    lines: linesOf(context, setting, played),
    latencies: [...played].flatMap(([each, turns]) => latencyLine(setting.name, each.name, turns)),
    turns: turnsByName(played),
  };
}

function builders(
  context: RowContext,
  { name, writers }: NamedSetting,
): (() => Promise<Contestant>)[] {
  const { stage, peers } = context;
  const folder = (of: string): string => stage.path(`${name}-${of}`);
  const { postgres: programs } = peers;
  return [
    () => MasterAndReplica.start(context, { name: ours, writers, folder: folder('pamina') }),
    ...(programs === null
      ? []
      : [() => startPostgres(stage, { programs, clients: writers, folder: folder('postgres') })]),
    ...(peers.hasRedis
      ? [() => startRedis(stage, { clients: writers, folder: folder('redis') })]
      : []),
  ];
}

function linesOf({ peers }: RowContext, setting: NamedSetting, played: Played): Line[] {
  const { name: row, title: measure, postgresGoal, redisGoal } = setting;
  const turns = turnsOf(played, ours);
  const against = [
    {
      peer: 'PostgreSQL',
      how: 'PostgreSQL, pgbench, jsonb, one standby',
      isThere: peers.postgres !== null,
      goal: postgresGoal,
      remark: 'aim at 4 ×',
    },
    {
      peer: 'Redis',
      how: 'Redis, redis-benchmark, appendfsync always, one replica',
      isThere: peers.hasRedis,
      goal: redisGoal,
      remark: undefined,
    },
  ];
  const lines = against.map(({ peer, how, isThere, goal, remark }) => {
    const comparison = { row, measure, against: how, unit, goal: atLeast(goal), remark };
    return isThere
      ? compared(comparison, turns, turnsOf(played, peer))
      : withoutPeer(comparison, peer, turns);
  });
  const longest = Math.max(...turns.map(({ latency }) => latency?.maxMs ?? Number.NaN));
  const goal = { kind: 'under', value: longestCommitMs, unit: 'ms' } as const;
  const levelAfter = Math.max(...turns.map(({ replicaLevelAfterMs = 0 }) => replicaLevelAfterMs));
  const remark = `the replica was level ${levelAfter.toFixed(0)} ms after a turn at the latest`;
  return [...lines, limited({ row, measure: `longest commit, ${measure}`, remark }, goal, longest)];
}
