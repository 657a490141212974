// Builds the store of a database anew from its backup and log.
import { defineCommand } from '../command.js';
import { rebuildText } from '../print/rebuild-report.js';

export const rebuild = defineCommand({
  name: 'rebuild',
  summary: 'Build a damaged or lost store anew from backup and log; nothing acknowledged is lost',
  positionals: { name: { describe: 'Name of the database' } },
  options: {
    'dry-run': { describe: 'Only print what it would be built from' },
    stop: { describe: 'Stop the database for it if it is online, and start it again' },
    'remove-kept': { describe: 'Remove the stores that were kept aside, and do nothing else' },
  },
  examples: [
    ['pamina rebuild cities --dry-run', 'from which backup, through how much log'],
    ['pamina rebuild cities --stop', 'of a database that is online'],
    ['pamina rebuild cities --remove-kept', 'when the old store is not needed any more'],
  ],
  notes: ['The database stays on its timeline: replicas and backups of it stay good.'],
  async execute(context, given) {
    const { name, stop } = given;
    const request = { dryRun: given['dry-run'], removeKept: given['remove-kept'], stop };
    const administration = await context.administrationOf(name);
    const report = await context.during(`Rebuilding ${name}`, (progress) =>
      administration.rebuild(name, request, progress, context.signal),
    );
    await context.output.result({ ...report, dryRun: request.dryRun }, () =>
      rebuildText(name, report, request),
    );
  },
});
