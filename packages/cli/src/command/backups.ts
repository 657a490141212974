// The backups of a database.
import { defineCommand } from '../command.js';
import { printable } from '../print/units.js';
import { backupsText } from '../print/backups.js';

export const backups = defineCommand({
  name: 'backups',
  summary: 'List the backups of a database, newest first',
  positionals: { name: { describe: 'Name of the database' } },
  options: {},
  examples: [
    ['pamina backups cities', 'all backups, the initial one included, and why each is kept'],
    ['pamina backups cities --json', 'as one JSON object'],
  ],
  async execute(context, given) {
    const administration = await context.administrationOf(given.name);
    const found = await context.during('Listing backups', () => administration.backups(given.name));
    await context.output.result({ backups: found }, () =>
      found.length === 0 ? '' : backupsText(found),
    );
    const kept = found.find(({ kind, problem }) => kind === 'full' && problem === null)?.folder;
    if (kept !== undefined) {
      context.output.note(
        `${given.name} was deleted; its backups were kept. Restore one with "pamina create ${given.name} --from-backup ${printable(kept)}".`,
      );
    }
    if (found.length === 0) {
      context.output.note(`${given.name} has no backups. "pamina backup ${given.name}" takes one.`);
    }
  },
});
