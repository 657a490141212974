// The status of one database in full, or of all in a table.
import type { Administration, DatabaseStatus } from '@pamina/wire';
import { type PaminaError, toPaminaError } from '@pamina/format';
import { defineCommand } from '../command.js';
import type { Context } from '../context.js';
import { failureText } from '../print/failure.js';
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
    if (name === undefined) return statusOfAll(context);
    const administration = await context.administrationOf(name);
    const found = await context.during('Asking', () => administration.status(name));
    await context.output.result(found, () => statusText(found, context.env.clock.now()));
    return 0;
  },
});

/** One that cannot be asked hides no other: it is reported after them, and in the exit status. */
async function statusOfAll(context: Context): Promise<number> {
  const { output, places } = context;
  const administration = await context.administrationHere();
  const { databases, failures } = await context.during('Asking', () => askAll(administration));
  const errors = failures.map(({ name, error: { code, message, hint } }) => {
    return { name, error: { code, message, hint } };
  });
  await output.result({ databases, errors }, () =>
    databases.length === 0 ? '' : statusTable(databases),
  );
  for (const { error } of failures) output.note(failureText(error));
  if (databases.length + failures.length === 0) {
    output.note(`No databases in ${places.dataFolder}.`);
  }
  return failures[0]?.error.exitStatus ?? 0;
}

interface Answers {
  readonly databases: DatabaseStatus[];
  readonly failures: { readonly name: string; readonly error: PaminaError }[];
}

async function askAll(administration: Administration): Promise<Answers> {
  const answers: Answers = { databases: [], failures: [] };
  for (const { name } of await administration.list()) {
    try {
      answers.databases.push(await administration.status(name));
    } catch (error) {
      answers.failures.push({ name, error: toPaminaError(error) });
    }
  }
  return answers;
}
