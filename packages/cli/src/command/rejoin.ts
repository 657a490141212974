// An old master comes back as a replica of the one that took its place.
import { defineCommand } from '../command.js';
import { rejoinText } from '../print/failover-report.js';

export const rejoin = defineCommand({
  name: 'rejoin',
  summary:
    'Make an old master the replica of who took its place; what only it has is kept in a file',
  positionals: { name: { describe: 'Name of the old master' } },
  options: {
    as: { value: 'NAME', describe: 'What it is called as a replica; by default NAME-old' },
    master: { value: 'MASTER', describe: 'Whom it follows; by default who has its name' },
    'accept-loss': {
      describe:
        'Also where its log has not all any more that only it has; its files of before are kept',
    },
    'dry-run': { describe: 'Only say where the histories part and what only the old master has' },
  },
  examples: [
    ['pamina rejoin cities --dry-run', 'how many commits never left it'],
    ['pamina rejoin cities', 'it follows the new cities, as cities-old'],
    ['pamina rejoin cities --as cities-replica', 'under the name that the new master had'],
  ],
  async execute(context, given) {
    const { as, master, name } = given;
    const acceptLoss = given['accept-loss'] || undefined;
    const options = { as, master, acceptLoss, dryRun: given['dry-run'] || undefined };
    const administration = await context.administrationHere();
    const report = await context.during(`Rejoining ${name}`, (progress) =>
      administration.rejoin(name, options, progress),
    );
    await context.output.result(report, () => rejoinText(report));
  },
});
