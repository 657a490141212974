// Prints what a replica has received and not applied yet: where a mistake can still be stopped.
import { PaminaError, parsePosition } from '@pamina/format';
import type { LogLine } from '@pamina/wire';
import { defineCommand } from '../command.js';
import { wholeNumber } from '../numbers.js';
import { logLineText } from '../print/log-line.js';

export const pending = defineCommand({
  name: 'pending',
  summary: 'Print the records that a replica has received and not applied, one a line',
  positionals: { name: { describe: 'Name of the replica' } },
  options: {
    limit: { value: 'COUNT', describe: 'At most so many records' },
  },
  examples: [
    ['pamina pending cities-replica', 'position, commit time, kind, bytes and keys of each'],
    ['pamina pending cities-replica --limit 20 --json', 'with the time at which each is applied'],
  ],
  async execute(context, given) {
    const { name } = given;
    const limit = wholeNumber('--limit', given.limit, 1, Number.MAX_SAFE_INTEGER);
    const administration = await context.administrationOf(name);
    const { applied, applying, type } = await administration.status(name);
    if (type !== 'replica' || applied === null) {
      const message = `${name} is ${type}, and only a replica holds back what it received`;
      throw new PaminaError('DATABASE_TYPE', message);
    }
    const { output, signal } = context;
    const dueAt = ({ time }: LogLine): number | null =>
      applying === null || applying === undefined || applying.paused
        ? null
        : time + applying.delayMs;
    const options = { from: parsePosition(applied).seq + 1, limit };
    for await (const line of administration.log(name, options)) {
      signal.throwIfAborted();
      await output.line(
        output.json ? JSON.stringify({ ...line, dueAt: dueAt(line) }) : logLineText(line),
      );
    }
    output.note(
      `Up to one of them: "pamina apply ${name} --until-position TIMELINE/SEQ"; normal behind it: "pamina reset ${name} --until-position TIMELINE/SEQ".`,
    );
  },
});
