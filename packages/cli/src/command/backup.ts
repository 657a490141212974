// Takes a full backup while writers go on.
import { defineCommand } from '../command.js';
import { countOf, formatBytes, printable } from '../print/units.js';

export const backup = defineCommand({
  name: 'backup',
  summary: 'Take a backup, online or offline',
  positionals: { name: { describe: 'Name of the database' } },
  options: {
    tag: { value: 'TAG', describe: 'Names the backup, and keeps it past its generation' },
  },
  examples: [
    ['pamina backup cities', 'a full backup'],
    ['pamina backup cities --tag before-upgrade', 'one to find again'],
  ],
  async execute(context, given) {
    const administration = await context.administrationOf(given.name);
    const taken = await context.during(`Backup of ${given.name}`, (progress) =>
      administration.backup(given.name, { tag: given.tag }, progress, context.signal),
    );
    await context.output.result(taken, () => {
      const tag = taken.tag === null ? '' : `, tag ${printable(taken.tag)}`;
      const entries =
        taken.entries === null ? '' : `${countOf(taken.entries, 'entry', 'entries')}, `;
      return (
        `Backup ${printable(taken.id)} of ${given.name} at position ${taken.position ?? 'none'}: ` +
        `${entries}${formatBytes(taken.bytes)} stored${tag}`
      );
    });
  },
});
