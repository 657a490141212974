// Brings a database online. An unassigned one becomes normal for good.
import { defineCommand } from '../command.js';
import { statusLine } from '../print/status.js';

export const start = defineCommand({
  name: 'start',
  summary: 'Start a database: open it and serve it',
  positionals: { name: { describe: 'Name of the database' } },
  options: {},
  examples: [['pamina start cities', 'bring cities online']],
  async execute(context, given) {
    const administration = await context.administrationOf(given.name);
    const status = await context.during(`Starting ${given.name}`, () =>
      administration.start(given.name),
    );
    await context.output.result(status, () => `Started ${statusLine(status)}`);
  },
});
