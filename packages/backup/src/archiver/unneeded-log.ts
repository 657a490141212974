// Which log in an archive nobody needs: whole segments that end before a record, of every timeline, in an
// order in which they can be removed one by one.
import {
  decodeSegmentTrailer,
  isPaminaError,
  segmentHeaderBytes,
  segmentTrailerBytes,
} from '@pamina/format';
import { readRange, type Archive, type ArchiveObject } from '@pamina/archive';
import { segmentFacts } from '../log-source.js';
import { endOfOpen } from '../recover/segment-stream.js';
import {
  leadingPieces,
  placePrefix,
  type ArchivedSegment,
  type ArchivePlace,
} from './archive-layout.js';
import { archiveLogSource } from './archive-log-source.js';

export interface UnneededLogOptions {
  readonly archive: Archive;
  readonly place: ArchivePlace;
  /** All of them, by first record. */
  readonly segments: readonly ArchivedSegment[];
  /** What they were found in. */
  readonly objects: readonly ArchiveObject[];
  /** The log from this record on is needed; 0 = all of it. */
  readonly keepFromSeq: number;
  /** Its open segment is being written. */
  readonly currentTimelineId: string | null;
  /** So is any other one with a younger piece, perhaps: elsewhere. */
  readonly writtenBefore: number;
  readonly signal?: AbortSignal | undefined;
}

export interface UnneededLog {
  /** In the order in which they are removed. */
  readonly names: readonly string[];
  readonly bytes: number;
  readonly keptBytes: number;
  /** null while all of it stays. */
  readonly keepFromSeq: number | null;
}

export async function unneededLog(options: UnneededLogOptions): Promise<UnneededLog> {
  const { keepFromSeq, objects, place, segments } = options;
  const log = objects.filter(({ name }) => name.startsWith(`${placePrefix(place)}log/`));
  const sizes = new Map(log.map(({ bytes, name }) => [name, bytes]));
  const names: string[] = [];
  for (const segment of segments) {
    if (segment.firstSeq >= keepFromSeq) break;
    const lastSeq = await lastSeqOf(options, segment);
    // It and what is behind it stay: nobody may be left with a gap.
    if (lastSeq === null) break;
    if (lastSeq < keepFromSeq) names.push(...namesOf(segment));
  }
  const sum = (some: Iterable<string>): number =>
    [...some].reduce((total, name) => total + (sizes.get(name) ?? 0), 0);
  const bytes = sum(names);
  const isKnown = keepFromSeq > 0 && Number.isFinite(keepFromSeq);
  return {
    names,
    bytes,
    keptBytes: sum(sizes.keys()) - bytes,
    keepFromSeq: isKnown ? keepFromSeq : null,
  };
}

/** Pieces before the closed segment, and their beginning first: what a kill leaves is whole, or nothing. */
function namesOf({ closed, pieces }: ArchivedSegment): string[] {
  const names = pieces.map(({ name }) => name);
  return closed === null ? names : [...names, closed.name];
}

/** null where that cannot be said: it is damaged, or may still be written. */
async function lastSeqOf(
  options: UnneededLogOptions,
  segment: ArchivedSegment,
): Promise<number | null> {
  const { archive, segments, signal } = options;
  const { closed, firstSeq, timelineId } = segment;
  if (closed === null && mayBeWritten(options, segment)) return null;
  const next = segments.find((one) => one.timelineId === timelineId && one.firstSeq > firstSeq);
  if (next !== undefined) return next.firstSeq - 1;
  try {
    if (closed === null) return await lastOfPieces(options, segment);
    const size = archive.isEncrypted ? await archive.size(closed.name, { signal }) : closed.bytes;
    const offset = Math.max(segmentHeaderBytes, (size ?? 0) - segmentTrailerBytes);
    const range = { offset, length: segmentTrailerBytes, bytesMax: segmentTrailerBytes };
    return decodeSegmentTrailer(await readRange(archive, closed.name, range, { signal })).lastSeq;
  } catch (error) {
    const isDamage =
      isPaminaError(error) &&
      ['SEGMENT_INVALID', 'LOG_DAMAGED', 'ARCHIVE_DAMAGED'].includes(error.code);
    if (isDamage) return null;
    throw error;
  }
}

function mayBeWritten(
  { currentTimelineId, objects, writtenBefore }: UnneededLogOptions,
  { pieces, timelineId }: ArchivedSegment,
): boolean {
  if (timelineId === currentTimelineId) return true;
  const names = new Set(pieces.map(({ name }) => name));
  return objects.some(
    ({ modifiedMs, name }) => names.has(name) && (modifiedMs ?? Infinity) > writtenBefore,
  );
}

/** An open segment that an older timeline ended with: nothing but its records says where it ends. */
async function lastOfPieces(
  { archive, place }: UnneededLogOptions,
  { firstSeq, pieces, timelineId }: ArchivedSegment,
): Promise<number | null> {
  // Its beginning is gone: a removal that did not end.
  if (leadingPieces(pieces).length === 0) return firstSeq - 1;
  const source = archiveLogSource(archive, place);
  const entries = await source.segments();
  const entry = entries.find((one) => one.firstSeq === firstSeq && one.timelineId === timelineId);
  if (entry === undefined) return null;
  const { header } = await segmentFacts(source, entry);
  const { damage, point } = await endOfOpen({ source, entry, header });
  return damage === null ? point.seq : null;
}
