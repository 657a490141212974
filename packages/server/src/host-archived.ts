// What an archive holds of a database, listed and expired: of a database here, by its settings; of one that
// is gone, or was detached from the archive, by the rule that a person gives.

import {
  expireArchive,
  findArchivePlace,
  listArchivedBackups,
  refuseWriters,
  type ArchiveExpireReport,
} from '@pamina/backup';
import { type Archive, formatArchiveAddress, parseArchiveAddress } from '@pamina/archive';
import type { ArchiveSetting, Control } from '@pamina/engine';
import { archiveKeepHoursDefault, isPaminaError, PaminaError } from '@pamina/format';
import type {
  BackupsOptions,
  BackupSummary,
  ExpireAnswer,
  ExpireOptions,
  KeepRule,
} from '@pamina/wire';
import { archiverOf, openAs } from './host-archive.js';
import { openArchiveAt } from './host-archive-place.js';
import { summary } from './host-backup.js';
import type { HostCore } from './host-core.js';

const hourMs = 3_600_000;

interface Wanted extends Pick<BackupsOptions, 'credentialsFile' | 'identityFile'> {
  readonly from: string;
}

/** Newest first, what expired included. ARCHIVE_NOT_FOUND, BACKUP_NOT_FOUND, ARCHIVE_CONFLICT. */
export async function archivedBackups(
  core: HostCore,
  name: string,
  wanted: Wanted,
): Promise<BackupSummary[]> {
  const { archive, database, pattern, setting } = await opened(core, name, wanted);
  const { signal } = core;
  const place = await findArchivePlace(archive, { name: database, pattern, signal });
  const found = await listArchivedBackups(archive, place, signal, { withRetired: true });
  const keepMs = setting === null ? null : await keepMsOf(core, name);
  return found.map(({ retired, ...backup }) => {
    if (retired === null) return summary(name, backup);
    const { since } = retired;
    const goesAt = since === null || keepMs === null ? null : since + keepMs;
    return { ...summary(name, backup), retired: { since, goesAt } };
  });
}

/** null where the database does not open: its backups are listed all the more. */
async function keepMsOf(core: HostCore, name: string): Promise<number | null> {
  try {
    return await core.use(name, 'read', ({ database }) =>
      Promise.resolve(database.settings().archiveKeepHours * hourMs),
    );
  } catch (error) {
    if (isPaminaError(error)) return null;
    throw error;
  }
}

/**
 * Of a database here that has the archive its settings decide; of every other one `keep` does, for nobody
 * else knows what is to stay there, and only while no database elsewhere archives to it. ARCHIVE_NOT_FOUND,
 * REQUEST_INVALID, ARCHIVE_IN_USE.
 */
export async function expireArchived(
  core: HostCore,
  name: string,
  { abandoned, dryRun, keep, ...wanted }: ExpireOptions & Wanted,
): Promise<ExpireAnswer> {
  const isHere = await core.exists(name);
  const setting = isHere ? findBy(await core.control(name), wanted.from) : null;
  if (setting === null && keep !== undefined) {
    return expireDetached(core, name, wanted, { abandoned, dryRun, keep });
  }
  if (setting === null) throw notOurs(name, wanted.from);
  if (keep !== undefined) {
    const message = `${name} has this archive: what stays there is what its settings say`;
    throw new PaminaError('REQUEST_INVALID', message, {
      hint: `Change them with \`pamina set ${name} backupGenerations=…\`, or leave the rule out.`,
    });
  }
  return core.use(name, 'read', async (held) => {
    const { database, online } = held;
    const archiver = online?.archivers.get(setting.name) ?? archiverOf(core, database, setting);
    return archiver.expire({ dryRun, signal: core.endOf(held) });
  });
}

function notOurs(name: string, from: string): PaminaError {
  const message = `no database ${name} here has an archive ${from}`;
  const context = { name, archive: from };
  const hint = isAddress(from)
    ? 'Say what is to stay there, for example with `--keep-generations 3`: no database here decides it.'
    : `Check the name with \`pamina archive list ${name}\`, or give the address.`;
  return new PaminaError('ARCHIVE_NOT_FOUND', message, { context, hint });
}

async function expireDetached(
  core: HostCore,
  name: string,
  wanted: Wanted,
  { abandoned, dryRun, keep }: Pick<ExpireOptions, 'abandoned' | 'dryRun'> & { keep: KeepRule },
): Promise<ArchiveExpireReport> {
  const { archive, pattern } = await opened(core, name, wanted);
  const { env, signal } = core;
  const place = await findArchivePlace(archive, { name, pattern, signal });
  // What would go can be told all the same.
  if (abandoned !== true && dryRun !== true) await refuseWriters(archive, place, { signal });
  const settings = {
    backupGenerations: keep.generations,
    backupDaily: keep.daily ?? 0,
    backupWeekly: keep.weekly ?? 0,
    backupMonthly: keep.monthly ?? 0,
    backupAgeDaysMax: keep.ageDaysMax ?? 0,
    backupNoDelete: false,
    archiveKeepHours: keep.keepHours ?? archiveKeepHoursDefault,
  };
  const database = {
    folder: null,
    env,
    // There is nobody whose events they are: the report says it all.
    jobLog: { write: () => undefined },
    timelines: [],
    system: { settings: () => settings, permitted: () => Promise.resolve([]) },
  };
  return expireArchive({ database, archive, place, dryRun, signal });
}

interface Opened {
  readonly archive: Archive;
  readonly pattern: string | null;
  /** The name that its objects stand under. */
  readonly database: string;
  /** Of the database here that has it. */
  readonly setting: ArchiveSetting | null;
}

async function opened(core: HostCore, name: string, wanted: Wanted): Promise<Opened> {
  const control = (await core.exists(name)) ? await core.control(name) : null;
  const setting = control === null ? null : findBy(control, wanted.from);
  if (control !== null && setting !== null) {
    const archive = await openAs(core, setting, { create: false, signal: core.signal });
    return { archive, pattern: control.pattern, database: setting.database, setting };
  }
  const found = await openArchiveAt(core, wanted.from, { ...wanted, name });
  if (found !== null) return { ...found, setting: null };
  throw new PaminaError('ARCHIVE_NOT_FOUND', `${wanted.from} is no archive`, {
    context: { name, archive: wanted.from },
  });
}

function findBy({ archives = [] }: Control, from: string): ArchiveSetting | null {
  const address = isAddress(from) ? formatArchiveAddress(parseArchiveAddress(from)) : null;
  return archives.find((one) => one.address === address || one.name === from) ?? null;
}

const isAddress = (from: string): boolean => /[\\/]/.test(from);
