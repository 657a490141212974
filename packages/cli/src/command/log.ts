// Prints the records of the log, all of them or those around the moment that somebody looks for.
import { defineCommand } from '../command.js';
import { wholeNumber } from '../numbers.js';
import { logLineText } from '../print/log-line.js';
import { timeOf } from '../times.js';

export const log = defineCommand({
  name: 'log',
  summary: 'Print the records of the log, one a line; --around and --grep find a moment',
  positionals: { name: { describe: 'Name of the database' } },
  options: {
    from: { value: 'SEQ', describe: 'First record; default the oldest that is still there' },
    limit: { value: 'COUNT', describe: 'At most so many records; with --around 20' },
    around: {
      value: 'TIME',
      describe: 'The records before and after it: 14:32, ISO 8601, or -2h',
    },
    grep: { value: 'KEY', describe: 'Only commits that touch a key which holds this text' },
    source: {
      value: 'PLACE',
      describe:
        'Read this log instead: of an archive (its name, /PATH or s3://…), folder of a database or of a copy, or pamina://NAME',
    },
  },
  examples: [
    ['pamina log cities --limit 20', 'position, time, kind, bytes and keys of each record'],
    ['pamina log cities --from 48213 --json', 'from a record on, one JSON object a line'],
    ['pamina log cities --around 14:32 --grep austria/', 'what was done to these keys by then'],
    ['pamina log cities --source /mnt/safe/cities --around -2h', 'in what was copied elsewhere'],
  ],
  async execute(context, given) {
    const { name } = given;
    const from = wholeNumber('--from', given.from, 1, Number.MAX_SAFE_INTEGER);
    const limit = wholeNumber('--limit', given.limit, 1, Number.MAX_SAFE_INTEGER);
    const { output, signal } = context;
    const around =
      given.around === undefined
        ? undefined
        : timeOf('--around', given.around, context.env.clock.now());
    const source = given.source === undefined ? undefined : context.archive(given.source);
    const administration =
      source === undefined || !/[\\/]/.test(source)
        ? await context.administrationOf(name)
        : await context.administrationHere();
    const options = { from, limit, around, grep: given.grep, source };
    for await (const line of administration.log(name, options)) {
      signal.throwIfAborted();
      await output.line(output.json ? JSON.stringify(line) : logLineText(line));
    }
    if (around === undefined && given.grep === undefined) return;
    output.note(
      `The state before a record: "pamina restore ${name} --as OTHER --until-position TIMELINE/SEQ" with its number less one.`,
    );
  },
});
