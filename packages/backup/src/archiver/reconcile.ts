// Holds an archive against a database's log at start: where archiving goes on, so that no segment is
// missing inside; what must not happen is found here (another history, log that is gone).
import {
  PaminaError,
  decodeSegmentHeader,
  decodeSegmentTrailer,
  segmentHeaderBytes,
  segmentTrailerBytes,
} from '@pamina/format';
import { readRange, type Archive } from '@pamina/archive';
import type { Disk } from '@pamina/env';
import { loadHeader, type Log, type Segment } from '@pamina/log';
import { manifestFileName } from '../layout.js';
import {
  groupBackups,
  groupSegments,
  leadingPieces,
  placePrefix,
  segmentKey,
  segmentObject,
  type ArchivedPiece,
  type ArchivedSegment,
  type ArchivePlace,
} from './archive-layout.js';
import { neededFrom, type ArchivePosition } from './archive-position.js';

export interface ReconcileOptions {
  readonly archive: Archive;
  readonly disk: Disk;
  readonly log: Pick<Log, 'segments' | 'durable' | 'firstSeq'>;
  readonly place: ArchivePlace;
  /** As it was noted here. */
  readonly position: ArchivePosition | null;
  readonly signal: AbortSignal;
}

export interface Reconciled {
  readonly position: ArchivePosition;
  /** Pieces of segments that are there closed. */
  readonly leftovers: readonly string[];
  /** Pieces of the open segment that are not for the recipients of now: it is sent anew, and they give way to it. */
  readonly forOthers: readonly ArchivedPiece[];
}

/** ARCHIVE_CONFLICT, ARCHIVE_GAP, and what the archive says. */
export async function reconcile(options: ReconcileOptions): Promise<Reconciled> {
  const { archive, log, place, signal } = options;
  const objects = await archive.list(`${placePrefix(place)}log/`, { signal });
  const archived = groupSegments(place, objects);
  const known = new Map(archived.map((segment) => [segmentKey(segment), segment]));
  await refuseGap(options, archived);
  const expiredTo = await oldestBackupSeq(options);
  const leftovers = archived
    .filter(({ closed }) => closed !== null)
    .flatMap(({ pieces }) => pieces.map(({ name }) => name));
  const segments = recordsOf(log.segments());
  const noted = options.position === null ? 0 : neededFrom(options.position);
  let end: ArchivePosition | null = null;
  for (const [index, segment] of segments.entries()) {
    const found = known.get(segmentKey(placeOf(segment))) ?? null;
    if (found === null && (segment.lastSeq ?? Infinity) <= expiredTo) continue;
    if (found === null || found.closed === null) {
      refuseAhead(archive, segment, found);
      const forOthers = await piecesForOthers(options, found);
      const from = forOthers.length > 0 ? null : resumed(options, segment, found);
      if (from !== null) return { position: from, leftovers, forOthers };
      await requireOwnPieces(options, segment, found);
      return { position: await startOf(options.disk, segment), leftovers, forOthers };
    }
    const next = segments[index + 1];
    // Noted here as archived whole, and present there; anything else is looked into.
    const isNoted = next !== undefined && next.firstSeq <= noted;
    if (!isNoted) end = await requireSame(options, segment);
  }
  return { position: end ?? boundary(log.durable), leftovers, forOthers: [] };
}

/** No backup there needs log that ends before: what is missing of it expired, and is not sent again. 0: none. */
async function oldestBackupSeq(options: ReconcileOptions): Promise<number> {
  const seqs = await backupSeqs(options);
  return seqs.length === 0 ? 0 : Math.min(...seqs);
}

/** Records that the backups there stand at. */
async function backupSeqs({ archive, place, signal }: ReconcileOptions): Promise<number[]> {
  const objects = await archive.list(`${placePrefix(place)}backups/`, { signal });
  return [...groupBackups(place, objects)]
    .filter(([, files]) => files.has(manifestFileName))
    .map(([id]) => Number(id.split('-')[0]));
}

/** The segment's own place; a promoted copy stands under the new timeline. */
export function placeOf({ firstSeq, place }: Segment): {
  readonly timeline: number;
  readonly timelineId: string;
  readonly firstSeq: number;
} {
  return { timeline: place.timeline, timelineId: place.timelineId, firstSeq };
}

/** Segments without a record are not archived: the next one has the same first record. */
export function recordsOf(segments: readonly Segment[]): Segment[] {
  return segments.filter(
    (segment, index) =>
      segment.bytes > segmentHeaderBytes && segments[index + 1]?.firstSeq !== segment.firstSeq,
  );
}

function boundary(point: { seq: number; chain: number; time: number }): ArchivePosition {
  return { seq: point.seq, chain: point.chain, time: point.time, open: null };
}

async function startOf(disk: Disk, segment: Segment): Promise<ArchivePosition> {
  const { chainBefore, firstSeq, startTime } = await loadHeader(disk, segment);
  return boundary({ seq: firstSeq - 1, chain: chainBefore, time: startTime });
}

