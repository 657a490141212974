// Archives of the databases here: added, removed, looked at, run; and the archivers of what is online.

import { formatArchiveAddress, openArchive, parseArchiveAddress } from '@pamina/archive';
import { ArchiverRunner, changeArchives, leaveArchive, positionPath } from '@pamina/backup';
import type { ArchiveSetting, Control, Database } from '@pamina/engine';
import { PaminaError, toPaminaError, validateName } from '@pamina/format';
import type { AddArchiveOptions, ArchiveSummary } from '@pamina/wire';
import { shown, summary } from './host-archive-summary.js';
import type { HostCore } from './host-core.js';
import type { OnlineDatabase } from './online-database.js';

/** How long a database that gives up an archive waits for it. */
const leaveMs = 5000;

/** Begins to archive a database that went online. */
export function startArchivers(core: HostCore, online: OnlineDatabase): void {
  for (const setting of online.database.control.archives ?? []) {
    startArchiver(core, online, setting);
  }
}

function startArchiver(core: HostCore, online: OnlineDatabase, setting: ArchiveSetting): void {
  const archiver = archiverOf(core, online.database, setting);
  online.archivers.set(setting.name, archiver);
  archiver.start();
}

export function archiverOf(
  core: HostCore,
  database: Database,
  setting: ArchiveSetting,
): ArchiverRunner {
  return new ArchiverRunner({
    database,
    setting,
    // A place that lost its marker is not made an archive again by itself.
    open: (given, signal) => openAs(core, given, { create: false, signal }),
  });
}

export function openAs(
  core: HostCore,
  setting: ArchiveSetting,
  options: { readonly create: boolean; readonly signal: AbortSignal },
): ReturnType<typeof openArchive> {
  const { address, credentialsFile, identityFile, recipients } = setting;
  return openArchive({
    ...options,
    env: core.env,
    environment: core.environment,
    address,
    credentialsFile: credentialsFile ?? undefined,
    encryption:
      recipients === null ? null : { recipients, identityFile: identityFile ?? undefined },
  });
}

/** The place becomes an archive if it is none yet, so that a wrong address is told at once. */
export async function addArchive(
  core: HostCore,
  name: string,
  archive: string,
  options: AddArchiveOptions,
): Promise<ArchiveSummary> {
  validateName(archive);
  const { credentialsFile = null, identityFile = null, recipients = null } = options;
  if ((recipients === null) !== (identityFile === null)) {
    const message =
      'recipients and an identity file are given together: an archiver that was killed compares what is there';
    throw new PaminaError('REQUEST_INVALID', message);
  }
  const address = formatArchiveAddress(parseArchiveAddress(options.address));
  return core.use(name, 'read', async (held) => {
    const { database, online } = held;
    refuseTaken(database.control, name, archive);
    const setting: ArchiveSetting = {
      name: archive,
      address,
      database: name,
      recipients,
      identityFile,
      credentialsFile,
      fromSeq: database.log.firstSeq,
      progressedAt: core.env.clock.now(),
    };
    await openAs(core, setting, { create: true, signal: core.endOf(held) });
    // What an archive of this name noted before says nothing of this one.
    await core.env.disk.removeTree(positionPath(database.folder, archive));
    await changeArchives(database, (archives) => {
      refuseTaken(database.control, name, archive);
      return [...archives, setting];
    });
    const message = `Log and backups are archived to ${archive} (${address}) from now on.`;
    database.jobLog.write('info', 'archive-added', message, { archive, address });
    if (online !== null && !online.signal.aborted) startArchiver(core, online, setting);
    return summary(core, database.control, setting, online);
  });
}

function refuseTaken({ archives = [] }: Control, name: string, archive: string): void {
  if (!archives.some((one) => one.name === archive)) return;
  throw new PaminaError('ARCHIVE_EXISTS', `${name} has an archive ${archive} already`, {
    context: { name, archive },
  });
}

export async function removeArchive(core: HostCore, name: string, archive: string): Promise<void> {
  await core.use(name, 'read', async ({ database, online }) => {
    const setting = findArchive(database.control, name, archive);
    await online?.archivers.get(archive)?.stop();
    online?.archivers.delete(archive);
    await changeArchives(database, (archives) => archives.filter((one) => one.name !== archive));
    await core.env.disk.removeTree(positionPath(database.folder, archive));
    const message = `Nothing is archived to ${archive} any more; what is there stays.`;
    database.jobLog.write('info', 'archive-removed', message, { archive });
    const problem = await takeLeave(core, database.control, setting);
    if (problem === null) return;
    const text = `The archive ${archive} was not told that nothing comes any more: ${problem.message}. To expire it takes --abandoned.`;
    const fields = { archive, code: problem.code };
    database.jobLog.write('warning', 'archive-not-left', text, fields);
  });
}

/**
 * The database archives there no more. One that does not take it in a few seconds keeps its mark: why, and null
 * where it is gone.
 */
export async function takeLeave(
  core: HostCore,
  { instance, pattern }: Control,
  setting: ArchiveSetting,
): Promise<PaminaError | null> {
  if (pattern === null) return null;
  const late = new AbortController();
  const cancel = core.env.clock.after(leaveMs, () => late.abort(new Error('the archive is slow')));
  const signal = AbortSignal.any([late.signal, core.signal]);
  try {
    const archive = await openAs(core, setting, { create: false, signal });
    await leaveArchive(archive, { database: setting.database, pattern }, instance, { signal });
    return null;
  } catch (error) {
    return toPaminaError(error);
  } finally {
    cancel();
  }
}

/** Of an online database its archivers hurry; for one that is offline they are made for this once. */
export async function runArchive(
  core: HostCore,
  name: string,
  archive: string | undefined,
  signal?: AbortSignal,
): Promise<ArchiveSummary[]> {
  return core.use(name, 'read', async (held) => {
    const { database, online } = held;
    const { archives: settings = [] } = database.control;
    const wanted =
      archive === undefined ? settings : [findArchive(database.control, name, archive)];
    const end = core.endOf(held);
    const until = signal === undefined ? end : AbortSignal.any([signal, end]);
    const done: ArchiveSummary[] = [];
    for (const setting of wanted) {
      const running = online?.archivers.get(setting.name);
      const archiver = running ?? archiverOf(core, database, setting);
      if (running === undefined) archiver.start();
      try {
        await archiver.settle(until);
        done.push(shown(database.control, setting, archiver.status(), database.log.firstSeq));
      } finally {
        if (running === undefined) await archiver.stop();
      }
    }
    return done;
  });
}

function findArchive({ archives = [] }: Control, name: string, archive: string): ArchiveSetting {
  const found = archives.find((one) => one.name === archive);
  if (found !== undefined) return found;
  throw new PaminaError('ARCHIVE_NOT_FOUND', `${name} has no archive ${archive}`, {
    context: { name, archive },
  });
}
