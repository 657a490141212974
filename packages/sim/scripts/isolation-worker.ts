// Runs seeds of transactions beside each other in a process of its own, until one of them shows something that
// may not be, and tells it by one line of JSON: what a planted bug is looked for with.
import type { Isolation } from '@pamina/format';
import { runIsolation } from '../src/isolation/run.js';

/** What it is given, as JSON, in its one argument. */
export interface IsolationOrder {
  readonly from: number;
  readonly seeds: number;
  readonly levels?: readonly Isolation[] | undefined;
}

export interface IsolationReport {
  /** Of the run that showed it; null: none did. */
  readonly seed: number | null;
  readonly runs: number;
  readonly transactions: number;
  readonly names: readonly string[];
  readonly texts: readonly string[];
}

async function main(order: IsolationOrder): Promise<IsolationReport> {
  let transactions = 0;
  for (let at = 0; at < order.seeds; at += 1) {
    const seed = order.from + at;
    const run = await runIsolation(String(seed), order.levels);
    transactions += run.transactions;
    const names = [...new Set(run.anomalies.map(({ name }) => name))];
    const texts = [...run.faults, ...run.anomalies.map(({ text }) => text)];
    if (texts.length === 0) continue;
    const found = [...names, ...(run.faults.length > 0 ? ['locks left'] : [])];
    return { seed, runs: at + 1, transactions, names: found, texts: texts.slice(0, 10) };
  }
  return { seed: null, runs: order.seeds, transactions, names: [], texts: [] };
}

const report = await main(JSON.parse(process.argv[2] ?? '') as IsolationOrder);
process.stdout.write(`${JSON.stringify(report)}\n`);
