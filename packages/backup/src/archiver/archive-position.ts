// How far a database is in one archive, kept beside the database: what was archived is not asked of the
// archive again but at start, and there it is held against what the archive has.
import { join } from 'node:path';
import type { Disk } from '@pamina/env';
import { decodeLine, encodeLine, isCount } from './checked-line.js';

export interface ArchivePosition {
  /** Last record that is in the archive. */
  readonly seq: number;
  /** Chain after it. */
  readonly chain: number;
  /** Its commit time, ms since 1970. */
  readonly time: number;
  /** The open segment that the archive has the beginning of; null between two segments. */
  readonly open: {
    readonly timelineId: string;
    readonly firstSeq: number;
    /** Bytes of it that are archived: header and whole records. */
    readonly offset: number;
  } | null;
}

const folderName = 'archives';

export function positionPath(databaseFolder: string, archive: string): string {
  return join(databaseFolder, folderName, `${archive}.json`);
}

/** null where there is none, or a damaged one: then the archive tells. */
export async function readPosition(disk: Disk, path: string): Promise<ArchivePosition | null> {
  const bytes = await disk.readFileIfPresent(path);
  if (bytes === null) return null;
  const { chain, open, seq, time } = decodeLine(bytes) ?? {};
  if (!isCount(seq) || !isCount(chain) || !isCount(time)) return null;
  if (open === null) return { seq, chain, time, open };
  const { firstSeq, offset, timelineId } = (open ?? {}) as Record<string, unknown>;
  if (!isCount(firstSeq) || !isCount(offset) || typeof timelineId !== 'string') return null;
  return { seq, chain, time, open: { firstSeq, offset, timelineId } };
}

export async function writePosition(
  disk: Disk,
  path: string,
  position: ArchivePosition,
): Promise<void> {
  const { chain, open, seq, time } = position;
  await disk.replaceFile(path, encodeLine({ seq, chain, time, open }));
}

/** The oldest record that the log must keep for the archive: an open segment is archived whole once more. */
export function neededFrom(position: ArchivePosition): number {
  return position.open?.firstSeq ?? position.seq + 1;
}
