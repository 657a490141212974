// Lets a paused replica apply again what it has received.
import { defineCommand } from '../command.js';
import { statusLine } from '../print/status.js';

export const resume = defineCommand({
  name: 'resume',
  summary: 'Let a paused replica apply again, after its delay if it has one',
  positionals: { name: { describe: 'Name of the replica' } },
  options: {},
  examples: [['pamina resume cities-replica', 'it applies what waits and goes on']],
  async execute(context, { name }) {
    const administration = await context.administrationOf(name);
    const status = await context.during(`Resuming ${name}`, async () => {
      await administration.set(name, 'applyPaused', 'false');
      return administration.status(name);
    });
    await context.output.result(status, () => statusLine(status));
  },
});
