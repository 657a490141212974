// Writes one entry.
import { defineCommand } from '../command.js';
import { writeOptions, writeOptionsOf } from '../write-options.js';

export const put = defineCommand({
  name: 'put',
  summary: 'Write one entry',
  positionals: {
    name: { describe: 'Name of the database' },
    key: { describe: 'Key, as text' },
    value: { describe: 'Value, as text' },
  },
  options: writeOptions,
  examples: [
    ['pamina put cities 2643743 \'{"name":"London"}\'', 'prints the position of the commit'],
    ['pamina put cities 2643743 "{}" --replicas 1', 'and one replica has it on its disk by then'],
    ['pamina put cities -- --odd-key --odd-value', 'after -- nothing is an option'],
  ],
  async execute(context, given) {
    const options = writeOptionsOf(given);
    const administration = await context.administrationOf(given.name);
    const done = await context.during('Writing', () =>
      administration.put(given.name, given.key, given.value, ...options),
    );
    await context.output.result(done, () => done.position);
  },
});
