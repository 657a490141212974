// The segments that stand in a log folder, in the order of their records. Names alone are read at
// open; a header is loaded when somebody needs it, so that a log of ten thousand segments opens fast.
import { join } from 'node:path';
import {
  PaminaError,
  decodeSegmentHeader,
  isPaminaError,
  parseSegmentPath,
  segmentHeaderBytes,
  segmentPath,
  type SegmentHeader,
  type SegmentName,
} from '@pamina/format';
import type { Disk, DiskFile } from '@pamina/env';

/** Of the version in a segment's header. */
const versionOffset = 8;

/** One segment file. Only the log that owns it changes it. */
export interface Segment {
  /** Path below the log folder, with `/`. */
  readonly name: string;
  readonly path: string;
  readonly place: SegmentName;
  readonly firstSeq: number;
  /** Last record; null while the segment is open. */
  lastSeq: number | null;
  /** Bytes that are known to be on this disk: header and whole records, the trailer too once closed. */
  bytes: number;
  closed: boolean;
  /** Loaded on demand. */
  header: SegmentHeader | null;
}

export function segmentOf(folder: string, name: string): Segment {
  const place = parseSegmentPath(name);
  if (place === null) {
    throw new PaminaError('SEGMENT_INVALID', `${name} is not the name of a segment`, {
      context: { name },
    });
  }
  return {
    name,
    path: join(folder, name),
    place,
    firstSeq: place.firstSeq,
    lastSeq: null,
    bytes: 0,
    closed: false,
    header: null,
  };
}

/** Opens a segment for reading. LOG_GONE if it was deleted. */
export async function openSegment(disk: Disk, segment: Segment): Promise<DiskFile> {
  try {
    return await disk.open(segment.path, 'read');
  } catch (error) {
    if (!isPaminaError(error, 'FILE_NOT_FOUND')) throw error;
    throw new PaminaError('LOG_GONE', `${segment.path} was deleted`, {
      cause: error,
      context: { file: segment.path, seq: segment.firstSeq },
    });
  }
}

/** Reads the header of a segment once. Throws SEGMENT_INVALID or FORMAT_UNKNOWN with the file. */
export async function loadHeader(disk: Disk, segment: Segment): Promise<SegmentHeader> {
  if (segment.header !== null) return segment.header;
  const file = await openSegment(disk, segment);
  try {
    const bytes = new Uint8Array(segmentHeaderBytes);
    const count = await file.read(bytes, 0);
    const header = decodeSegmentHeader(bytes.subarray(0, count));
    if (header.firstSeq !== segment.firstSeq) {
      throw new PaminaError(
        'LOG_DAMAGED',
        `${segment.path}: the header says first record ${header.firstSeq}`,
        { context: { file: segment.path, offset: 48 } },
      );
    }
    segment.header = header;
    return header;
  } catch (error) {
    throw inFile(error, segment.path);
  } finally {
    await file.close();
  }
}

/** Says of what the bytes of a header are found to be in which file that is. */
function inFile(error: unknown, path: string): unknown {
  if (isPaminaError(error, 'FORMAT_UNKNOWN')) {
    return new PaminaError('FORMAT_UNKNOWN', `${path}: ${error.message}`, {
      cause: error,
      context: { ...error.context, file: path, offset: versionOffset },
    });
  }
  if (!isPaminaError(error, 'SEGMENT_INVALID')) return error;
  return new PaminaError('LOG_DAMAGED', `${path}, offset 0: ${error.message}`, {
    cause: error,
    context: { file: path, offset: 0 },
  });
}

async function listFolders(disk: Disk, folder: string): Promise<string[]> {
  return (await disk.list(folder)).filter((entry) => entry.isFolder).map((entry) => entry.name);
}

/** All segments below a log folder, oldest record first; of two with the same first record the newer timeline last. */
export async function listSegments(disk: Disk, folder: string): Promise<Segment[]> {
  const segments: Segment[] = [];
  if ((await disk.stat(folder)) === null) return segments;
  for (const timeline of await listFolders(disk, folder)) {
    for (const session of await listFolders(disk, join(folder, timeline))) {
      for (const entry of await disk.list(join(folder, timeline, session))) {
        const name = `${timeline}/${session}/${entry.name}`;
        if (entry.isFolder || parseSegmentPath(name) === null) continue;
        const segment = segmentOf(folder, name);
        segment.bytes = entry.bytes;
        segments.push(segment);
      }
    }
  }
  return segments.sort((a, b) => a.firstSeq - b.firstSeq || a.place.timeline - b.place.timeline);
}

/** Path of the segment that a header asks for, below the log folder. */
export function nameOf(header: SegmentHeader): string {
  return segmentPath(header);
}
