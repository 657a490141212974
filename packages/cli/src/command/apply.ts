// Has a replica apply what waits up to a record and stop there, short of a mistake.
import { PaminaError } from '@pamina/format';
import { defineCommand } from '../command.js';
import { statusLine } from '../print/status.js';
import { timeOf } from '../times.js';

export const apply = defineCommand({
  name: 'apply',
  summary: 'Apply what a replica has received up to a position or a time, and pause it there',
  positionals: { name: { describe: 'Name of the replica' } },
  options: {
    'until-position': { value: 'POSITION', describe: 'The last record that is applied' },
    'until-time': {
      value: 'TIME',
      describe: 'The last commit at or before: 14:32, ISO 8601, or -2h',
    },
  },
  examples: [
    ['pamina apply cities-replica --until-position 1/48212', 'the record before the mistake'],
    ['pamina apply cities-replica --until-time 14:31', 'all that was committed by then'],
  ],
  async execute(context, given) {
    const { name, 'until-position': untilPosition, 'until-time': time } = given;
    if ((untilPosition === undefined) === (time === undefined)) {
      throw new PaminaError('USAGE', 'give either --until-position or --until-time');
    }
    const untilTime =
      time === undefined ? undefined : timeOf('--until-time', time, context.env.clock.now());
    const administration = await context.administrationOf(name);
    const status = await context.during(`Applying to ${name}`, () =>
      administration.apply(name, { untilPosition, untilTime }),
    );
    await context.output.result(status, () => statusLine(status));
  },
});
