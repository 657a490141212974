// How a replica's follower gets at the archive that it follows while its master cannot be followed.

import { type Archive, openArchive } from '@pamina/archive';
import { ArchivedLog } from '@pamina/backup';
import type { Database, SourceArchive } from '@pamina/engine';
import type { SourcedFollowerOptions } from '@pamina/replication';
import type { HostCore } from './host-core.js';
import { patternOf } from './host-follower.js';

type SourceParts = Pick<SourcedFollowerOptions, 'archive' | 'openArchive' | 'rule'>;

/** What a follower needs to follow the archive. */
export function sourceOf(core: HostCore, database: Database, source: SourceArchive): SourceParts {
  return {
    archive: source.address,
    openArchive: async (signal) => {
      const archive = await openSource(core, source, signal);
      const pattern = patternOf(database.control);
      return new ArchivedLog(archive, { database: source.database, pattern });
    },
    // As it is set at that moment.
    rule: () => database.control.sourceArchive ?? source,
  };
}

/** ARCHIVE_NOT_FOUND, ARCHIVE_UNAVAILABLE, … */
export function openSource(
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
