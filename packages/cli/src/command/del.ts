// Deletes one entry.
import { defineCommand } from '../command.js';
import { writeOptions, writeOptionsOf } from '../write-options.js';

export const del = defineCommand({
  name: 'del',
  summary: 'Delete one entry; a key that is not there is no error',
  positionals: {
    name: { describe: 'Name of the database' },
    key: { describe: 'Key, as text' },
  },
  options: writeOptions,
  examples: [
    ['pamina del cities 2643743', 'prints the position of the commit'],
    ['pamina del cities 2643743 --replicas 1', 'and one replica has it on its disk by then'],
  ],
  async execute(context, given) {
    const options = writeOptionsOf(given);
    const administration = await context.administrationOf(given.name);
    const done = await context.during('Deleting', () =>
      administration.del(given.name, given.key, ...options),
    );
    await context.output.result(done, () => done.position);
  },
});
