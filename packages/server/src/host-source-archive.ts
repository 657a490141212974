// The archive that a replica follows while its master cannot be followed: made from it, set, opened.

import {
  type Archive,
  formatArchiveAddress,
  openArchive,
  parseArchiveAddress,
} from '@pamina/archive';
import {
  ArchivedLog,
  archivePlace,
  beginningSource,
  findArchivePlace,
  layLogBeginning,
  type PlaceBackup,
} from '@pamina/backup';
import type { Control, Database, SourceArchive } from '@pamina/engine';
import {
  PaminaError,
  sourceArchiveAfterMsDefault,
  sourceArchivePollMsDefault,
} from '@pamina/format';
import type { SourcedFollowerOptions } from '@pamina/replication';
import type { Progress, ReplicateOptions } from '@pamina/wire';
import { resolve } from 'node:path';
import { requireNew, restoreTo } from './host-create.js';
import type { HostCore } from './host-core.js';
import { requireFollower } from './host-follower.js';
import { goOffline, goOnline } from './host-start.js';

type SourceParts = Pick<SourcedFollowerOptions, 'archive' | 'openArchive' | 'rule'>;

/** What a follower needs to follow the archive. */
export function sourceOf(core: HostCore, database: Database, source: SourceArchive): SourceParts {
  return {
    archive: source.address,
    openArchive: async (signal) => {
      const archive = await openSource(core, source, signal);
      const pattern = requirePattern(database.control);
      return new ArchivedLog(archive, { database: source.database, pattern });
    },
    // As it is set at that moment.
    rule: () => database.control.sourceArchive ?? source,
  };
}

function openSource(
  core: HostCore,
  { address, credentialsFile, identityFile }: SourceArchive,
  signal: AbortSignal,
): Promise<Archive> {
  return openArchive({
    env: core.env,
    environment: core.environment,
    address,
    credentialsFile: credentialsFile ?? undefined,
    encryption: identityFile === null ? null : { recipients: [], identityFile },
    create: false,
    signal,
  });
}

/**
 * The caller has the turn. A new replica is made from the newest backup in the archive; one that exists gets
 * the archive beside its master. The master is asked for nothing: it may be gone.
 */
export async function replicateFromArchive(
  core: HostCore,
  name: string,
  options: ReplicateOptions & { readonly fromArchive: string },
  progress?: Progress,
): Promise<void> {
  const { master } = options;
  const source = settingOf(options);
  const archive = await openSource(core, source, core.signal);
  if (await core.exists(name)) {
    requireFollower(name, await core.control(name));
    if (options.recreate === true) throw notAnew(name);
  } else {
    await requireNew(core, name);
    const backup = await newestBackup(archive, master, core.signal);
    await restoreTo(core, core.folder(name), name, backup.source, progress);
  }
  const control = await core.control(name);
  const pattern = requirePattern(control);
  const place = await findArchivePlace(archive, { name: master, pattern, signal: core.signal });
  await goOffline(core, name, { keepName: true });
  const timelineIds = new Set(control.timelines.map(({ id }) => id));
  const around = { seq: control.base.seq, timelineIds };
  const beginning = beginningSource(archive, place, around, core.signal);
  await layLogBeginning({ env: core.env, folder: core.folder(name), source: beginning });
  await core.opened(name, 'read', async (database) => {
    const before = database.control;
    const simultaneousQuery = options.simultaneousQuery ?? before.simultaneousQuery;
    const { afterMs, pollMs } = before.sourceArchive ?? source;
    const sourceArchive = { ...source, afterMs, pollMs };
    await database.updateControl({ type: 'replica', master, simultaneousQuery, sourceArchive });
    const message = `${name} replicates from ${master}, and from the archive ${source.address} while that cannot be followed.`;
    const fields = { master, archive: source.address, simultaneousQuery };
    database.jobLog.write('info', 'replicate', message, fields);
  });
  if (core.address !== null) await goOnline(core, name);
}

function settingOf(options: ReplicateOptions & { readonly fromArchive: string }): SourceArchive {
  const { credentialsFile = null, fromArchive, identityFile = null, master } = options;
  const isAddress = /^(?:s3|file):\/\//i.test(fromArchive);
  return {
    address: formatArchiveAddress(
      parseArchiveAddress(isAddress ? fromArchive : resolve(fromArchive)),
    ),
    database: master,
    credentialsFile,
    identityFile,
    pollMs: sourceArchivePollMsDefault,
    afterMs: sourceArchiveAfterMsDefault,
  };
}

/** Of the newest timeline the one with the most records. BACKUP_NOT_FOUND, ARCHIVE_CONFLICT. */
async function newestBackup(
  archive: Archive,
  name: string,
  signal: AbortSignal,
): Promise<PlaceBackup> {
  const place = await archivePlace(archive, { name, pattern: null, signal });
  const whole = (await place.backups()).filter(({ manifest }) => manifest.kind === 'full');
  const [newest] = whole.sort(
    ({ manifest: { position: one } }, { manifest: { position: other } }) =>
      other.timeline - one.timeline || other.seq - one.seq,
  );
  if (newest !== undefined) return newest;
  const message = `${place.describe()} holds no backup but an initial one`;
  throw new PaminaError('BACKUP_NOT_FOUND', message, {
    context: { name },
    hint: `Take one with \`pamina backup ${name}\`, where ${name} is; it is archived by itself.`,
  });
}

function requirePattern({ name, pattern }: Control): string {
  if (pattern !== null) return pattern;
  throw new PaminaError('BACKUP_INITIAL', `${name} was created from an initial backup`);
}

function notAnew(name: string): PaminaError {
  const message = `${name} exists, and is made anew from its master only`;
  return new PaminaError('REQUEST_INVALID', message, {
    hint: `Delete it first (\`pamina delete ${name}\`) to make it from the archive.`,
  });
}
