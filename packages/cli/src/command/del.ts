// Deletes one entry.
import { defineCommand } from '../command.js';

export const del = defineCommand({
  name: 'del',
  summary: 'Delete one entry; a key that is not there is no error',
  positionals: {
    name: { describe: 'Name of the database' },
    key: { describe: 'Key, as text' },
  },
  options: {},
  examples: [['pamina del cities 2643743', 'prints the position of the commit']],
  async execute(context, given) {
    const administration = await context.administrationOf(given.name);
    const done = await context.during('Deleting', () => administration.del(given.name, given.key));
    await context.output.result(done, () => done.position);
  },
});
