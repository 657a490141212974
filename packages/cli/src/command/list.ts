// The databases of the data folder.
import { defineCommand } from '../command.js';
import { listText } from '../print/list.js';

export const list = defineCommand({
  name: 'list',
  summary: 'List the databases of the data folder',
  positionals: {},
  options: {},
  examples: [
    ['pamina list', 'name, type, state, position and size of each'],
    ['pamina list --json', 'the same as {"databases":[…]}'],
  ],
  async execute(context) {
    const administration = await context.administrationHere();
    const databases = await context.during('Listing databases', () => administration.list());
    await context.output.result({ databases }, () =>
      databases.length === 0 ? '' : listText(databases),
    );
    if (databases.length === 0) {
      context.output.note(
        `No databases in ${context.places.dataFolder}. "pamina create NAME" makes one.`,
      );
    }
  },
});
