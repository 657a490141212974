// What the sync costs: the same master with its live replica, beside itself on a disk that says at once
// that everything is synced.
import { atLeast, compared, turnsOf } from '../comparison.js';
import { MasterAndReplica } from '../contestants.js';
import { latencyLine, playWith, turnsByName } from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';

const name = 'sync';
const title = 'commits/s with sync, 64 writers, live replica';
const unit = 'commits/s';
const writers = 64;
const synced = 'Pamina';
const unsynced = 'Pamina without sync';

export const sync: Row = { name, title, run };

async function run(context: RowContext): Promise<RowResult> {
  const { budget, stage } = context;
  const seconds = budget.commitSeconds / budget.rounds;
  const plan = { row: name, unit, seconds, warmUpSeconds: budget.warmUpSeconds };
  const played = await playWith(
    context,
    plan,
    [synced, unsynced].map(
      (contestant) => () =>
        MasterAndReplica.start(context, {
          ...{ name: contestant, writers, unsynced: contestant === unsynced },
          folder: stage.path(`sync-${contestant === unsynced ? 'without' : 'with'}`),
        }),
    ),
  );
  const comparison = {
    ...{ row: name, measure: title, against: 'itself without sync', unit },
    goal: atLeast(0.75),
  };
  return {
    lines: [compared(comparison, turnsOf(played, synced), turnsOf(played, unsynced))],
    latencies: [...played].flatMap(([each, turns]) => latencyLine(name, each.name, turns)),
    turns: turnsByName(played),
  };
}
