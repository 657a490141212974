// How far a database is in one archive, kept beside the database: what was archived is not asked of the
// archive again but at start, and there it is held against what the archive has.
import { join } from 'node:path';
import { crc32 } from '@pamina/format';
import type { Disk } from '@pamina/env';

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
  const line = new TextDecoder().decode(bytes).trimEnd();
  const text = line.slice(9);
  return line.startsWith(`${checksumOf(text)} `) ? (JSON.parse(text) as ArchivePosition) : null;
}

export async function writePosition(
  disk: Disk,
  path: string,
  position: ArchivePosition,
): Promise<void> {
  const { chain, open, seq, time } = position;
  const text = JSON.stringify({ seq, chain, time, open });
  await disk.replaceFile(path, new TextEncoder().encode(`${checksumOf(text)} ${text}\n`));
}

/** The oldest record that the log must keep for the archive: an open segment is archived whole once more. */
export function neededFrom(position: ArchivePosition): number {
  return position.open?.firstSeq ?? position.seq + 1;
}

function checksumOf(text: string): string {
  return crc32(new TextEncoder().encode(text)).toString(16).padStart(8, '0');
}
