// Names in an archive: below the database's name and its identification pattern stand `backups/`, `log/`
// and a few small objects, so that one archive can hold many databases and two of one name never mix.
import type { ArchiveObject } from '@pamina/archive';

/** One database in an archive. */
export interface ArchivePlace {
  readonly database: string;
  /** Identification pattern, 32 lowercase hex digits. */
  readonly pattern: string;
}

export interface SegmentPlace {
  readonly timeline: number;
  readonly timelineId: string;
  readonly firstSeq: number;
}

/** What an archive has of one segment. */
export interface ArchivedSegment extends SegmentPlace {
  /** The closed segment, if it is there. */
  readonly closed: ArchiveObject | null;
  /** Pieces of it from when it was open, by their first byte, the longer one last. */
  readonly pieces: readonly ArchivedPiece[];
}

export interface ArchivedPiece {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

const seqDigits = 16;
const offsetDigits = 10;
const logPattern = /^log\/(\d{1,10})-([0-9a-f]{16})\/(\d{16})\.(?:seg|(\d{10})-(\d{10})\.part)$/;
const backupPattern = /^backups\/([0-9a-z][0-9a-z-]*)\/([0-9a-z][0-9a-z.-]*)$/;

export function placePrefix({ database, pattern }: ArchivePlace): string {
  return `${database}/${pattern}/`;
}

export function segmentObject(place: ArchivePlace, segment: SegmentPlace): string {
  const { firstSeq, timeline, timelineId } = segment;
  return `${placePrefix(place)}log/${timeline}-${timelineId}/${digits(firstSeq, seqDigits)}.seg`;
}

/** Bytes `from` to `to` (exclusive) of an open segment. */
export function pieceObject(
  place: ArchivePlace,
  segment: SegmentPlace,
  from: number,
  to: number,
): string {
  const base = segmentObject(place, segment).slice(0, -'.seg'.length);
  return `${base}.${digits(from, offsetDigits)}-${digits(to, offsetDigits)}.part`;
}

export function backupObject(place: ArchivePlace, id: string, file: string): string {
  return `${placePrefix(place)}backups/${id}/${file}`;
}

/**
 * Beside the files of a backup that is going: whoever looks for backups leaves it out from then on, and
 * whoever reads it already has until it is old enough.
 */
export const retiredFileName = 'retired';

/**
 * Beside the files of a backup that was found, after it was copied, to be of a damaged store: its files are
 * whole, and it is no good backup.
 */
export const refutedFileName = 'refuted';

const recipientsPattern = /^recipients-([0-9a-f]{16})$/;

/** The first of a backup's files, in an archive that is encrypted: for which set of recipients all of them are. */
export function recipientsFileName(recipientsId: string): string {
  return `recipients-${recipientsId}`;
}

/** null where nothing is encrypted, and of earlier versions. */
export function recipientsIdIn(files: Iterable<string>): string | null {
  for (const file of files) {
    const match = recipientsPattern.exec(file);
    if (match !== null) return String(match[1]);
  }
  return null;
}

/** What stands beside a backup's own files. */
export function isMarkFile(file: string): boolean {
  return file === retiredFileName || file === refutedFileName || recipientsPattern.test(file);
}

export function heartbeatObject(place: ArchivePlace): string {
  return `${placePrefix(place)}heartbeat`;
}

export function announcementObject(place: ArchivePlace): string {
  return `${placePrefix(place)}announced`;
}

/** The segments in a list of objects below `log/`, by first record, of equal ones the newer timeline's last. */
export function groupSegments(
  place: ArchivePlace,
  objects: readonly ArchiveObject[],
): ArchivedSegment[] {
  const prefix = placePrefix(place);
  const segments = new Map<
    string,
    ArchivedSegment & { closed: ArchiveObject | null; pieces: ArchivedPiece[] }
  >();
  for (const object of objects) {
    const match = object.name.startsWith(prefix)
      ? logPattern.exec(object.name.slice(prefix.length))
      : null;
    if (match === null) continue;
    const [timeline, timelineId, firstSeq] = [Number(match[1]), String(match[2]), Number(match[3])];
    const key = segmentKey({ timeline, timelineId, firstSeq });
    const segment = segments.get(key) ?? {
      timeline,
      timelineId,
      firstSeq,
      closed: null,
      pieces: [],
    };
    segments.set(key, segment);
    const [from, to] = [Number(match[4]), Number(match[5])];
    if (match[4] === undefined) segment.closed = object;
    else if (from < to) segment.pieces.push({ name: object.name, from, to });
  }
  for (const { pieces } of segments.values()) pieces.sort((a, b) => a.from - b.from || a.to - b.to);
  return [...segments.values()].sort((a, b) => a.firstSeq - b.firstSeq || a.timeline - b.timeline);
}

export function segmentKey({ firstSeq, timeline, timelineId }: SegmentPlace): string {
  return `${timeline}-${timelineId}/${firstSeq}`;
}

/**
 * The pieces that lead from the first byte as far as they do without a gap. Pieces may overlap: one that
 * was stored when its writer was killed is followed by a longer one with the same beginning.
 */
export function leadingPieces(pieces: readonly ArchivedPiece[]): ArchivedPiece[] {
  const chosen: ArchivedPiece[] = [];
  for (let end = 0; ;) {
    const reached = end;
    const next = pieces
      .filter((piece) => piece.from <= reached && piece.to > reached)
      .reduce<ArchivedPiece | null>(
        (best, piece) => (piece.to > (best?.to ?? 0) ? piece : best),
        null,
      );
    if (next === null) return chosen;
    chosen.push(next);
    end = next.to;
  }
}

/** Files of each backup in a list of objects below `backups/`. */
export function groupBackups(
  place: ArchivePlace,
  objects: readonly ArchiveObject[],
): Map<string, Map<string, ArchiveObject>> {
  const prefix = placePrefix(place);
  const backups = new Map<string, Map<string, ArchiveObject>>();
  for (const object of objects) {
    const match = backupPattern.exec(object.name.slice(prefix.length));
    if (!object.name.startsWith(prefix) || match === null) continue;
    const [id, file] = [String(match[1]), String(match[2])];
    const files = backups.get(id) ?? new Map<string, ArchiveObject>();
    backups.set(id, files.set(file, object));
  }
  return backups;
}

/** The databases that a list of all objects shows. */
export function placesIn(objects: readonly ArchiveObject[]): ArchivePlace[] {
  const places = new Map<string, ArchivePlace>();
  for (const { name } of objects) {
    const match = /^([^/]+)\/([0-9a-f]{32})\//.exec(name);
    if (match !== null) {
      places.set(match[0], { database: String(match[1]), pattern: String(match[2]) });
    }
  }
  return [...places.values()];
}

function digits(value: number, length: number): string {
  return String(value).padStart(length, '0');
}
