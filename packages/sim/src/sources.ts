// Where a replica receives from: its master alone, or an archive beside it, by the real choice between the two.

import { ArchivedLog } from '@pamina/backup';
import type { Database } from '@pamina/engine';
import {
  FollowerRunner,
  type FollowerRunnerOptions,
  type LogArchive,
  SourcedFollower,
} from '@pamina/replication';
import type { ArchiveHost } from './archive-host.js';
import type { History } from './history.js';
import type { Site } from './site.js';

export type Follower = FollowerRunner | SourcedFollower;

interface Following extends FollowerRunnerOptions {
  readonly database: Database;
}

/** Its own, as its database says. */
export function followerOf(
  { archive, history, site }: { archive: ArchiveHost | null; history: History; site: Site },
  options: Following,
): Follower {
  const { database } = options;
  const source = database.control.sourceArchive ?? null;
  if (source === null || archive === null) return new FollowerRunner(options);
  const pattern = database.control.pattern ?? '';
  return new SourcedFollower({
    ...options,
    archive: source.address,
    openArchive: async (signal) => {
      const opened = await archive.open(site.host, { signal });
      const log = new ArchivedLog(opened, { database: source.database, pattern });
      return noted(log, history, site.name);
    },
    rule: () => database.control.sourceArchive ?? source,
  });
}

/** What was stored is written down: nobody asks for what comes next before that. */
function noted(log: ArchivedLog, history: History, database: string): LogArchive {
  return {
    describe: () => log.describe(),
    async *read(end, signal) {
      for await (const one of log.read(end, signal)) {
        yield one;
        const { bytes, name, offset } = one.chunk;
        const about = { segment: name, offset, bytes: bytes.length };
        history.add({ type: 'archive-received', database, ...about });
      }
    },
    completeUntil: (signal) => log.completeUntil(signal),
    watch: (onChange) => log.watch(onChange),
    close: () => log.close(),
  };
}

/** Whether it receives from its archive now. */
export function isFromArchive(site: Site): boolean {
  return site.follower?.status().archive?.isSource === true;
}
