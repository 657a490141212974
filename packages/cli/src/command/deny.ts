// Takes a replica's permission back.
import { defineCommand } from '../command.js';

export const deny = defineCommand({
  name: 'deny',
  summary: 'Take the permission to follow a master back from a replica',
  positionals: {
    master: { describe: 'Name of the master' },
    replica: { describe: 'Name of the replica' },
  },
  options: {},
  examples: [['pamina deny cities cities-replica', 'cities-replica stops as not permitted']],
  async execute(context, given) {
    const { master, replica } = given;
    const administration = await context.administrationOf(master);
    await context.during('Denying', () => administration.deny(master, replica));
    await context.output.result(
      { master, replica, permitted: false },
      () => `${replica} may no longer replicate from ${master}`,
    );
  },
});
