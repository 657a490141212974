// Makes a database the replica of a master; does all three steps when it does not exist yet.
import { defineCommand } from '../command.js';
import { isPaminaError, PaminaError } from '@pamina/format';
import type { Administration } from '@pamina/wire';
import type { Context } from '../context.js';
import { statusLine } from '../print/status.js';

export const replicate = defineCommand({
  name: 'replicate',
  summary: 'Follow a master; creates the replica from its newest backup if it does not exist',
  positionals: { name: { describe: 'Name of the replica' } },
  options: {
    master: { value: 'MASTER', describe: 'Name of the master', required: true },
    'simultaneous-query': {
      describe: 'Answer queries while replaying (for now snapshot reads only)',
    },
    recreate: {
      describe: 'Build the copy anew from the newest backup of the master, or in ARCHIVE',
    },
    'from-archive': {
      value: 'ARCHIVE',
      describe:
        'Archive of the master (/PATH, s3://…, or its name here): followed while the master cannot be; a new replica is made from it alone',
    },
    'identity-file': {
      value: 'FILE',
      describe: 'To read an encrypted archive with (age), where the server runs',
    },
    'credentials-file': {
      value: 'FILE',
      describe:
        'Access keys of the archive in INI form, where the server runs; else its environment',
    },
  },
  examples: [
    ['pamina replicate cities-replica --master cities', 'in one step: create, permit, follow'],
    ['pamina replicate cities-replica --master cities --recreate', 'out of diverged or log-gone'],
    [
      'pamina replicate cities-copy --master cities --from-archive ./archive',
      'with the master down: from its archive, and with the master when it is there again',
    ],
    [
      'pamina replicate cities-copy --master cities --from-archive ./archive --recreate',
      'out of diverged or log-gone, with the master down',
    ],
  ],
  async execute(context, given) {
    const { name, master } = given;
    const simultaneousQuery = given['simultaneous-query'];
    const administration = await administrationFor(context, name);
    const status = await context.during(`Replicating ${name} from ${master}`, (progress) =>
      administration.replicate(
        name,
        // Not given: a replica that is one already keeps what it has.
        {
          master,
          simultaneousQuery: simultaneousQuery || undefined,
          recreate: given.recreate,
          ...archiveOf(context, given),
        },
        progress,
      ),
    );
    await context.output.result(status, () => `${statusLine(status)}, replica of ${master}`);
    if (simultaneousQuery) {
      context.output.note(
        'Simultaneous query is permitted: the replica answers snapshot reads while it replays.',
      );
    }
  },
});

type Given = Parameters<(typeof replicate)['execute']>[1];

function archiveOf(context: Context, given: Given) {
  const path = (option: string): string | undefined => {
    const text = given[option] as string | undefined;
    return text === undefined || /^[a-z0-9]+:\/\//i.test(text) ? text : context.path(text);
  };
  const archive = given['from-archive'] as string | undefined;
  const fromArchive = archive === undefined ? undefined : context.archive(archive);
  const identityFile = path('identity-file');
  const credentialsFile = path('credentials-file');
  if (fromArchive !== undefined) return { fromArchive, identityFile, credentialsFile };
  if (identityFile === undefined && credentialsFile === undefined) return {};
  throw new PaminaError('USAGE', 'Keys of an archive are given with --from-archive ARCHIVE');
}

/** A name that is nowhere yet is created here. */
async function administrationFor(context: Context, name: string): Promise<Administration> {
  try {
    return await context.administrationOf(name);
  } catch (error) {
    if (!isPaminaError(error, 'DATABASE_NOT_FOUND')) throw error;
    return context.administrationHere();
  }
}
