// The open after a kill -9: Pamina replays its log. Beside it a raw LevelDB, killed after the same
// records, which is opened and given them once more.
import { atLeast, compared, turnsOf } from '../comparison.js';
import { Program } from '../program.js';
import { becomeQuiet, playWith, turnsByName, type Contestant, type Turn } from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';

const name = 'recovery';
const title = 'recovery at open (replay), records/s';
const unit = 'records/s';
const ours = 'Pamina';
const raw = 'classic-level';
/** Large enough that no segment is closed, which would be a checkpoint: all records are replayed. */
const segmentBytes = 2 ** 30;

export const recovery: Row = { name, title, run };

async function run(context: RowContext): Promise<RowResult> {
  const plan = { row: name, unit, seconds: 0, warmUpSeconds: 0 };
  const contestants = [contestant(context, ours), contestant(context, raw)];
  const builders = contestants.map((each) => () => Promise.resolve(each));
  const played = await playWith(context, plan, builders);
  const turns = turnsOf(played, ours);
  const least = Math.min(...turns.map(({ operations }) => operations));
  const { records } = context.budget;
  const comparison = {
    ...{ row: name, measure: title, unit, goal: atLeast(0.8) },
    against: 'raw classic-level, chained batches of 1,000, same options and state',
    remark: least < records ? `only ${least} of ${records} had to be replayed` : undefined,
  };
  return {
    lines: [compared(comparison, turns, turnsOf(played, raw))],
    latencies: [],
    turns: turnsByName(played),
  };
}

/** A database of its own in each round. */
function contestant(context: RowContext, which: typeof ours | typeof raw): Contestant {
  const { stage } = context;
  const engine = which === ours ? 'pamina' : 'classic-level';
  return {
    name: which,
    turn: async ({ seed }) => {
      const folder = stage.path(`recovery-${engine}-${seed}`);
      await (engine === 'pamina' ? killPamina : killRaw)(context, folder, seed);
      await becomeQuiet(context);
      const { program, ready } = await recover(context, engine, folder, seed);
      await program.finish();
      await stage.remove(folder);
      return { operations: ready.records, seconds: ready.seconds, latency: null };
    },
    close: () => Promise.resolve(),
  };
}

type Recovered = Pick<Turn, 'seconds'> & { readonly records: number; readonly ready: true };

function recover(
  { stage, storeOptions, budget }: RowContext,
  engine: string,
  folder: string,
  seed: number,
): Promise<{ program: Program; ready: Recovered }> {
  const { records } = budget;
  const configuration = { engine, folder, storeOptions, records, seed, segmentBytes };
  return Program.start<Recovered>(stage, 'recover', configuration);
}

async function killPamina(
  { stage, budget }: RowContext,
  folder: string,
  seed: number,
): Promise<void> {
  const { program } = await Program.start(stage, 'puts', {
    ...{ engine: 'pamina', folder, segmentBytes, encoding: 'utf8', writers: 0 },
  });
  await program.ask('fill', { records: budget.records, seed });
  await program.kill();
}

async function killRaw(
  { stage, budget, storeOptions }: RowContext,
  folder: string,
  seed: number,
): Promise<void> {
  const { program } = await Program.start(stage, 'batches', { folder, storeOptions });
  await program.ask('write', { records: budget.records, seed });
  await program.kill();
}
