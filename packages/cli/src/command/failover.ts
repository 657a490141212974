// A replica takes its master's place, planned or because the master is gone.
import { failoverTimeoutMsDefault } from '@pamina/wire';
import { defineCommand } from '../command.js';
import { wholeNumber } from '../numbers.js';
import { failoverText } from '../print/failover-report.js';

const secondsMax = 86_400;

export const failover = defineCommand({
  name: 'failover',
  summary: 'Let a replica take its master’s place and name; loses nothing if the master is there',
  positionals: { master: { describe: 'Name of the master' } },
  options: {
    to: { value: 'REPLICA', describe: 'This replica; by default the most advanced healthy one' },
    'accept-loss': {
      describe: 'Even where another replica, or the stopped master, has more of the log',
    },
    timeout: {
      value: 'SECONDS',
      describe: `For the rest of the master’s log (default ${failoverTimeoutMsDefault / 1000})`,
    },
    'dry-run': { describe: 'Only say which replica would take over, and why the others would not' },
  },
  examples: [
    ['pamina failover cities --dry-run', 'who would take over, and what would be lost'],
    ['pamina failover cities --to cities-replica', 'a planned switchover: nothing is lost'],
    ['pamina failover cities', 'the master is gone; run it again if it was cut short'],
  ],
  notes: [
    'Every server that takes part must share one directory (--directory). Run on any of them.',
    'The old master comes back as a replica with `pamina rejoin`.',
  ],
  async execute(context, given) {
    const { master, to } = given;
    const seconds = wholeNumber('--timeout', given.timeout, 1, secondsMax);
    const options = {
      to,
      acceptLoss: given['accept-loss'] || undefined,
      timeoutMs: seconds === undefined ? undefined : seconds * 1000,
      dryRun: given['dry-run'] || undefined,
    };
    const administration = await context.administrationHere();
    const report = await context.during(`Failover of ${master}`, (progress) =>
      administration.failover(master, options, progress),
    );
    await context.output.result(report, () => failoverText(report));
  },
});
