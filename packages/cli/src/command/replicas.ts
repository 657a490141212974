// The replicas of a master, permitted and seen.
import { defineCommand } from '../command.js';
import { replicasText } from '../print/replicas.js';

export const replicas = defineCommand({
  name: 'replicas',
  summary: 'List the replicas of a master: permitted, connected, how far behind',
  positionals: { master: { describe: 'Name of the master' } },
  options: {},
  examples: [['pamina replicas cities', 'state, positions and lag of each replica']],
  async execute(context, given) {
    const administration = await context.administrationOf(given.master);
    const found = await context.during('Listing replicas', () =>
      administration.replicas(given.master),
    );
    await context.output.result({ replicas: found }, () =>
      found.length === 0 ? '' : replicasText(found),
    );
    if (found.length === 0) {
      context.output.note(
        `${given.master} has no replicas. "pamina allow ${given.master} NAME" permits one.`,
      );
    }
  },
});
