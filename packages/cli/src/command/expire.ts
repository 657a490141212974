// Removes the backups that no rule keeps, and says why the others stay.
import { defineCommand } from '../command.js';
import { expireText } from '../print/expire.js';

export const expire = defineCommand({
  name: 'expire',
  summary: 'Remove the backups that no rule keeps, and say why the others stay',
  positionals: { name: { describe: 'Name of the database' } },
  options: {
    'dry-run': { describe: 'Only print what would be removed and kept, and why' },
  },
  examples: [
    ['pamina expire cities --dry-run', 'what would go, and why each other one stays'],
    ['pamina expire cities', 'remove it'],
  ],
  async execute(context, given) {
    const { name } = given;
    const administration = await context.administrationOf(name);
    const report = await context.during(`Expiry of the backups of ${name}`, () =>
      administration.expire(name, { dryRun: given['dry-run'] }),
    );
    await context.output.result(report, () => expireText(report));
  },
});
