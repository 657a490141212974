// A replica that was away catches up, beside a raw LevelDB that is given as many records in batches.
// Both stores grow from round to round.
import { atLeast, compared, turnsOf } from '../comparison.js';
import { MasterAndReplica } from '../contestants.js';
import { Program } from '../program.js';
import { becomeQuiet, playWith, turnsByName, type Contestant } from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';

const name = 'catch-up';
const title = 'replica catch-up, records/s';
const unit = 'records/s';
const replica = 'Pamina';
const raw = 'classic-level';

export const catchUp: Row = { name, title, run };

async function run(context: RowContext): Promise<RowResult> {
  const plan = { row: name, unit, seconds: 0, warmUpSeconds: 0 };
  const builders = [() => replicaContestant(context), () => rawContestant(context)];
  const played = await playWith(context, plan, builders);
  const comparison = {
    ...{ row: name, measure: title, unit, goal: atLeast(0.8) },
    against: 'raw classic-level, chained batches of 1,000, same options',
  };
  return {
    lines: [compared(comparison, turnsOf(played, replica), turnsOf(played, raw))],
    latencies: [],
    turns: turnsByName(played),
  };
}

async function replicaContestant(context: RowContext): Promise<Contestant> {
  const { budget, stage } = context;
  const folder = stage.path('catch-up-pamina');
  const pair = await MasterAndReplica.start(context, { name: replica, writers: 0, folder });
  return {
    name: replica,
    turn: ({ seed }) => pair.catchUp(budget.records, seed, () => becomeQuiet(context)),
    close: () => pair.close(),
  };
}

async function rawContestant({ budget, stage, storeOptions }: RowContext): Promise<Contestant> {
  const folder = stage.path('catch-up-raw');
  const { program } = await Program.start(stage, 'batches', { folder, storeOptions });
  const { records } = budget;
  return {
    name: raw,
    turn: async ({ seed }) => {
      const { seconds } = await program.ask<{ seconds: number }>('write', { records, seed });
      return { operations: records, seconds, latency: null };
    },
    close: async () => {
      await program.finish();
      await stage.remove(folder);
    },
  };
}