/** The position that was noted, if it is in this open segment and the archive has what it claims. */
function resumed(
  options: ReconcileOptions,
  segment: Segment,
  found: ArchivedSegment | null,
): ArchivePosition | null {
  const { position } = options;
  const open = position?.open ?? null;
  if (segment.closed || position === null || open === null || found === null) return null;
  const isHere =
    open.firstSeq === segment.firstSeq &&
    open.timelineId === segment.place.timelineId &&
    open.offset <= segment.bytes;
  const reached = leadingPieces(found.pieces).at(-1)?.to ?? 0;
  return isHere && reached >= open.offset ? position : null;
}

/** All of its pieces or none: who reads the segment needs every one. */
async function piecesForOthers(
  { archive, signal }: ReconcileOptions,
  found: ArchivedSegment | null,
): Promise<readonly ArchivedPiece[]> {
  if (found === null || archive.recipientsId === null) return [];
  for (const { name } of found.pieces) {
    if (!(await archive.isForRecipients(name, { signal }))) return found.pieces;
  }
  return [];
}

/** Pieces that are not known here must be of this segment: its beginning, byte for byte. */
async function requireOwnPieces(
  options: ReconcileOptions,
  segment: Segment,
  found: ArchivedSegment | null,
): Promise<void> {
  const { archive, disk, signal } = options;
  if (found === null || found.pieces.length === 0) return;
  const file = await disk.open(segment.path, 'read');
  try {
    for (const { from, name, to } of found.pieces) {
      const own = new Uint8Array(to - from);
      await file.read(own, from);
      const range = { offset: 0, length: null, bytesMax: own.length };
      const stored = await readRange(archive, name, range, { signal });
      if (Buffer.compare(own, stored) !== 0) throw otherHistory(archive, name);
    }
  } finally {
    await file.close();
  }
}

/** An archive that has more than the log was written by a later state of this database: by another history. */
function refuseAhead(archive: Archive, segment: Segment, found: ArchivedSegment | null): void {
  const reached = Math.max(0, ...(found?.pieces ?? []).map(({ to }) => to));
  const end = segment.closed ? segment.bytes - segmentTrailerBytes : segment.bytes;
  const [piece] = found?.pieces ?? [];
  if (reached > end) throw otherHistory(archive, piece?.name ?? segment.name);
}

/**
 * A segment that is there under this name begins and ends as the one here, with the same chain. An open
 * one here cannot be there closed.
 */
async function requireSame(options: ReconcileOptions, segment: Segment): Promise<ArchivePosition> {
  const { archive, disk, place, signal } = options;
  const name = segmentObject(place, placeOf(segment));
  const size = await archive.size(name, { signal });
  if (!segment.closed || size !== segment.bytes) throw otherHistory(archive, name);
  const read = (offset: number, length: number): Promise<Uint8Array> =>
    readRange(archive, name, { offset, length, bytesMax: length }, { signal });
  const file = await disk.open(segment.path, 'read');
  try {
    for (const [offset, length] of [
      [0, segmentHeaderBytes],
      [segment.bytes - segmentTrailerBytes, segmentTrailerBytes],
    ] as const) {
      const own = new Uint8Array(length);
      await file.read(own, offset);
      if (Buffer.compare(own, await read(offset, length)) !== 0) throw otherHistory(archive, name);
      if (offset === 0) decodeSegmentHeader(own);
      else {
        const { chain, lastSeq, lastTime } = decodeSegmentTrailer(own);
        return boundary({ seq: lastSeq, chain, time: lastTime });
      }
    }
  } finally {
    await file.close();
  }
  throw otherHistory(archive, name);
}

function otherHistory(archive: Archive, name: string): PaminaError {
  const message = `${archive.describe()} holds another segment under ${name}`;
  return new PaminaError('ARCHIVE_CONFLICT', message, {
    context: { archive: archive.describe(), object: name },
  });
}

/**
 * What is archived must reach to where the log here begins. Where it does not, log is lost to the archive;
 * archiving goes on only behind a full backup, from which on nothing is missing.
 */
async function refuseGap(
  options: ReconcileOptions,
  archived: readonly ArchivedSegment[],
): Promise<void> {
  const { archive, log, position } = options;
  const first = log.firstSeq;
  const before = archived.filter(({ closed, firstSeq }) => closed !== null && firstSeq < first);
  const reaches =
    before.length === 0 && position === null
      ? first - 1
      : Math.max(position?.seq ?? 0, await lastSeqOf(options, before.at(-1) ?? null));
  if (reaches >= first - 1) return;
  if ((await backupSeqs(options)).some((seq) => seq >= first - 1)) return;
  const message = `${archive.describe()} ends with record ${reaches}, and the log here begins with ${first}`;
  throw new PaminaError('ARCHIVE_GAP', message, {
    context: { archive: archive.describe(), archived: reaches, first },
  });
}

async function lastSeqOf(
  options: ReconcileOptions,
  segment: ArchivedSegment | null,
): Promise<number> {
  const { archive, place, signal } = options;
  if (segment === null) return 0;
  const name = segmentObject(place, segment);
  const size = (await archive.size(name, { signal })) ?? 0;
  const range = { length: segmentTrailerBytes, bytesMax: segmentTrailerBytes };
  const offset = Math.max(0, size - segmentTrailerBytes);
  return decodeSegmentTrailer(await readRange(archive, name, { ...range, offset }, { signal }))
    .lastSeq;
}
