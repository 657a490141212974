// Takes a database offline.
import { stopModes, stopTimeoutMsDefault } from '@pamina/format';
import { defineCommand } from '../command.js';
import { wholeNumber } from '../numbers.js';
import { oneOf } from '../one-of.js';
import { statusLine } from '../print/status.js';

const secondsMax = 24 * 60 * 60;

export const stop = defineCommand({
  name: 'stop',
  summary: 'Stop a database: close it, its files stay',
  positionals: { name: { describe: 'Name of the database' } },
  options: {
    mode: {
      value: 'MODE',
      describe: `What becomes of open transactions: ${stopModes.join(', ')} (normal)`,
    },
    timeout: {
      value: 'SECONDS',
      describe: `How long normal waits for them (${stopTimeoutMsDefault / 1000})`,
    },
  },
  examples: [
    ['pamina stop cities', 'take cities offline once the transactions that are open have ended'],
    ['pamina stop cities --mode rollback', 'now: what is open is rolled back'],
  ],
  notes: [
    'normal: no transaction begins any more, open ones are waited for, and rolled',
    'back when the time is over, which the status says then. Interrupted meanwhile',
    'the database goes on. rollback: calls under way still end. abort: nothing is',
    'waited for. What was acknowledged is never lost.',
  ],
  async execute(context, given) {
    const mode = oneOf('--mode', given.mode, stopModes) ?? 'normal';
    const seconds = wholeNumber('--timeout', given.timeout, 0, secondsMax);
    const timeoutMs = seconds === undefined ? undefined : seconds * 1000;
    const administration = await context.administrationOf(given.name);
    const status = await context.during(`Stopping ${given.name}`, () =>
      administration.stop(given.name, { mode, timeoutMs }),
    );
    await context.output.result(status, () => `Stopped ${statusLine(status)}`);
  },
});
