// What an archiver announces before it puts log: how far the archive goes then. Who follows the archive asks for
// this one small object while nothing comes, and lists only when it says something new, or more than he has. What
// was announced and did not come (the archiver was killed in between) costs lists, and loses nothing.
import { isPaminaError, parseSegmentPath, type Timeline } from '@pamina/format';
import { readObject, type Archive, type ArchiveCall } from '@pamina/archive';
import { announcementObject, type ArchivePlace, type SegmentPlace } from './archive-layout.js';
import { decodeLine, encodeLine, isCount } from './checked-line.js';

export interface Announcement extends SegmentPlace {
  /** The last record of that segment that is put. */
  readonly seq: number;
  /** Whether it is put closed. */
  readonly isClosed: boolean;
  /** As the heartbeat: nothing came behind `seq` until then, by the writer's clock; null where it does not say so. */
  readonly completeUntil: number | null;
  /** Whose it is: of several databases that archive to one place each overwrites the other's. */
  readonly instance: string;
  /** When it was written, ms since 1970. */
  readonly time: number;
}

const announcementBytesMax = 4096;

export async function announce(
  archive: Archive,
  place: ArchivePlace,
  announcement: Announcement,
  call: ArchiveCall,
): Promise<void> {
  const bytes = encodeLine({ formatVersion: 1, ...announcement });
  await archive.replace(announcementObject(place), bytes, call);
}

const absentCodes: ReadonlySet<string> = new Set([
  'ARCHIVE_DAMAGED',
  'ARCHIVE_KEY_INVALID',
  'ARCHIVE_OBJECT_NOT_FOUND',
]);

/** null where there is none, or none that this version, or these keys, can read: then the archive is listed. */
export async function readAnnouncement(
  archive: Archive,
  place: ArchivePlace,
  signal: AbortSignal,
): Promise<Announcement | null> {
  try {
    const name = announcementObject(place);
    return decode(await readObject(archive, name, announcementBytesMax, { signal }));
  } catch (error) {
    if (isPaminaError(error) && absentCodes.has(error.code)) return null;
    throw error;
  }
}

function decode(bytes: Uint8Array): Announcement | null {
  const fields = decodeLine(bytes);
  if (fields === null || fields['formatVersion'] !== 1) return null;
  const { completeUntil, firstSeq, instance, isClosed, seq, time, timeline, timelineId } = fields;
  const areCounts = isCount(firstSeq) && isCount(seq) && isCount(time) && isCount(timeline);
  const areTexts = typeof instance === 'string' && typeof timelineId === 'string';
  const isWord = completeUntil === null || isCount(completeUntil);
  if (!areCounts || !areTexts || !isWord || typeof isClosed !== 'boolean') return null;
  return { completeUntil, firstSeq, instance, isClosed, seq, time, timeline, timelineId };
}

/** Whether `after` says no more of the log than `before` did. */
export function isSameLog(before: Announcement, after: Announcement): boolean {
  return (
    before.instance === after.instance &&
    before.timelineId === after.timelineId &&
    before.firstSeq === after.firstSeq &&
    before.seq === after.seq &&
    before.isClosed === after.isClosed
  );
}

/** Whether all that was announced is in a log that ends there; of a timeline that it left only what it has of that. */
export function isReached(
  { firstSeq, isClosed, seq, timelineId }: Announcement,
  end: {
    readonly timelines: readonly Timeline[];
    readonly point: { readonly seq: number };
    readonly segment: { readonly name: string } | null;
  },
): boolean {
  const { point, segment, timelines } = end;
  const index = timelines.findIndex(({ id }) => id === timelineId);
  if (index < 0) return false;
  const limit = timelines[index + 1]?.atSeq ?? Number.MAX_SAFE_INTEGER;
  if (point.seq < Math.min(seq, limit)) return false;
  // Of a segment that is closed there the trailer is still to come.
  const isOpenHere = segment !== null && parseSegmentPath(segment.name)?.firstSeq === firstSeq;
  return !(isClosed && isOpenHere && seq <= limit);
}
