// Removes a database with its files.
import { defineCommand } from '../command.js';
import { printable } from '../print/units.js';

export const deleteDatabase = defineCommand({
  name: 'delete',
  summary: 'Delete a database and its files, with or without its backups',
  positionals: { name: { describe: 'Name of the database' } },
  options: {
    'keep-backups': {
      describe: 'Move its backups to DATA/.kept-backups; `pamina backups NAME` lists them still',
    },
    'dry-run': { describe: 'Only print what would be removed and kept' },
  },
  examples: [
    ['pamina delete cities --dry-run', 'what would go'],
    ['pamina delete cities --keep-backups', 'all but the backups'],
  ],
  async execute(context, given) {
    const { name } = given;
    const dryRun = given['dry-run'];
    const administration = await context.administrationOf(name);
    const report = await context.during(`Deleting ${name}`, () =>
      administration.delete(name, { keepBackups: given['keep-backups'], dryRun }),
    );
    const verb = dryRun ? ['would remove', 'would keep'] : ['removed', 'kept'];
    await context.output.result({ ...report, dryRun }, () =>
      [
        ...report.removed.map((path) => `${verb[0]}  ${printable(path)}`),
        ...report.kept.map((path) => `${verb[1]}  ${printable(path)}`),
        ...(report.archives ?? []).map(({ address }) => `${verb[1]}  ${printable(address)}`),
      ].join('\n'),
    );
    for (const { address, problem } of report.archives ?? []) {
      if (problem === null) continue;
      const what = `The archive ${printable(address)} was not told that nothing comes any more: ${printable(problem)}.`;
      context.output.note(`${what} To expire it takes --abandoned.`);
    }
    if (report.kept.length > 0 && !dryRun) {
      context.output.note(`"pamina backups ${name}" lists the backups that were kept.`);
    }
  },
});
