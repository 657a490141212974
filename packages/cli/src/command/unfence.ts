// A master that was told to stop for a failover takes writes again.
import { defineCommand } from '../command.js';
import { statusLine } from '../print/status.js';

export const unfence = defineCommand({
  name: 'unfence',
  summary: 'Let a fenced master take writes again, after a failover that was given up',
  positionals: { name: { describe: 'Name of the database' } },
  options: {},
  examples: [['pamina unfence cities', 'refused while another database has the name']],
  notes: ['Where a replica has taken over and was written to, two histories go on side by side.'],
  async execute(context, { name }) {
    const administration = await context.administrationHere();
    const status = await context.during(`Taking the fence of ${name} away`, () =>
      administration.unfence(name),
    );
    await context.output.result(status, () => statusLine(status));
  },
});
