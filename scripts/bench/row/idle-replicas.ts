// What ten replicas that stream cost a master that has nothing to send: the time of the processor that its
// process takes with them, less what it takes without any.
import { mkdir } from 'node:fs/promises';
import { limited } from '../comparison.js';
import { Program } from '../program.js';
import { becomeQuiet } from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';

const name = 'idle-replicas';
const replicas = 10;
const title = `what ${replicas} idle replicas cost their master`;
const percentMax = 1;
/** Of the time that is measured, before it. */
const settlingPart = 1 / 3;
const database = 'orders';

export const idleReplicas: Row = { name, title, run };

interface Cpu extends Record<string, unknown> {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function run(context: RowContext): Promise<RowResult> {
  const { budget, progress, stage } = context;
  const folder = stage.path(name);
  await mkdir(folder);
  const directory = `${folder}/directory.json`;
  const { program: master } = await Program.start(stage, 'master', {
    ...{ directory, writers: 0, encoding: 'utf8', unsynced: false },
    ...{ dataFolder: `${folder}/master`, name: database },
  });
  const measure = async (): Promise<Cpu> => {
    await becomeQuiet(context);
    // What was connected just now, and code that has hardly run yet, cost more than they do from then on.
    await master.ask<Cpu>('cpu', { seconds: budget.idleSeconds * settlingPart });
    return master.ask<Cpu>('cpu', { seconds: budget.idleSeconds });
  };
  const without = await measure();
  progress.say(`${name}  without replicas: ${percentOf(without).toFixed(2)} % of a core`);
  const names = Array.from({ length: replicas }, (_, index) => `orders-${index + 1}`);
  const [first, ...others] = names;
  const { program: replica } = await Program.start(stage, 'replica', {
    ...{ directory, dataFolder: `${folder}/replicas`, master: database },
    ...{ name: first, others },
  });
  const withThem = await measure();
  progress.say(`${name}  with ${replicas}: ${percentOf(withThem).toFixed(2)} % of a core`);
  const told = await master.ask<{ replicas: { connected: boolean }[] }>('replicas');
  const connected = told.replicas.filter((each) => each.connected).length;
  if (connected !== replicas) throw new Error(`${connected} replicas are connected in the end`);
  await replica.finish();
  await master.finish();
  await stage.remove(folder);
  const cost = percentOf(withThem) - percentOf(without);
  const remark = `${percentOf(withThem).toFixed(2)} % with them, ${percentOf(without).toFixed(2)} % without`;
  const measured = { row: name, measure: `${title}, of a core`, remark };
  return {
    lines: [limited(measured, { kind: 'under', value: percentMax, unit: '%' }, cost)],
    latencies: [],
    turns: { without, withThem },
  };
}

function percentOf({ cpuSeconds, seconds }: Cpu): number {
  return (cpuSeconds / seconds) * 100;
}
