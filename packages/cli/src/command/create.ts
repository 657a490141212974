// Creates a database, empty (with its initial backup) or from a backup.
import { defineCommand } from '../command.js';
import { statusLine } from '../print/status.js';

export const create = defineCommand({
  name: 'create',
  summary: 'Create a database, empty or from a backup',
  positionals: { name: { describe: 'Name of the new database' } },
  options: {
    'from-backup': {
      value: 'PATH|URL',
      describe: 'Folder or URL of a backup; pamina://NAME is the newest backup of that database',
    },
  },
  examples: [
    ['pamina create cities', 'an empty database'],
    ['pamina create copy --from-backup ./pamina-data/cities/backups/0000000000048213-1', 'a copy'],
    ['pamina create cities-replica --from-backup pamina://cities', 'the first step to a replica'],
  ],
  async execute(context, given) {
    const fromBackup = given['from-backup'];
    // A path is the user's, below the folder where the command runs; the server runs elsewhere.
    const source =
      fromBackup === undefined || /^[a-z]+:\/\//i.test(fromBackup)
        ? fromBackup
        : context.path(fromBackup);
    const administration = await context.administrationHere();
    const status = await context.during(`Creating ${given.name}`, (progress) =>
      administration.create(given.name, { fromBackup: source }, progress),
    );
    await context.output.result(status, () => `Created ${statusLine(status)}`);
    if (status.type === 'unassigned') {
      context.output.note(
        `It is unassigned: "pamina start ${status.name}" makes it a normal database for good, ` +
          `"pamina replicate ${status.name} --master NAME" a replica.`,
      );
    }
  },
});
