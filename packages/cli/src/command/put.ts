// Writes one entry.
import { defineCommand } from '../command.js';

export const put = defineCommand({
  name: 'put',
  summary: 'Write one entry',
  positionals: {
    name: { describe: 'Name of the database' },
    key: { describe: 'Key, as text' },
    value: { describe: 'Value, as text' },
  },
  options: {},
  examples: [
    ['pamina put cities 2643743 \'{"name":"London"}\'', 'prints the position of the commit'],
    ['pamina put cities -- --odd-key --odd-value', 'after -- nothing is an option'],
  ],
  async execute(context, given) {
    const administration = await context.administrationOf(given.name);
    const done = await context.during('Writing', () =>
      administration.put(given.name, given.key, given.value),
    );
    await context.output.result(done, () => done.position);
  },
});
