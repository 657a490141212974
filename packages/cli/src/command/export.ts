// All entries as NDJSON on stdout, from one consistent snapshot.
import { defineCommand } from '../command.js';

/** Lines are gathered up to this size before they are written: one write a line is slow. */
const gatheredCharactersMax = 64 * 1024;

export const exportEntries = defineCommand({
  name: 'export',
  summary: 'Print all entries, one JSON object a line: {"key":…,"value":…}',
  positionals: { name: { describe: 'Name of the database' } },
  options: { prefix: { value: 'TEXT', describe: 'Only entries whose key begins so' } },
  examples: [
    ['pamina export cities > cities.ndjson', 'all entries in key order'],
    ['pamina export cities --prefix austria/', 'those of one collection'],
    [
      'pamina export cities | pamina import copy - --key key --value value',
      'into another database',
    ],
  ],
  async execute(context, given) {
    const { output, signal } = context;
    const { prefix } = given;
    const administration = await context.administrationOf(given.name);
    let gathered = '';
    for await (const { key, value } of administration.exportEntries(given.name, { prefix })) {
      signal.throwIfAborted();
      gathered += `${JSON.stringify({ key, value })}\n`;
      if (gathered.length < gatheredCharactersMax) continue;
      await output.raw(gathered);
      gathered = '';
    }
    if (gathered !== '') await output.raw(gathered);
  },
});
