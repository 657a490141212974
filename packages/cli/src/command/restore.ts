// Restores a backup and the log behind it, up to a target: a new database, a copy, or in place.
import { isPaminaError, PaminaError, parsePosition } from '@pamina/format';
import type { Administration, RestoreOptions } from '@pamina/wire';
import { defineCommand } from '../command.js';
import type { Context } from '../context.js';
import { restoreNote, restoreText } from '../print/restore-report.js';
import { timeOf } from '../times.js';

export const restore = defineCommand({
  name: 'restore',
  summary: 'Restore a backup and its log: all, none, or until a position, a time or a tag',
  positionals: {
    name: { describe: 'Name of the database; one that exists must be stopped, or use --as' },
    backup: {
      describe: 'Id or tag, folder or URL of the backup; by default the best one for the target',
      optional: true,
    },
  },
  options: {
    from: {
      value: 'PLACE',
      describe:
        'Archive (its name, /PATH or s3://…), folder with backups and log (of a database, or a copy), or pamina://NAME',
    },
    'identity-file': { value: 'FILE', describe: 'To read an encrypted archive with (age)' },
    'credentials-file': { value: 'FILE', describe: 'Access keys of an archive, in INI form' },
    recover: {
      value: 'all|none',
      describe: 'The log behind the backup: all of it (default) or none',
    },
    'until-position': { value: 'POSITION', describe: 'To the state after exactly this record' },
    'until-time': {
      value: 'TIME',
      describe: 'To the last commit at or before it: 14:32, ISO 8601, or -2h',
    },
    'until-tag': { value: 'TAG', describe: 'To the position of the backup with this tag' },
    as: { value: 'OTHER', describe: 'As a copy of this name; the database itself stays as it is' },
    stop: { describe: 'Stop the database for it if it is online' },
    'discard-old': { describe: 'Remove what is replaced (but its backups) instead of keeping it' },
    'dry-run': { describe: 'Only print the plan: which files, how much, up to where' },
  },
  examples: [
    ['pamina restore cities --as cities-before --until-time 14:31', 'a copy; cities stays online'],
    ['pamina restore cities --until-position 1/48212 --dry-run', 'the plan, and nothing touched'],
    ['pamina restore cities --recover all', 'the store built anew from backup and log, in place'],
    [
      'pamina restore cities --from /mnt/safe/cities',
      'on a new machine, from what was copied there',
    ],
    ['pamina restore cities --as cities-before --from main', 'from the archive that it calls main'],
    ['pamina restore cities --until-tag before-import --stop', 'in place, the old one kept'],
  ],
  async execute(context, given) {
    const { name } = given;
    const options = optionsOf(context, given);
    const administration = await administrationFor(context, name, options);
    const title = `Restoring ${options.as ?? name}`;
    const report = await context.during(title, (progress) =>
      administration.restore(name, options, progress, context.signal),
    );
    await context.output.result(report, () => restoreText(report));
    const note = restoreNote(report, options.as);
    if (!report.dryRun && note !== null) context.output.note(note);
  },
});

type Given = Parameters<(typeof restore)['execute']>[1];

function optionsOf(context: Context, given: Given): RestoreOptions {
  const text = (name: string): string | undefined => given[name] as string | undefined;
  const from = text('from');
  const untilTime = text('until-time');
  const untilPosition = text('until-position');
  if (untilPosition !== undefined) parsePosition(untilPosition);
  const options: RestoreOptions = {
    backup: pathOr(context, text('backup'), isPath),
    from: from === undefined ? undefined : context.archive(from),
    identityFile: pathOr(context, text('identity-file'), () => true),
    credentialsFile: pathOr(context, text('credentials-file'), () => true),
    recover: recoverOf(text('recover')),
    untilPosition,
    untilTime:
      untilTime === undefined
        ? undefined
        : timeOf('--until-time', untilTime, context.env.clock.now()),
    untilTag: text('until-tag'),
    as: text('as'),
    dryRun: given['dry-run'] === true || undefined,
    stop: given['stop'] === true || undefined,
    discardOld: given['discard-old'] === true || undefined,
  };
  const targets = ['recover', 'untilPosition', 'untilTime', 'untilTag'] as const;
  if (targets.filter((target) => options[target] !== undefined).length > 1) {
    throw new PaminaError(
      'USAGE',
      'Give one of --recover, --until-position, --until-time and --until-tag',
    );
  }
  return options;
}

function recoverOf(text: string | undefined): 'all' | 'none' | undefined {
  if (text === undefined || text === 'all' || text === 'none') return text;
  throw new PaminaError('USAGE', `--recover wants all or none, not ${JSON.stringify(text)}`);
}

/** A path is the user's, below the folder where the command runs; the server runs elsewhere. */
function pathOr(
  context: Context,
  text: string | undefined,
  isPathHere: (text: string) => boolean,
): string | undefined {
  if (text === undefined || /^[a-z0-9]+:\/\//i.test(text) || !isPathHere(text)) return text;
  return context.path(text);
}

/**
 * What is brought from elsewhere is restored to this data folder, whoever else bears the name; else, and from
 * an archive by the name that the database gave it, the database is found like by every verb, and one that is
 * nowhere yet is restored here.
 */
async function administrationFor(
  context: Context,
  name: string,
  { backup, from }: RestoreOptions,
): Promise<Administration> {
  if ((from !== undefined && isPath(from)) || (backup !== undefined && isPath(backup))) {
    return context.administrationHere();
  }
  try {
    return await context.administrationOf(name);
  } catch (error) {
    if (!isPaminaError(error, 'DATABASE_NOT_FOUND')) throw error;
    return context.administrationHere();
  }
}

function isPath(text: string): boolean {
  return /[\\/]/.test(text);
}
