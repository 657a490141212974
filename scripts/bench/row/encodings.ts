// What the form of the documents costs: JSON text as the peers get it, objects that are encoded on the
// way, and bytes. For information: no goal depends on it.
import { compared, turnsOf } from '../comparison.js';
import { MasterAndReplica, type Encoding } from '../contestants.js';
import { playWith, turnsByName } from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';

const name = 'encodings';
const title = 'durable commits/s by the form of the documents, 64 writers, live replica';
const unit = 'commits/s';
const writers = 64;

const forms: Readonly<Record<Encoding, string>> = {
  utf8: 'JSON text',
  json: 'objects',
  buffer: 'bytes',
};
const encodings = ['utf8', 'json', 'buffer'] as const;

export const encodingsRow: Row = { name, title, run };

async function run(context: RowContext): Promise<RowResult> {
  const { budget, stage } = context;
  const seconds = budget.encodingSeconds / budget.rounds;
  const plan = { row: name, unit, seconds, warmUpSeconds: budget.warmUpSeconds };
  const played = await playWith(
    context,
    plan,
    encodings.map(
      (encoding) => () =>
        MasterAndReplica.start(context, {
          ...{ name: forms[encoding], writers, encoding },
          folder: stage.path(`encodings-${encoding}`),
        }),
    ),
  );
  const others = encodings.filter((encoding) => encoding !== 'utf8');
  return {
    lines: others.map((encoding) =>
      compared(
        {
          ...{ row: name, unit, goal: null },
          measure: `durable commits/s of ${forms[encoding]}, 64 writers, live replica`,
          against: `Pamina, ${forms.utf8}`,
        },
        turnsOf(played, forms[encoding]),
        turnsOf(played, forms.utf8),
      ),
    ),
    latencies: [],
    turns: turnsByName(played),
  };
}
