// Reads one entry; the value goes out as it is, so that it can be piped.
import { stalenessMsMax } from '@pamina/format';
import { answerWaitMsMax, type GetOptions } from '@pamina/wire';
import { defineCommand } from '../command.js';
import { wholeNumber } from '../numbers.js';

export const get = defineCommand({
  name: 'get',
  summary: 'Print the value of a key',
  positionals: {
    name: { describe: 'Name of the database' },
    key: { describe: 'Key, as text' },
  },
  options: {
    after: { value: 'POSITION', describe: 'Wait until this position is there, of a commit say' },
    'timeout-ms': { value: 'MS', describe: 'How long to wait for it (10000)' },
    'max-staleness-ms': {
      value: 'MS',
      describe: 'Fail if what a replica shows could be older',
    },
  },
  examples: [
    ['pamina get cities 2643743', 'the value; an exit status of its own when there is none'],
    ['pamina get cities-replica 2643743 --after 1/48213', 'on a replica, what was just committed'],
    ['pamina get cities-replica 2643743 --max-staleness-ms 5000', 'at most five seconds old'],
    ['pamina get cities 2643743 --json', '{"key":…,"value":…}'],
  ],
  async execute(context, given) {
    const { name, key } = given;
    const options = demandsOf(given);
    const administration = await context.administrationOf(name);
    const value = await context.during('Reading', () => administration.get(name, key, ...options));
    const { output } = context;
    await output.line(output.json ? JSON.stringify({ key, value }) : value);
  },
});

interface Given {
  readonly after: string | undefined;
  readonly 'timeout-ms': string | undefined;
  readonly 'max-staleness-ms': string | undefined;
}

/** Empty where nothing is asked for. USAGE. */
function demandsOf({ after, ...given }: Given): [] | [GetOptions] {
  const staleness = given['max-staleness-ms'];
  const maxStalenessMs = wholeNumber('--max-staleness-ms', staleness, 0, stalenessMsMax);
  const timeoutMs = wholeNumber('--timeout-ms', given['timeout-ms'], 0, answerWaitMsMax);
  const isPlain = after === undefined && maxStalenessMs === undefined;
  return isPlain ? [] : [{ after, maxStalenessMs, timeoutMs }];
}
