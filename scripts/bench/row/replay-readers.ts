// What queries beside it cost replay: a replica catches up with nobody, 4 and 16 who read all the time, under locks
// and in snapshots. For information: no goal depends on it.
import { compared, turnsOf } from '../comparison.js';
import { MasterAndReplica, type ReaderSetting } from '../contestants.js';
import { becomeQuiet, playWith, turnsByName } from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';

const name = 'replay-readers';
const title = 'records/s replayed beside readers';
const unit = 'records/s';
const alone = 'no readers';
const settings: readonly ReaderSetting[] = [
  { readers: 4, isolation: 'committedCommand' },
  { readers: 16, isolation: 'committedCommand' },
  { readers: 4, isolation: 'snapshot' },
  { readers: 16, isolation: 'snapshot' },
];

export const replayReaders: Row = { name, title, run };

async function run(context: RowContext): Promise<RowResult> {
  const plan = { row: name, unit, seconds: 0, warmUpSeconds: 0 };
  const nobody: ReaderSetting = { readers: 0, isolation: 'snapshot' };
  const builders = [
    () => contestant(context, alone, nobody),
    ...settings.map((setting) => () => contestant(context, nameOf(setting), setting)),
  ];
  const played = await playWith(context, plan, builders);
  return {
    lines: settings.map((setting) =>
      compared(
        {
          ...{ row: name, unit, goal: null },
          measure: `records/s replayed beside ${nameOf(setting)}`,
          against: `Pamina, ${alone}`,
        },
        turnsOf(played, nameOf(setting)),
        turnsOf(played, alone),
      ),
    ),
    latencies: [],
    turns: turnsByName(played),
  };
}

function nameOf({ isolation, readers }: ReaderSetting): string {
  return `${readers} readers at ${isolation}`;
}

async function contestant(context: RowContext, who: string, setting: ReaderSetting) {
  const { budget, stage } = context;
  const pair = await MasterAndReplica.start(context, {
    ...{ name: who, writers: 0, simultaneousQuery: true },
    folder: stage.path(`${name}-${setting.readers}-${setting.isolation}`),
  });
  return {
    name: who,
    turn: ({ seed }: { readonly seed: number }) =>
      pair.catchUp(budget.records, seed, () => becomeQuiet(context), setting),
    close: () => pair.close(),
  };
}
