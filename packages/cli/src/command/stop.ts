// Takes a database offline.
import { defineCommand } from '../command.js';
import { statusLine } from '../print/status.js';

export const stop = defineCommand({
  name: 'stop',
  summary: 'Stop a database: close it, its files stay',
  positionals: { name: { describe: 'Name of the database' } },
  options: {},
  examples: [['pamina stop cities', 'take cities offline']],
  async execute(context, given) {
    const administration = await context.administrationOf(given.name);
    const status = await context.during(`Stopping ${given.name}`, () =>
      administration.stop(given.name),
    );
    await context.output.result(status, () => `Stopped ${statusLine(status)}`);
  },
});
