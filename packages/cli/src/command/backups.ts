// The backups of a database, or those that an archive has of it.
import { defineCommand } from '../command.js';
import { printable } from '../print/units.js';
import { backupsText } from '../print/backups.js';

export const backups = defineCommand({
  name: 'backups',
  summary: 'List the backups of a database, newest first',
  positionals: { name: { describe: 'Name of the database' } },
  options: {
    from: { value: 'ARCHIVE', describe: 'In this archive: its name, or address' },
    'credentials-file': { value: 'FILE', describe: 'Keys of an archive given by its address' },
    'identity-file': { value: 'FILE', describe: 'Of age, for one that is encrypted' },
  },
  examples: [
    ['pamina backups cities', 'all backups, the initial one included, and why each is kept'],
    ['pamina backups cities --json', 'as one JSON object'],
    ['pamina backups cities --from main', 'in one of its archives, with what expired there'],
    [
      'pamina backups cities --from ./archive',
      'in an archive, whether or not the database is here',
    ],
  ],
  async execute(context, given) {
    const { name } = given;
    const path = (text: string | undefined): string | undefined =>
      text === undefined ? undefined : context.path(text);
    const from = given.from === undefined ? undefined : context.archive(given.from);
    const administration =
      from === undefined
        ? await context.administrationOf(name)
        : await context.administrationOfArchived(name);
    const found = await context.during('Listing backups', () =>
      administration.backups(name, {
        from,
        credentialsFile: path(given['credentials-file']),
        identityFile: path(given['identity-file']),
      }),
    );
    await context.output.result({ backups: found }, () =>
      found.length === 0 ? '' : backupsText(found),
    );
    const kept = found.find(({ kind, problem }) => kind === 'full' && problem === null)?.folder;
    if (kept !== undefined) {
      context.output.note(
        `${name} was deleted; its backups were kept. Restore one with "pamina create ${name} --from-backup ${printable(kept)}".`,
      );
    }
    if (found.length === 0) {
      context.output.note(
        from === undefined
          ? `${name} has no backups. "pamina backup ${name}" takes one.`
          : `${printable(from)} has no backup of ${name}.`,
      );
    }
  },
});
