// The status of one database in full, or of all in a table.
import type { Administration, DatabaseStatus } from '@pamina/wire';
import { defineCommand } from '../command.js';
import { statusTable, statusText } from '../print/status.js';

export const status = defineCommand({
  name: 'status',
  summary: 'Show what a database is doing; without a name all of them',
  positionals: { name: { describe: 'Name of the database', optional: true } },
  options: {},
  examples: [
    ['pamina status', 'all databases of the data folder'],
    ['pamina status cities-replica', 'a replica: state, positions and lags against its master'],
    ['pamina status cities --json', 'everything, for programs'],
  ],
  async execute(context, given) {
    const { name } = given;
    if (name === undefined) {
      const administration = await context.administrationHere();
      const databases = await context.during('Asking', () => statusOfAll(administration));
      await context.output.result({ databases }, () =>
        databases.length === 0 ? '' : statusTable(databases),
      );
      if (databases.length === 0) {
        context.output.note(`No databases in ${context.places.dataFolder}.`);
      }
      return;
    }
    const administration = await context.administrationOf(name);
    const found = await context.during('Asking', () => administration.status(name));
    await context.output.result(found, () => statusText(found, context.env.clock.now()));
  },
});

async function statusOfAll(administration: Administration): Promise<DatabaseStatus[]> {
  const statuses: DatabaseStatus[] = [];
  for (const { name } of await administration.list()) {
    statuses.push(await administration.status(name));
  }
  return statuses;
}
