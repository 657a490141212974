// How long after the start of a commit a reader of the replica sees it: when nothing else is written, at
// 2,000 commits/s, and saturated by 64 writers. Beside PostgreSQL's standby and Redis's replica.
import { comparedTimes, turnsOf } from '../comparison.js';
import { MasterAndReplica } from '../contestants.js';
import type { LagSetting, Load } from '../lag.js';
import { startMarkedPostgres } from '../peer/marked-postgres.js';
import { startMarkedRedis } from '../peer/marked-redis.js';
import { thousands } from '../progress.js';
import type { Goal, Line } from '../report.js';
import {
  latencyLine,
  playWith,
  turnsByName,
  type Contestant,
  type Played,
  type Turn,
} from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';
import { median } from '../statistics.js';

const ours = 'Pamina';
const unit = 'µs';

interface Setting {
  readonly name: string;
  readonly how: string;
  readonly load: Load;
  /** Unlike any period of the servers, so that markers meet them at all points of theirs. */
  readonly everyMs: number;
  /** Of PostgreSQL's. */
  readonly p50AtMost: number | null;
  readonly p99AtMost: number | null;
}

const settings: readonly Setting[] = [
  {
    ...{ name: 'lag-idle', how: 'a commit now and then', load: null, everyMs: 97 },
    ...{ p50AtMost: 0.5, p99AtMost: null },
  },
  {
    ...{ name: 'lag-2000', how: '2,000 commits/s', load: { perSecond: 2000 }, everyMs: 23 },
    ...{ p50AtMost: null, p99AtMost: null },
  },
  {
    ...{ name: 'lag-64', how: 'saturated by 64 writers', load: { writers: 64 }, everyMs: 23 },
    ...{ p50AtMost: null, p99AtMost: 0.3 },
  },
];

export const lags: readonly Row[] = settings.map((setting) => ({
  name: setting.name,
  title: `from commit to visible on the replica, ${setting.how}`,
  run: (context) => run(context, setting),
}));

async function run(context: RowContext, setting: Setting): Promise<RowResult> {
  const { budget } = context;
  const plan = {
    ...{ row: setting.name, unit: 'markers/s', warmUpSeconds: budget.warmUpSeconds },
    seconds: budget.commitSeconds / budget.rounds,
  };
  const played = await playWith(context, plan, builders(context, setting));
  return {
    lines: linesOf(context, setting, played),
    latencies: [...played].flatMap(([each, turns]) => latencyLine(setting.name, each.name, turns)),
    turns: turnsByName(played),
  };
}

function builders(context: RowContext, setting: Setting): (() => Promise<Contestant>)[] {
  const { peers, stage } = context;
  const { postgres: programs } = peers;
  const { everyMs, load, name } = setting;
  const of = (who: string): LagSetting => ({ folder: stage.path(`${name}-${who}`), load, everyMs });
  return [
    () => paminaContestant(context, of('pamina')),
    ...(programs === null
      ? []
      : [() => startMarkedPostgres(stage, { ...of('postgres'), programs })]),
    ...(peers.hasRedis ? [() => startMarkedRedis(stage, of('redis'))] : []),
  ];
}

async function paminaContestant(context: RowContext, setting: LagSetting): Promise<Contestant> {
  const { folder } = setting;
  const pair = await MasterAndReplica.start(context, {
    ...{ name: ours, writers: 0, folder, simultaneousQuery: true },
  });
  return {
    name: ours,
    turn: (plan) => pair.lag(plan, setting),
    close: () => pair.close(),
  };
}

function linesOf({ peers }: RowContext, setting: Setting, played: Played): Line[] {
  const { p50AtMost, p99AtMost } = setting;
  const besides: readonly Beside[] = [
    { peer: 'PostgreSQL', isThere: peers.postgres !== null, p50AtMost, p99AtMost },
    { peer: 'Redis', isThere: peers.hasRedis, p50AtMost: null, p99AtMost: null },
  ];
  return besides.flatMap((beside) => [
    lineOf(setting, beside, 'p50', played),
    lineOf(setting, beside, 'p99', played),
  ]);
}

interface Beside extends Pick<Setting, 'p50AtMost' | 'p99AtMost'> {
  readonly peer: string;
  readonly isThere: boolean;
}

function lineOf(
  { how, name: row }: Setting,
  { isThere, peer, ...goals }: Beside,
  percentile: 'p50' | 'p99',
  played: Played,
): Line {
  const atMost = goals[`${percentile}AtMost`];
  const goal: Goal | null = atMost === null ? null : { kind: 'at most', value: atMost, unit: '×' };
  const timesOf = (turns: readonly Turn[]): number[] =>
    turns.map(({ latency }) => (latency?.[`${percentile}Ms`] ?? Number.NaN) * 1000);
  const mine = turnsOf(played, ours);
  const theirs = isThere ? turnsOf(played, peer) : null;
  const measure = `commit to visible, ${percentile}, ${how}`;
  const remark = loadsOf(mine, theirs ?? []);
  return comparedTimes(
    { row, measure, against: peer, unit, goal, remark },
    peer,
    timesOf(mine),
    theirs === null ? null : timesOf(theirs),
  );
}

function loadsOf(...contestants: (readonly Turn[])[]): string | undefined {
  const rates = contestants
    .filter((turns) => turns.length > 0)
    .map((turns) => median(turns.map(({ loadRate = 0 }) => loadRate)));
  if (rates.every((rate) => rate === 0)) return undefined;
  return `beside ${rates.map(thousands).join(' and ')} commits/s`;
}
