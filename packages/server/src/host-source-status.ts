// What a replica says of the archive beside its master.

import type { Control } from '@pamina/engine';
import { formatPosition } from '@pamina/format';
import type { ArchiveSourceStatus } from '@pamina/replication';
import type { MasterStatus } from '@pamina/wire';

/** `now` is what its follower says; undefined where it does not run. */
export function sourceStatus(
  { sourceArchive = null }: Control,
  now: ArchiveSourceStatus | undefined,
): Required<Pick<MasterStatus, 'source' | 'archive'>> {
  if (sourceArchive === null) return { source: 'master', archive: null };
  const { address, afterMs, pollMs } = sourceArchive;
  const position = now?.position ?? null;
  return {
    source: now?.isSource === true ? 'archive' : 'master',
    archive: {
      address,
      position: position === null ? null : formatPosition(position),
      lookedAt: now?.lookedAt ?? null,
      completeUntil: now?.completeUntil ?? null,
      problem: now?.problem ?? null,
      pollMs,
      afterMs,
    },
  };
}
