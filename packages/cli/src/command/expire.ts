// Removes the backups that no rule keeps, and says why the others stay.
import { defineCommand } from '../command.js';
import type { Context } from '../context.js';
import { expireText } from '../print/expire.js';

export const expire = defineCommand({
  name: 'expire',
  summary: 'Remove the backups that no rule keeps, and say why the others stay',
  positionals: { name: { describe: 'Name of the database' } },
  options: {
    from: { value: 'ARCHIVE', describe: 'In this archive of the database: its name, or address' },
    'dry-run': { describe: 'Only print what would be removed and kept, and why' },
  },
  examples: [
    ['pamina expire cities --dry-run', 'what would go, and why each other one stays'],
    ['pamina expire cities', 'remove it'],
    ['pamina expire cities --from cloud --dry-run', 'the same in one of its archives'],
    ['pamina expire cities --from ./archive', 'backups there, and the log that none of them needs'],
  ],
  notes: [
    'What expires in an archive leaves its list at once, and is removed by the first run',
    'archiveKeepHours (24) later: restores elsewhere have so long to finish.',
  ],
  async execute(context, given) {
    const { name } = given;
    const from = archiveOf(context, given.from);
    const administration = await context.administrationOf(name);
    const report = await context.during(
      `Expiry of the backups of ${name}${from === undefined ? '' : ` in ${from}`}`,
      () => administration.expire(name, { dryRun: given['dry-run'], from }),
    );
    await context.output.result(report, () => expireText(report));
  },
});

/** A name, an address, or the path of a folder, which is meant from where the command was given. */
function archiveOf(context: Context, text: string | undefined): string | undefined {
  const isPath = text !== undefined && /[\\/]/.test(text) && !/^[a-z0-9]+:\/\//i.test(text);
  return isPath ? context.path(text) : text;
}
