// Proves backups and databases, for a person and for cron: the exit status says whether everything
// that was asked is known to be good.
import { verdictOf, verifyFolder } from '@pamina/backup';
import { type ErrorCode, errorTable, parsePosition, PaminaError } from '@pamina/format';
import type { Progress, VerifyReport, VerifyRequest } from '@pamina/wire';
import { defineCommand } from '../command.js';
import type { Context } from '../context.js';
import { wholeNumber } from '../numbers.js';
import { verifyText } from '../print/verify-report.js';

const dayMs = 24 * 60 * 60 * 1000;
const daysMax = 36_500;

export const verify = defineCommand({
  name: 'verify',
  summary: 'Prove a database, one of its backups, or a folder of backups',
  positionals: {
    what: { describe: 'Name of a database, or a folder (with a / in it)', label: 'name|folder' },
    backup: { describe: 'Id or tag of one backup of the database', optional: true },
  },
  options: {
    deep: { describe: 'Restore to a scratch place too, replay the log, compare content' },
    from: {
      value: 'ARCHIVE',
      describe: 'What this archive (its name, or address) holds of the database, here or not',
    },
    'credentials-file': { value: 'FILE', describe: 'Keys of the archive' },
    'identity-file': { value: 'FILE', describe: 'Of age, for an archive that is encrypted' },
    'until-position': { value: 'POSITION', describe: 'The log must lead from the backup to here' },
    again: { describe: 'Read backups again that were verified before and did not change' },
    'max-age': { value: 'DAYS', describe: 'Read those again that were verified longer ago (30)' },
  },
  examples: [
    ['pamina verify cities', 'files of the store, whole log, all backups, the chain from each'],
    ['pamina verify cities --deep', 'and the content against backup and log, key by key'],
    ['pamina verify cities before-upgrade --deep', 'one backup, restored to a scratch place'],
    ['pamina verify cities --from main', 'what the archive that cities calls main holds'],
    ['pamina verify cities --from ./archive --deep', 'an archive alone, restored and replayed'],
    ['pamina verify /mnt/backups/cities', 'backups that were copied elsewhere'],
  ],
  notes: [
    'Exit status:',
    '   0  everything that was asked is verified',
    '   6  something is damaged; the report names it',
    '  11  nothing was found to be wrong, but not all of it could be verified',
    '      Any other status: the verification itself failed; see ERRORS.md',
  ],
  async execute(context, given) {
    const { again, backup, deep, what } = given;
    const until = given['until-position'];
    if (until !== undefined) parsePosition(until);
    const days = wholeNumber('--max-age', given['max-age'], 0, daysMax);
    const maxAgeMs = days === undefined ? undefined : days * dayMs;
    const request = { ...archiveOf(context, given), again, backup, deep, maxAgeMs, until };
    const isFolder = isPath(what);
    if (isFolder && backup !== undefined) {
      throw new PaminaError('USAGE', 'a folder is verified as a whole: name the one of the backup');
    }
    if (isFolder && given.from !== undefined) {
      throw new PaminaError('USAGE', '--from needs the name that the database had in the archive');
    }
    if (!isFolder && given.from === undefined && backup === undefined && until !== undefined) {
      throw new PaminaError('USAGE', '--until-position needs a backup to begin with');
    }
    const report = await context.during(`Verifying ${what}`, async (progress) => {
      if (isFolder) return verifyHere(context, { ...request, folder: what }, progress);
      // What is archived need not exist any more; an archive by its name has a database that has it.
      const administration =
        given.from === undefined || !isPath(given.from)
          ? await context.administrationOf(what)
          : await context.administrationHere();
      return administration.verify(what, request, progress, context.signal);
    });
    await context.output.result(report, () => verifyText(report));
    if (report.verdict !== 'verified') throw failureOf(what, report);
  },
});

function archiveOf(
  context: Context,
  given: Readonly<Record<'from' | 'credentials-file' | 'identity-file', string | undefined>>,
): Pick<VerifyRequest, 'from' | 'credentialsFile' | 'identityFile'> {
  const { from } = given;
  const path = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : context.path(text);
  return {
    from: from === undefined ? undefined : context.archive(from),
    credentialsFile: path(given['credentials-file']),
    identityFile: path(given['identity-file']),
  };
}

const isPath = (text: string): boolean => /[/\\]/.test(text);

interface FolderRequest {
  readonly folder: string;
  readonly again: boolean;
  readonly deep: boolean;
  readonly maxAgeMs: number | undefined;
  readonly until: string | undefined;
}

async function verifyHere(
  context: Context,
  request: FolderRequest,
  progress: Progress,
): Promise<VerifyReport> {
  const { again, deep, maxAgeMs, until } = request;
  const checks = await verifyFolder({
    env: context.env,
    folder: context.path(request.folder),
    again,
    deep,
    maxAgeMs,
    until: until === undefined ? undefined : parsePosition(until),
    signal: context.signal,
    onProgress: progress,
  });
  return { verdict: verdictOf(checks), checks };
}

/** Of the first check that failed so; a code that means something else stands in the report. */
function failureOf(what: string, { checks, verdict }: VerifyReport): PaminaError {
  const failed = checks.filter((check) => check.verdict === verdict);
  const [first] = failed;
  const message = `${what} is ${verdict}: ${first?.message ?? 'nothing was checked'}`;
  if (verdict === 'unverified') return new PaminaError('NOT_VERIFIED', message);
  const code = failed.map((check) => check.code).find(isDamageCode);
  return new PaminaError(code ?? 'STATE_HASH_MISMATCH', message);
}

function isDamageCode(code: string | null): code is ErrorCode {
  if (code === null || !Object.hasOwn(errorTable, code)) return false;
  return errorTable[code as ErrorCode].exitStatus === 6;
}
