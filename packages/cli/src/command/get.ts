// Reads one entry; the value goes out as it is, so that it can be piped.
import { defineCommand } from '../command.js';
import { readOptions, readOptionsOf } from '../read-options.js';

export const get = defineCommand({
  name: 'get',
  summary: 'Print the value of a key',
  positionals: {
    name: { describe: 'Name of the database' },
    key: { describe: 'Key, as text' },
  },
  options: readOptions,
  examples: [
    ['pamina get cities 2643743', 'the value; an exit status of its own when there is none'],
    ['pamina get cities-replica 2643743 --after 1/48213', 'on a replica, what was just committed'],
    ['pamina get cities-replica 2643743 --max-staleness-ms 5000', 'at most five seconds old'],
    ['pamina get cities 2643743 --json', '{"key":…,"value":…}'],
  ],
  async execute(context, given) {
    const { name, key } = given;
    const options = readOptionsOf(given);
    const administration = await context.administrationOf(name);
    const value = await context.during('Reading', () => administration.get(name, key, ...options));
    const { output } = context;
    await output.line(output.json ? JSON.stringify({ key, value }) : value);
  },
});
