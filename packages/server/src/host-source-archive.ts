// The archive that a replica follows while its master cannot be followed: made from it, set, opened.

import {
  type ArchivePlace,
  backupToFollow,
  beginningSource,
  findArchivePlace,
  layLogBeginning,
} from '@pamina/backup';
import type { Control, SourceArchive } from '@pamina/engine';
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
import { forgiveRecreates, type Origin, recreate } from './host-recreate.js';
import { openSource } from './host-source-follow.js';
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
    const before = await core.control(name);
    requireFollower(name, before);
    if (options.recreate === true) {
      const origin = await foundOrigin(core, before, found, master);
      await recreate(core, name, origin, options, progress);
      return forgiveRecreates(core, name);
    }
  } else {
    await requireNew(core, name);
    const { database, pattern } = found;
    const place = await findArchivePlace(archive, { name: database, pattern, signal: core.signal });
    const backup = await backupToFollow(archive, place, core.signal);
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
  const beginning = beginningOf(core, archive, place, control);
  await layLogBeginning({ env: core.env, folder: core.folder(name), source: beginning });
  await core.opened(name, 'read', async (database) => {
    const before = database.control;
    const simultaneousQuery = options.simultaneousQuery ?? before.simultaneousQuery;
    const { address } = found.opened;
    const sourceArchive = settingOf(found, before);
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

function settingOf(found: OpenedArchive, before: Pick<Control, 'sourceArchive'>): SourceArchive {
  const { afterMs, pollMs } = before.sourceArchive ?? ruleDefault;
  return { ...found.opened, database: found.database, afterMs, pollMs };
}

function beginningOf(
  core: HostCore,
  archive: OpenedArchive['archive'],
  place: ArchivePlace,
  { base, timelines }: Control,
) {
  const timelineIds = new Set(timelines.map(({ id }) => id));
  return beginningSource(archive, place, { seq: base.seq, timelineIds }, core.signal);
}

/** By the replica's own identification pattern: no other database is ever put in its place (P5). PATTERN_MISMATCH. */
async function foundOrigin(
  core: HostCore,
  before: Control,
  found: OpenedArchive,
  master: string,
): Promise<Origin> {
  const pattern = patternOf(before);
  if (found.pattern !== null && found.pattern !== pattern) {
    const message = `${before.name} is of a database with another identification pattern than ${found.pattern}`;
    throw new PaminaError('PATTERN_MISMATCH', message, { context: { pattern } });
  }
  const sourceArchive = settingOf(found, before);
  return originIn(core, { ...found, pattern }, { master, sourceArchive });
}

/** The archive that a replica has beside its master. ARCHIVE_UNAVAILABLE, BACKUP_NOT_FOUND. */
export async function archiveOrigin(
  core: HostCore,
  control: Control,
  source: SourceArchive,
): Promise<Origin> {
  const archive = await openSource(core, source, core.signal);
  const { address, credentialsFile, database, identityFile } = source;
  const pattern = patternOf(control);
  const opened = { address, credentialsFile, identityFile };
  return originIn(core, { archive, database, pattern, opened }, {});
}

async function originIn(
  core: HostCore,
  { archive, database, opened, pattern }: OpenedArchive,
  follows: Origin['follows'],
): Promise<Origin> {
  const { signal } = core;
  const place = await findArchivePlace(archive, { name: database, pattern, signal });
  return {
    words: `${database} in the archive ${opened.address}`,
    follows,
    backup: () => backupToFollow(archive, place, signal),
    log: (restored) => beginningOf(core, archive, place, restored),
    history: () => Promise.resolve(null),
    // An archive permits everybody who can read it; the master says whom it permits when it is there.
    permit: () => Promise.resolve(),
  };
}

function noArchive(place: string): PaminaError {
  return new PaminaError('ARCHIVE_NOT_FOUND', `${place} is no archive`, {
    context: { archive: place },
  });
}
