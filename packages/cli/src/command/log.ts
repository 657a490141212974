// Prints the records of the log.
import { defineCommand } from '../command.js';
import { wholeNumber } from '../numbers.js';
import { logLineText } from '../print/log-line.js';

export const log = defineCommand({
  name: 'log',
  summary: 'Print the records of the log, one a line',
  positionals: { name: { describe: 'Name of the database' } },
  options: {
    from: { value: 'SEQ', describe: 'First record; default the oldest that is still there' },
    limit: { value: 'COUNT', describe: 'At most so many records' },
  },
  examples: [
    ['pamina log cities --limit 20', 'position, time, kind, bytes and keys of each record'],
    ['pamina log cities --from 48213 --json', 'from a record on, one JSON object a line'],
  ],
  async execute(context, given) {
    const from = wholeNumber('--from', given.from, 1, Number.MAX_SAFE_INTEGER);
    const limit = wholeNumber('--limit', given.limit, 1, Number.MAX_SAFE_INTEGER);
    const { output, signal } = context;
    const administration = await context.administrationOf(given.name);
    for await (const line of administration.log(given.name, { from, limit })) {
      signal.throwIfAborted();
      await output.line(output.json ? JSON.stringify(line) : logLineText(line));
    }
  },
});
