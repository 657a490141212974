// An archive as a place that log is read from: closed segments, and of the open one what its pieces give.
// Several ranges are fetched at once, and handed on in order.
import {
  PaminaError,
  decodeSegmentHeader,
  decodeSegmentTrailer,
  isPaminaError,
  segmentHeaderBytes,
  segmentTrailerBytes,
} from '@pamina/format';
import { readRange, type Archive } from '@pamina/archive';
import type { LogSource, SegmentEntry, SegmentFacts } from '../log-source.js';
import { orderedParallel } from '../ordered-parallel.js';
import {
  groupSegments,
  leadingPieces,
  placePrefix,
  type ArchivedPiece,
  type ArchivePlace,
} from './archive-layout.js';
import { holdArchivedLog } from './archive-holds.js';
import { fetchRanges } from './fetch-ranges.js';
import { readHeartbeat } from './heartbeat.js';

/** Of encrypted archives the size of each segment is asked for, so many at a time. */
const sizes = { countMax: 8, weightMax: 8, weigh: () => 1 };

export function archiveLogSource(archive: Archive, place: ArchivePlace): LogSource {
  /** Of segments that are there as pieces only, by name. */
  const pieces = new Map<string, readonly ArchivedPiece[]>();
  return {
    describe: () => `${archive.describe()} (${place.database})`,
    async segments() {
      const objects = await archive.list(`${placePrefix(place)}log/`);
      const entries: SegmentEntry[] = [];
      const found = orderedParallel(groupSegments(place, objects), sizes, async (segment) => {
        const { closed, firstSeq, timeline, timelineId } = segment;
        const where = { firstSeq, timeline, timelineId };
        if (closed !== null) {
          const bytes = archive.isEncrypted ? await archive.size(closed.name) : closed.bytes;
          return { ...where, name: closed.name, bytes: bytes ?? 0 };
        }
        const leading = leadingPieces(segment.pieces);
        const [first] = leading;
        if (first === undefined) return null;
        pieces.set(first.name, leading);
        return { ...where, name: first.name, bytes: leading.at(-1)?.to ?? 0 };
      });
      for await (const entry of found) if (entry !== null) entries.push(entry);
      return entries;
    },
    read: (entry, offset) => readSegment(archive, entry, pieces.get(entry.name) ?? null, offset),
    facts: (entry) => factsOf(archive, entry, pieces.has(entry.name)),
    completeUntil: async () => {
      const heartbeat = await readHeartbeat(archive, place);
      if (heartbeat === null) return null;
      const { seq, time, timelineId } = heartbeat;
      return { seq, time, timelineId };
    },
    hold: (fromSeq) => holdArchivedLog(archive, place, fromSeq),
  };
}

/** Both ends alone: the reading ahead is for who wants it all. */
async function factsOf(
  archive: Archive,
  entry: SegmentEntry,
  isOpen: boolean,
): Promise<SegmentFacts> {
  const part = (offset: number, length: number, name = entry.name): Promise<Uint8Array> =>
    readRange(archive, name, { offset, length, bytesMax: length });
  const start = part(0, segmentHeaderBytes).catch((error: unknown) => {
    if (!isOpen || !isPaminaError(error, 'ARCHIVE_OBJECT_NOT_FOUND')) throw error;
    return part(0, segmentHeaderBytes, closedName(entry));
  });
  const header = decodeSegmentHeader(await start);
  if (isOpen) return { header, trailer: null };
  const end = await part(
    Math.max(segmentHeaderBytes, entry.bytes - segmentTrailerBytes),
    segmentTrailerBytes,
  );
  return { header, trailer: decodeSegmentTrailer(end) };
}

async function* readSegment(
  archive: Archive,
  entry: SegmentEntry,
  pieces: readonly ArchivedPiece[] | null,
  offset: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    if (pieces === null) yield* fetchRanges(archive, entry.name, offset, entry.bytes);
    else yield* readOpen(archive, entry, pieces, offset);
  } catch (cause) {
    if (!isPaminaError(cause, 'ARCHIVE_OBJECT_NOT_FOUND')) throw cause;
    const message = `${entry.name} is not in ${archive.describe()} any more`;
    throw new PaminaError('LOG_GONE', message, { cause, context: cause.context });
  }
}

/** Pieces that gave way to the closed segment since they were listed were the beginning of it. */
async function* readOpen(
  archive: Archive,
  entry: SegmentEntry,
  pieces: readonly ArchivedPiece[],
  offset: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = offset;
  try {
    for await (const bytes of readPieces(archive, pieces, offset)) {
      yield bytes;
      at += bytes.length;
    }
  } catch (error) {
    if (!isPaminaError(error, 'ARCHIVE_OBJECT_NOT_FOUND')) throw error;
    yield* fetchRanges(archive, closedName(entry), at, entry.bytes);
  }
}

function closedName({ name }: SegmentEntry): string {
  return name.replace(/\.\d+-\d+\.part$/, '.seg');
}

const ahead = { countMax: 4, weightMax: 32 * 1024 * 1024 };

async function* readPieces(
  archive: Archive,
  pieces: readonly ArchivedPiece[],
  offset: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const parallel = { ...ahead, weigh: ({ from, to }: ArchivedPiece) => to - from };
  const wanted = pieces.filter((piece) => piece.to > offset);
  let at = offset;
  const fetched = orderedParallel(wanted, parallel, async (piece) => {
    const length = piece.to - piece.from;
    const range = { offset: 0, length: null, bytesMax: length };
    const bytes = await readRange(archive, piece.name, range);
    if (bytes.length === length) return { piece, bytes };
    const message = `${archive.describe()}, object ${piece.name}: it has ${bytes.length} bytes, its name says ${length}`;
    throw new PaminaError('ARCHIVE_DAMAGED', message, { context: { object: piece.name } });
  });
  for await (const { piece, bytes } of fetched) {
    // Pieces may overlap: they are parts of one file.
    yield bytes.subarray(at - piece.from);
    at = piece.to;
  }
}
