// How much longer a log becomes by lock data: transactions that lock one document after the other, as those of a
// client do. For information: no goal depends on it.
import { comparedTimes } from '../comparison.js';
import { Program } from '../program.js';
import type { Row, RowContext, RowResult } from '../row.js';

const name = 'lock-data';
const title = 'bytes of log a transaction, with lock data';
const unit = 'bytes';
const documents = [1, 10, 100] as const;

export const lockData: Row = { name, title, run };

async function run({ budget, stage, storeOptions }: RowContext): Promise<RowResult> {
  const folder = stage.path(name);
  const { program } = await Program.start(stage, 'puts', {
    ...{ engine: 'pamina', folder, storeOptions, writers: 1, encoding: 'utf8' },
  });
  const transactions = budget.quick ? 20 : 1000;
  const lines = [];
  const turns: Record<string, unknown> = {};
  for (const count of documents) {
    const measured = { with: [] as number[], without: [] as number[] };
    for (let round = 0; round < budget.rounds; round++) {
      for (const isOn of [true, false]) {
        const { bytes } = await program.ask<{ bytes: number }>('transactions', {
          ...{ transactions, documents: count, lockData: isOn },
        });
        measured[isOn ? 'with' : 'without'].push(bytes / transactions);
      }
    }
    turns[`${count}`] = measured;
    lines.push(
      comparedTimes(
        {
          ...{ row: name, unit, goal: null },
          measure: `bytes of log a transaction of ${count} documents, locked one after the other`,
          against: 'the same without lock data',
        },
        'Pamina',
        measured.with,
        measured.without,
      ),
    );
  }
  await program.finish();
  await stage.remove(folder);
  return { lines, latencies: [], turns };
}
