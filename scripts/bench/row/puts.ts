// Durable puts without a replica, beside the bare classic-level that syncs every put.
import { atLeast, compared, turnsOf } from '../comparison.js';
import { storeContestant } from '../contestants.js';
import { latencyLine, playWith, turnsByName } from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';

const ours = 'Pamina';
const theirs = 'classic-level';

export const puts: readonly Row[] = [
  putsRow('puts-1', 'durable puts/s, 1 writer', 1, 1),
  putsRow('puts-64', 'durable puts/s, 64 writers', 64, 5),
];

function putsRow(name: string, title: string, writers: number, goal: number): Row {
  return { name, title, run: (context) => run(context, { name, title, writers, goal }) };
}

interface Setting {
  readonly name: string;
  readonly title: string;
  readonly writers: number;
  readonly goal: number;
}

async function run(
  context: RowContext,
  { name, title, writers, goal }: Setting,
): Promise<RowResult> {
  const { budget, stage } = context;
  const seconds = budget.putSeconds / budget.rounds;
  const plan = { row: name, unit: 'puts/s', seconds, warmUpSeconds: budget.warmUpSeconds };
  const build = (contestant: string, engine: 'pamina' | 'classic-level') => () =>
    storeContestant(context, {
      ...{ name: contestant, engine, writers },
      folder: stage.path(`${name}-${engine}`),
    });
  const builders = [build(ours, 'pamina'), build(theirs, 'classic-level')];
  const played = await playWith(context, plan, builders);
  const comparison = {
    row: name,
    measure: title,
    against: `${theirs}, sync: true`,
    unit: 'puts/s',
    goal: atLeast(goal),
  };
  return {
    lines: [compared(comparison, turnsOf(played, ours), turnsOf(played, theirs))],
    latencies: [...played].flatMap(([each, turns]) => latencyLine(name, each.name, turns)),
    turns: turnsByName(played),
  };
}
