// What an administrator reads: the events of a database.
import { jobLogLinesMax } from '@pamina/wire';
import { defineCommand } from '../command.js';
import { wholeNumber } from '../numbers.js';
import { jobEventText } from '../print/job-event.js';

const linesDefault = 50;

export const jobLog = defineCommand({
  name: 'job-log',
  summary: 'Print the job log of a database',
  positionals: { name: { describe: 'Name of the database' } },
  options: {
    follow: { describe: 'Go on with new events until interrupted' },
    lines: { value: 'COUNT', describe: `How many events to begin with; default ${linesDefault}` },
  },
  examples: [
    ['pamina job-log cities', `the newest ${linesDefault} events`],
    ['pamina job-log cities --follow --json', 'all new events, one JSON object a line'],
  ],
  async execute(context, given) {
    const lines = wholeNumber('--lines', given.lines, 0, jobLogLinesMax) ?? linesDefault;
    const { follow } = given;
    const { output, signal } = context;
    const administration = await context.administrationOf(given.name);
    try {
      for await (const event of administration.jobLog(given.name, { lines, follow, signal })) {
        await output.line(output.json ? JSON.stringify(event) : jobEventText(event));
        if (signal.aborted) break;
      }
    } catch (error) {
      // An interruption is how following ends; everything else is an error.
      if (!(follow && context.io.signal?.aborted === true)) throw error;
    }
    if (!follow) signal.throwIfAborted();
  },
});
