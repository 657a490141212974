// The archive that a replica follows while its master cannot be followed: made from it, set, opened.

import {
  archivePlace,
  beginningSource,
  findArchivePlace,
  layLogBeginning,
  type PlaceBackup,
} from '@pamina/backup';
import {
  PaminaError,
  sourceArchiveAfterMsDefault,
  sourceArchivePollMsDefault,
} from '@pamina/format';
import type { Progress, ReplicateOptions } from '@pamina/wire';
import { openArchiveAt, type OpenedArchive } from './host-archive-place.js';
import type { HostCore } from './host-core.js';
import { requireNew, restoreTo } from './host-create.js';
import { patternOf, requireFollower } from './host-follower.js';
import { goOffline, goOnline } from './host-start.js';

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
  const { credentialsFile, fromArchive, identityFile, master } = options;
  const found = await openArchiveAt(core, fromArchive, {
    name: master,
    credentialsFile,
    identityFile,
  });
  if (found === null) throw noArchive(fromArchive);
  const { archive } = found;
  if (await core.exists(name)) {
    requireFollower(name, await core.control(name));
    if (options.recreate === true) throw notAnew(name);
  } else {
    await requireNew(core, name);
    const backup = await newestBackup(found, core.signal);
    await restoreTo(core, core.folder(name), name, backup.source, progress);
  }
  const control = await core.control(name);
  const pattern = patternOf(control);
  const place = await findArchivePlace(archive, {
    name: found.database,
    pattern,
    signal: core.signal,
  });
  await goOffline(core, name, { keepName: true });
  const timelineIds = new Set(control.timelines.map(({ id }) => id));
  const around = { seq: control.base.seq, timelineIds };
  const beginning = beginningSource(archive, place, around, core.signal);
  await layLogBeginning({ env: core.env, folder: core.folder(name), source: beginning });
  await core.opened(name, 'read', async (database) => {
    const before = database.control;
    const simultaneousQuery = options.simultaneousQuery ?? before.simultaneousQuery;
    const { afterMs, pollMs } = before.sourceArchive ?? ruleDefault;
    const { address } = found.opened;
    const sourceArchive = { ...found.opened, database: found.database, afterMs, pollMs };
    await database.updateControl({ type: 'replica', master, simultaneousQuery, sourceArchive });
    const message = `${name} replicates from ${master}, and from the archive ${address} while that cannot be followed.`;
    const fields = { master, archive: address, simultaneousQuery };
    database.jobLog.write('info', 'replicate', message, fields);
  });
  if (core.address !== null) await goOnline(core, name);
}

const ruleDefault = {
  pollMs: sourceArchivePollMsDefault,
  afterMs: sourceArchiveAfterMsDefault,
} as const;

/** Of the newest timeline the one with the most records. BACKUP_NOT_FOUND, ARCHIVE_CONFLICT. */
async function newestBackup(
  { archive, database: name, pattern }: OpenedArchive,
  signal: AbortSignal,
): Promise<PlaceBackup> {
  const place = await archivePlace(archive, { name, pattern, signal });
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

function notAnew(name: string): PaminaError {
  const message = `${name} exists, and is made anew from its master only`;
  return new PaminaError('REQUEST_INVALID', message, {
    hint: `Delete it first (\`pamina delete ${name}\`) to make it from the archive.`,
  });
}

function noArchive(place: string): PaminaError {
  return new PaminaError('ARCHIVE_NOT_FOUND', `${place} is no archive`, {
    context: { archive: place },
  });
}
