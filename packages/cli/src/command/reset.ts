// Makes a replica a normal database. There is no way back, so it can be looked at first.
import { PaminaError } from '@pamina/format';
import type { DatabaseStatus } from '@pamina/wire';
import { defineCommand } from '../command.js';
import { statusLine } from '../print/status.js';

export const reset = defineCommand({
  name: 'reset',
  summary: 'Make a replica a normal database, on a timeline of its own; irreversible',
  positionals: { name: { describe: 'Name of the replica' } },
  options: {
    'dry-run': { describe: 'Only say what would be done' },
    'until-position': {
      value: 'POSITION',
      describe: 'Behind this record, which is received and not passed; the rest is kept aside',
    },
  },
  examples: [
    ['pamina reset cities-replica --dry-run', 'how far it is and what would happen'],
    ['pamina reset cities-replica', 'it applies all that it received and takes writes'],
    ['pamina reset cities-replica --until-position 1/48212', 'it stops short of a mistake'],
  ],
  async execute(context, given) {
    const { name, 'until-position': untilPosition } = given;
    const administration = await context.administrationOf(name);
    if (given['dry-run']) {
      const before = await context.during('Asking', () => administration.status(name));
      refuseUnlessReplica(before);
      await context.output.result(
        {
          ...{ dryRun: true, name, received: before.received, applied: before.applied },
          until: untilPosition ?? before.received,
        },
        () => plan(before, untilPosition),
      );
      return;
    }
    const status = await context.during(`Resetting ${name}`, () =>
      administration.reset(name, { untilPosition }),
    );
    await context.output.result(status, () => `Reset ${statusLine(status)}`);
  },
});

function refuseUnlessReplica(status: DatabaseStatus): void {
  if (status.type === 'replica') return;
  throw new PaminaError(
    'DATABASE_TYPE',
    `${status.name} is a database of the type ${status.type}, only a replica can be reset`,
  );
}

function plan(status: DatabaseStatus, until: string | undefined): string {
  const master = status.master === null ? 'its master' : status.master.name;
  return [
    `${status.name} would apply everything up to ${until ?? status.received ?? 'its position'} ` +
      `(applied so far: ${status.applied ?? 'nothing'}),`,
    'start a new timeline there, become a normal database and take writes.',
    `It could never follow ${master} again. Nothing was changed.`,
  ].join('\n');
}
