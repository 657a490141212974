// Permits a replica on its master; the name need not exist yet.
import { defineCommand } from '../command.js';

export const allow = defineCommand({
  name: 'allow',
  summary: 'Permit a replica on its master (also ahead of its creation)',
  positionals: {
    master: { describe: 'Name of the master' },
    replica: { describe: 'Name of the replica' },
  },
  options: {
    'simultaneous-query': { describe: 'Permit queries on the replica while it replays' },
  },
  examples: [['pamina allow cities cities-replica', 'cities-replica may follow cities']],
  async execute(context, given) {
    const { master, replica } = given;
    const simultaneousQuery = given['simultaneous-query'];
    const administration = await context.administrationOf(master);
    await context.during('Permitting', () =>
      administration.allow(master, replica, { simultaneousQuery }),
    );
    await context.output.result(
      { master, replica, permitted: true, simultaneousQuery },
      () => `${replica} may replicate from ${master}`,
    );
  },
});
