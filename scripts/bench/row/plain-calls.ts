// What single calls pay for transactions while none is open: nothing but the question whether one is.
import { atLeast, compared, turnsOf } from '../comparison.js';
import { storeContestant } from '../contestants.js';
import { latencyLine, playWith, turnsByName } from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';

const name = 'plain-calls';
const title = 'durable puts/s behind transactions, 64 writers';
const unit = 'puts/s';
const writers = 64;
const behind = 'Pamina, behind transactions';
const before = 'Pamina, without any';

export const plainCalls: Row = { name, title, run };

async function run(context: RowContext): Promise<RowResult> {
  const { budget, stage } = context;
  const seconds = budget.putSeconds / budget.rounds;
  const plan = { row: name, unit, seconds, warmUpSeconds: budget.warmUpSeconds };
  const build = (contestant: string, transactions: number) => () =>
    storeContestant(context, {
      ...{ name: contestant, engine: 'pamina' as const, writers, transactions },
      folder: stage.path(`${name}-${transactions}`),
    });
  const played = await playWith(context, plan, [build(behind, 1000), build(before, 0)]);
  const comparison = {
    ...{ row: name, measure: title, unit, goal: atLeast(0.97) },
    against: 'the same where there never was one',
  };
  return {
    lines: [compared(comparison, turnsOf(played, behind), turnsOf(played, before))],
    latencies: [...played].flatMap(([each, turns]) => latencyLine(name, each.name, turns)),
    turns: turnsByName(played),
  };
}
