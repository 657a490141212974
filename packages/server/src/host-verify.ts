// Verifies a backup of a database here, or a database with all of its backups. What the files tell is
// read from the files, so that a database that does not open is verified too.

import {
  attemptCheck,
  verdictOf,
  verifyArchive,
  verifyContent,
  type VerifyCheck,
  verifyDatabaseFiles,
  verifyNamedBackup,
} from '@pamina/backup';
import { JobLog } from '@pamina/engine';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { PaminaError, parsePosition, type Position } from '@pamina/format';
import type { Progress, VerifyReport, VerifyRequest } from '@pamina/wire';
import { openArchiveAt } from './host-archive-place.js';
import type { HostCore } from './host-core.js';

/** BACKUP_NOT_FOUND, POSITION_INVALID, POSITION_UNREACHABLE; damage is in the report. */
export async function verify(
  core: HostCore,
  name: string,
  request: VerifyRequest,
  progress?: Progress,
  signal?: AbortSignal,
): Promise<VerifyReport> {
  const until = request.until === undefined ? undefined : parsePosition(request.until);
  if (request.from === undefined) await core.control(name);
  const end = signal === undefined ? core.signal : AbortSignal.any([signal, core.signal]);
  const { again, backup, deep, maxAgeMs } = request;
  // The database's own writer where it is online.
  const online = core.online.get(name)?.database.jobLog;
  const jobLog = online ?? new JobLog(core.env.disk, core.env.clock, core.folder(name));
  const settings = {
    env: core.env,
    folder: core.folder(name),
    again,
    deep,
    maxAgeMs,
    signal: end,
    onProgress: progress,
    // Of what is in an archive alone there need be no database here.
    jobLog: request.from === undefined ? jobLog : undefined,
  };
  if (request.from !== undefined) {
    const checks = await verifyArchived(core, name, request.from, request, { ...settings, until });
    return { verdict: verdictOf(checks), checks };
  }
  const checks =
    backup === undefined
      ? await verifyAll(core, name, settings)
      : await verifyNamedBackup({ ...settings, backup, until });
  const report = { verdict: verdictOf(checks), checks };
  writeVerdict(jobLog, name, report, backup ?? null);
  if (online === undefined) await jobLog.settle();
  return report;
}

/** The archive may be all that is left of the database, or be of one that is here. */
async function verifyArchived(
  core: HostCore,
  name: string,
  from: string,
  { backup, credentialsFile, identityFile }: VerifyRequest,
  settings: Settings & { readonly until: Position | undefined },
): Promise<VerifyCheck[]> {
  const opened = await openArchiveAt(core, from, { name, credentialsFile, identityFile });
  if (opened === null) {
    const message = `${from} is no archive`;
    throw new PaminaError('BACKUP_NOT_FOUND', message, {
      hint: 'Name an archive by its address (s3://…) or folder; a folder of backups is verified by its path alone.',
      context: { from },
    });
  }
  const { archive, database, pattern } = opened;
  const control = (await core.exists(name)) ? await core.control(name) : null;
  const isOurs = control !== null && (pattern === null || pattern === control.pattern);
  return verifyArchive({
    ...settings,
    archive,
    name: database,
    backup,
    pattern: pattern ?? control?.pattern ?? null,
    history: isOurs ? control.timelines : null,
    memoryPath: (place) => memoryPath(core, archive.describe(), placeKey(place)),
  });
}

/** Beside the databases: what is archived need not be of one of them. */
function memoryPath(core: HostCore, archive: string, place: string): string {
  const name = createHash('sha256').update(`${archive}\n${place}`).digest('hex').slice(0, 32);
  return join(core.dataFolder, '.verified-archives', `${name}.json`);
}

const placeKey = ({ database, pattern }: { database: string; pattern: string }): string =>
  `${database}/${pattern}`;

type Settings = Parameters<typeof verifyDatabaseFiles>[0];

async function verifyAll(core: HostCore, name: string, settings: Settings): Promise<VerifyCheck[]> {
  const checks = await verifyDatabaseFiles(settings);
  if (settings.deep !== true) return checks;
  return [...checks, await verifyOpened(core, name, settings)];
}

/** An offline database is opened for it: LevelDB then brings its files in order, so this comes last. */
async function verifyOpened(
  core: HostCore,
  name: string,
  settings: Settings,
): Promise<VerifyCheck> {
  const about = { check: 'content', subject: settings.folder } as const;
  return attemptCheck(about, settings.signal, () =>
    core.use(name, 'read', (held) => {
      const signals = [settings.signal, core.endOf(held)].filter((one) => one !== undefined);
      const signal = AbortSignal.any(signals);
      return verifyContent({ ...settings, signal, content: held.database });
    }),
  );
}

function writeVerdict(
  jobLog: JobLog,
  name: string,
  { checks, verdict }: VerifyReport,
  backup: string | null,
): void {
  const bad = checks.filter((check) => check.verdict !== 'verified');
  const what = backup === null ? name : `backup ${backup} of ${name}`;
  const message =
    bad.length === 0
      ? `Verified ${what}: ${checks.length} checks, nothing found.`
      : `Verified ${what}: ${verdict}. ${bad.map((check) => check.message).join('. ')}.`;
  const level = verdict === 'verified' ? 'info' : verdict === 'damaged' ? 'error' : 'warning';
  const fields = { backup, verdict, codes: bad.map(({ code }) => code) };
  jobLog.write(level, 'verified', message, fields);
}
