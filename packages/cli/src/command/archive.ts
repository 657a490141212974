// Archives of a database: where its log and its backups are copied to, all the time.
import { PaminaError } from '@pamina/format';
import type { Administration, AddArchiveOptions, ArchiveSummary } from '@pamina/wire';
import { defineCommand } from '../command.js';
import type { Context } from '../context.js';
import { archivesText } from '../print/archives.js';
import { table } from '../print/table.js';
import { printable } from '../print/units.js';

const nameDefault = 'main';
const actions = ['add', 'remove', 'list', 'status', 'run'] as const;
type Action = (typeof actions)[number];

interface Task {
  readonly context: Context;
  readonly administration: Administration;
  readonly name: string;
  /** What stands behind the database's name: an address, or the name of an archive. */
  readonly target: string | undefined;
  readonly archive: string | undefined;
  readonly options: Omit<AddArchiveOptions, 'address'>;
}

export const archive = defineCommand({
  name: 'archive',
  summary: 'Copy log and backups to a folder or object storage, continuously',
  positionals: {
    action: { describe: 'add, remove, list, status, or run (copy what is missing now)' },
    name: { describe: 'Name of the database' },
    target: {
      describe:
        'add: /PATH or s3://BUCKET/PREFIX?endpoint=URL&region=R; else the name of an archive',
      optional: true,
    },
  },
  options: {
    as: { value: 'NAME', describe: `add: what to call the archive; "${nameDefault}" if not given` },
    recipient: {
      value: 'KEY,…',
      describe: 'add: encrypt for these public keys of age (age1…)',
    },
    'identity-file': {
      value: 'FILE',
      describe: 'add, with --recipient: a file of age-keygen, where the server runs',
    },
    'credentials-file': {
      value: 'FILE',
      describe: 'add: access keys in INI form, where the server runs; else its environment',
    },
  },
  examples: [
    ['pamina archive add cities /mnt/archive', 'a folder, local or on a network'],
    [
      "pamina archive add cities 's3://backups/pamina?region=eu-central-1' --as cloud",
      'object storage, keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    ],
    [
      'pamina archive add cities /mnt/archive --recipient age1… --identity-file key.txt',
      'encrypted',
    ],
    ['pamina archive status cities', 'how far each archive is'],
    ['pamina archive run cities', 'copy what is missing, and wait for it'],
    ['pamina archive remove cities cloud', 'what is there stays there'],
  ],
  async execute(context, given) {
    const action = actionOf(given.action);
    const administration = await context.administrationOf(given.name);
    const path = (text: string | undefined): string | undefined =>
      text === undefined ? undefined : context.path(text);
    await tasks[action]({
      context,
      administration,
      name: given.name,
      target: given.target,
      archive: given.as,
      options: {
        recipients: given.recipient?.split(','),
        identityFile: path(given['identity-file']),
        credentialsFile: path(given['credentials-file']),
      },
    });
  },
});

const tasks: Readonly<Record<Action, (task: Task) => Promise<void>>> = {
  async add({
    administration,
    archive: name = nameDefault,
    context,
    name: database,
    options,
    target,
  }) {
    if (target === undefined) throw new PaminaError('USAGE', 'add needs the address of an archive');
    const address = target.includes('://') ? target : context.path(target);
    const added = await context.during(`Adding the archive ${name}`, () =>
      administration.addArchive(database, name, { ...options, address }),
    );
    await context.output.result(
      added,
      () =>
        `Log and backups of ${database} are archived to ${printable(added.address)} from now on`,
    );
  },
  async remove({ administration, context, name, target = nameDefault }) {
    await context.during(`Removing the archive ${target}`, () =>
      administration.removeArchive(name, target),
    );
    await context.output.result(
      { name, archive: target, removed: true },
      () => `${name} is not archived to ${target} any more; what is there stays`,
    );
  },
  async list({ administration, context, name }) {
    const archives = await context.during('Listing archives', () => administration.archives(name));
    await context.output.result({ archives }, () => listText(archives));
    noteNone(context, name, archives);
  },
  async status({ administration, context, name }) {
    const archives = await context.during('Looking at archives', () =>
      administration.archives(name),
    );
    await context.output.result({ archives }, () =>
      archivesText(archives, context.env.clock.now()),
    );
    noteNone(context, name, archives);
  },
  async run({ administration, context, name, target }) {
    const archives = await context.during('Archiving', () =>
      administration.runArchive(name, target, context.signal),
    );
    await context.output.result({ archives }, () =>
      archivesText(archives, context.env.clock.now()),
    );
    noteNone(context, name, archives);
  },
};

function actionOf(text: string): Action {
  const action = actions.find((one) => one === text);
  if (action !== undefined) return action;
  throw new PaminaError('USAGE', `${JSON.stringify(text)} is none of ${actions.join(', ')}`);
}

function listText(archives: readonly ArchiveSummary[]): string {
  if (archives.length === 0) return '';
  return table(
    [{ title: 'archive' }, { title: 'encrypted' }, { title: 'address' }],
    archives.map(({ address, encrypted, name }) => [
      printable(name),
      encrypted ? 'yes' : 'no',
      printable(address),
    ]),
  );
}

function noteNone(context: Context, name: string, archives: readonly ArchiveSummary[]): void {
  if (archives.length > 0) return;
  context.output.note(`${name} has no archive. "pamina archive add ${name} ADDRESS" gives it one.`);
}
