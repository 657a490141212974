// Stops a replica from applying what it receives, before a mistake of the master reaches its data.
import { defineCommand } from '../command.js';
import { statusLine } from '../print/status.js';

export const pause = defineCommand({
  name: 'pause',
  summary: 'Have a replica receive and not apply, until it is resumed',
  positionals: { name: { describe: 'Name of the replica' } },
  options: {},
  examples: [['pamina pause cities-replica', 'nothing is applied any more; all is received']],
  async execute(context, { name }) {
    const administration = await context.administrationOf(name);
    const status = await context.during(`Pausing ${name}`, async () => {
      await administration.set(name, 'applyPaused', 'true');
      return administration.status(name);
    });
    await context.output.result(status, () => statusLine(status));
  },
});
