// Makes a database the replica of a master; does all three steps when it does not exist yet.
import { defineCommand } from '../command.js';
import { isPaminaError } from '@pamina/format';
import type { Administration } from '@pamina/wire';
import type { Context } from '../context.js';
import { statusLine } from '../print/status.js';

export const replicate = defineCommand({
  name: 'replicate',
  summary: 'Follow a master; creates the replica from its newest backup if it does not exist',
  positionals: { name: { describe: 'Name of the replica' } },
  options: {
    master: { value: 'MASTER', describe: 'Name of the master', required: true },
    'simultaneous-query': {
      describe: 'Answer queries while replaying (for now snapshot reads only)',
    },
    recreate: { describe: 'Build the copy anew from the newest backup of the master' },
  },
  examples: [
    ['pamina replicate cities-replica --master cities', 'in one step: create, permit, follow'],
    ['pamina replicate cities-replica --master cities --recreate', 'out of diverged or log-gone'],
  ],
  async execute(context, given) {
    const { name, master } = given;
    const simultaneousQuery = given['simultaneous-query'];
    const administration = await administrationFor(context, name);
    const status = await context.during(`Replicating ${name} from ${master}`, (progress) =>
      administration.replicate(
        name,
        // Not given: a replica that is one already keeps what it has.
        {
          master,
          simultaneousQuery: simultaneousQuery || undefined,
          recreate: given.recreate,
        },
        progress,
      ),
    );
    await context.output.result(status, () => `${statusLine(status)}, replica of ${master}`);
    if (simultaneousQuery) {
      context.output.note(
        'Simultaneous query is permitted: the replica answers snapshot reads while it replays.',
      );
    }
  },
});

/** A name that is nowhere yet is created here. */
async function administrationFor(context: Context, name: string): Promise<Administration> {
  try {
    return await context.administrationOf(name);
  } catch (error) {
    if (!isPaminaError(error, 'DATABASE_NOT_FOUND')) throw error;
    return context.administrationHere();
  }
}
