// Removes the backups that no rule keeps, and says why the others stay.
import {
  archiveKeepHoursMax,
  backupAgeDaysLimit,
  backupGenerationsMax,
  backupGenerationsMin,
  backupTierGenerationsMax,
  PaminaError,
} from '@pamina/format';
import type { KeepRule } from '@pamina/wire';
import { defineCommand } from '../command.js';
import { wholeNumber } from '../numbers.js';
import { expireText } from '../print/expire.js';

const rules = {
  'keep-generations': {
    value: 'N',
    describe: 'The N newest full backups stay, and what is tagged',
  },
  'keep-daily': { value: 'N', describe: 'The newest one of each of N days' },
  'keep-weekly': { value: 'N', describe: 'The newest one of each of N weeks' },
  'keep-monthly': { value: 'N', describe: 'The newest one of each of N months' },
  'keep-days': { value: 'N', describe: 'Nothing older, but for one full backup' },
  'keep-hours': { value: 'N', describe: 'How long what expires stays for its readers (24)' },
} as const;
type Rule = keyof typeof rules;

export const expire = defineCommand({
  name: 'expire',
  summary: 'Remove the backups that no rule keeps, and say why the others stay',
  positionals: { name: { describe: 'Name of the database' } },
  options: {
    from: { value: 'ARCHIVE', describe: 'In this archive of the database: its name, or address' },
    'dry-run': { describe: 'Only print what would be removed and kept, and why' },
    ...rules,
    abandoned: { describe: 'No database archives there any more, whatever marks are left' },
    'credentials-file': { value: 'FILE', describe: 'Keys of an archive that no database here has' },
    'identity-file': { value: 'FILE', describe: 'Of age, for one that is encrypted' },
  },
  examples: [
    ['pamina expire cities --dry-run', 'what would go, and why each other one stays'],
    ['pamina expire cities', 'remove it'],
    ['pamina expire cities --from cloud --dry-run', 'the same in one of its archives'],
    ['pamina expire cities --from ./archive', 'backups there, and the log that none of them needs'],
    [
      'pamina expire cities --from ./old-archive --keep-generations 2 --keep-monthly 12',
      'an archive that no database here has: the rule is given',
    ],
    [
      'pamina expire cities --from ./old-archive --keep-generations 2 --abandoned',
      'the machine that archived there is lost',
    ],
  ],
  notes: [
    'What expires in an archive leaves its list at once, and is removed by the first run',
    'archiveKeepHours (24) later: restores elsewhere have so long to finish.',
    'In an archive of a database here its settings say what stays; --keep-… are for an archive',
    'whose database is gone, or was detached from it (pamina archive remove). While a database',
    'elsewhere has the archive that is refused; --abandoned says that it is gone for good.',
  ],
  async execute(context, given) {
    const { name } = given;
    const from = given.from === undefined ? undefined : context.archive(given.from);
    const keep = ruleOf(given);
    if (keep !== undefined && from === undefined) {
      throw new PaminaError('USAGE', '--keep-… needs --from: here the settings say what stays', {
        hint: `Change them with \`pamina set ${name} backupGenerations=…\`.`,
      });
    }
    if (given.abandoned && keep === undefined) {
      throw new PaminaError(
        'USAGE',
        '--abandoned needs --keep-generations: nobody else says what stays',
      );
    }
    const path = (text: string | undefined): string | undefined =>
      text === undefined ? undefined : context.path(text);
    const administration =
      from === undefined
        ? await context.administrationOf(name)
        : await context.administrationOfArchived(name);
    const report = await context.during(
      `Expiry of the backups of ${name}${from === undefined ? '' : ` in ${from}`}`,
      () =>
        administration.expire(name, {
          dryRun: given['dry-run'],
          from,
          keep,
          abandoned: given.abandoned ? true : undefined,
          credentialsFile: path(given['credentials-file']),
          identityFile: path(given['identity-file']),
        }),
    );
    await context.output.result(report, () => expireText(report));
  },
});

function ruleOf(given: Readonly<Record<Rule, string | undefined>>): KeepRule | undefined {
  const number = (rule: Rule, min: number, max: number): number | undefined =>
    wholeNumber(`--${rule}`, given[rule], min, max);
  const generations = number('keep-generations', backupGenerationsMin, backupGenerationsMax);
  const rest = {
    daily: number('keep-daily', 0, backupTierGenerationsMax),
    weekly: number('keep-weekly', 0, backupTierGenerationsMax),
    monthly: number('keep-monthly', 0, backupTierGenerationsMax),
    ageDaysMax: number('keep-days', 0, backupAgeDaysLimit),
    keepHours: number('keep-hours', 0, archiveKeepHoursMax),
  };
  if (generations !== undefined) return { generations, ...rest };
  if (Object.values(rest).every((value) => value === undefined)) return undefined;
  throw new PaminaError('USAGE', '--keep-generations says how many full backups stay at least');
}
