// Takes a full or an incremental backup while writers go on.
import { backupCodecs, backupForms, PaminaError } from '@pamina/format';
import type { BackupOptions, BackupSummary } from '@pamina/wire';
import { defineCommand } from '../command.js';
import { countOf, formatBytes, printable } from '../print/units.js';

export const backup = defineCommand({
  name: 'backup',
  summary: 'Take a backup, online or offline',
  positionals: { name: { describe: 'Name of the database' } },
  options: {
    incremental: { describe: 'Only the log since the last backup, full or incremental' },
    tag: { value: 'TAG', describe: 'Names the backup, and keeps it past its generation' },
    form: {
      value: 'FORM',
      describe: 'logical or physical (the files of the store); by default the setting backupForm',
    },
    compression: {
      value: 'CODEC',
      describe: 'Of a logical backup: lz4 (default), brotli-1 (smaller, slower to restore) or none',
    },
  },
  examples: [
    ['pamina backup cities', 'a full backup'],
    ['pamina backup cities --incremental', 'the log since the last one'],
    ['pamina backup cities --tag before-upgrade', 'one to find again'],
    [
      'pamina backup cities --form physical',
      'the files of the store: quick, and what did not change is shared',
    ],
  ],
  async execute(context, given) {
    const options = optionsOf(given);
    const administration = await context.administrationOf(given.name);
    const taken = await context.during(`Backup of ${given.name}`, (progress) =>
      administration.backup(given.name, options, progress, context.signal),
    );
    await context.output.result(taken, () => {
      const tag = taken.tag === null ? '' : `, tag ${printable(taken.tag)}`;
      return (
        `Backup ${printable(taken.id)} of ${given.name} at position ${taken.position ?? 'none'}: ` +
        `${whatOf(taken)}${formatBytes(taken.bytes)} stored${tag}`
      );
    });
  },
});

/** Undefined where the option is not given. USAGE. */
function oneOf<T extends string>(
  option: string,
  choices: readonly T[],
  given: string | undefined,
): T | undefined {
  const found = choices.find((choice) => choice === given);
  if (given === undefined || found !== undefined) return found;
  const message = `--${option} is one of ${choices.join(', ')}, not ${JSON.stringify(given)}`;
  throw new PaminaError('USAGE', message);
}

interface GivenOptions {
  readonly tag: string | undefined;
  readonly form: string | undefined;
  readonly compression: string | undefined;
  readonly incremental: boolean;
}

function optionsOf({ incremental, tag, ...given }: GivenOptions): BackupOptions {
  const form = oneOf('form', backupForms, given.form);
  const compression = oneOf('compression', backupCodecs, given.compression);
  if (!incremental) return { tag, form, compression };
  if (form === undefined && compression === undefined) return { tag, incremental: true };
  throw new PaminaError(
    'USAGE',
    'an incremental backup holds log: it has no form and no compression',
  );
}

/** `4 entries, `; nothing where they were not counted. */
function whatOf({ after, entries, kind }: BackupSummary): string {
  if (kind === 'incremental') return `log after ${printable(after ?? 'none')}, `;
  return entries === null ? '' : `${countOf(entries, 'entry', 'entries')}, `;
}
