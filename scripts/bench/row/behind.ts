// A replica whose process was stopped comes back to a master that has committed meanwhile: counted from the
// start of its process until it is level, beside a standby of PostgreSQL that is as far behind.
import { atLeast, compared, turnsOf, withoutPeer } from '../comparison.js';
import { MasterAndReplica } from '../contestants.js';
import { FailingPostgres } from '../peer/failing-postgres.js';
import { becomeQuiet, playWith, turnsByName, type Contestant } from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';

const name = 'behind';
const title = 'catch-up of a stopped replica from the start of its process, commits/s';
const unit = 'commits/s';
const ours = 'Pamina';
const peer = 'PostgreSQL';

export const behind: Row = { name, title, run };

interface Returning {
  comeBack: FailingPostgres['comeBack'];
  close(): Promise<void>;
}

async function run(context: RowContext): Promise<RowResult> {
  const { peers, stage } = context;
  const { postgres: programs } = peers;
  const paminaFolder = stage.path('behind-pamina');
  const pamina = { name: ours, writers: 0, folder: paminaFolder };
  const builders = [
    async () => contestant(context, ours, await MasterAndReplica.start(context, pamina)),
    ...(programs === null
      ? []
      : [
          async () => {
            const place = { programs, folder: stage.path('behind-postgres') };
            return contestant(context, peer, await FailingPostgres.start(stage, place));
          },
        ]),
  ];
  const plan = { row: name, unit, seconds: 0, warmUpSeconds: 0 };
  const played = await playWith(context, plan, builders);
  const against = 'PostgreSQL, a stopped standby, pgbench';
  const comparison = { row: name, measure: title, against, unit, goal: atLeast(2) };
  const turns = turnsOf(played, ours);
  const line =
    programs === null
      ? withoutPeer(comparison, peer, turns)
      : compared(comparison, turns, turnsOf(played, peer));
  return { lines: [line], latencies: [], turns: turnsByName(played) };
}

function contestant(context: RowContext, called: string, pair: Returning): Contestant {
  const { missedCommits } = context.budget;
  return {
    name: called,
    turn: ({ seed }) => pair.comeBack(missedCommits, seed, () => becomeQuiet(context)),
    close: () => pair.close(),
  };
}
