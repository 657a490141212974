// Gives a database another name, for example the name of the master that it replaces.
import { defineCommand } from '../command.js';
import { statusLine } from '../print/status.js';

export const rename = defineCommand({
  name: 'rename',
  summary: 'Rename a database',
  positionals: {
    name: { describe: 'Name of the database' },
    new: { describe: 'Its new name' },
  },
  options: {},
  examples: [['pamina rename cities-replica cities', 'after a reset: take over the name']],
  async execute(context, given) {
    const administration = await context.administrationOf(given.name);
    const status = await context.during(`Renaming ${given.name}`, () =>
      administration.rename(given.name, given.new),
    );
    await context.output.result(status, () => `Renamed ${given.name} to ${statusLine(status)}`);
  },
});
