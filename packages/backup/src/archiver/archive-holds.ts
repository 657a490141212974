// What somebody in this process reads from an archive: it is not expired under the reader (P10). Readers
// elsewhere are not known here; they have the time between a backup's retirement and its removal.
import type { Archive } from '@pamina/archive';
import { placePrefix, type ArchivePlace } from './archive-layout.js';

interface Hold {
  readonly place: string;
  /** A backup, or null for log. */
  readonly backup: string | null;
  readonly fromSeq: number;
}

const holds = new Set<Hold>();

/** Until the returned function is called the backup stays in the archive. */
export function holdArchivedBackup(archive: Archive, place: ArchivePlace, id: string): () => void {
  return holding({ place: keyOf(archive, place), backup: id, fromSeq: Number.MAX_SAFE_INTEGER });
}

/** The same for the log from record `fromSeq` on. */
export function holdArchivedLog(
  archive: Archive,
  place: ArchivePlace,
  fromSeq: number,
): () => void {
  return holding({ place: keyOf(archive, place), backup: null, fromSeq });
}

export function heldBackups(archive: Archive, place: ArchivePlace): ReadonlySet<string> {
  const held = heldIn(archive, place).map(({ backup }) => backup);
  return new Set(held.filter((backup) => backup !== null));
}

/** The oldest record that somebody reads; Infinity if nobody does. */
export function heldFromSeq(archive: Archive, place: ArchivePlace): number {
  const log = heldIn(archive, place).filter(({ backup }) => backup === null);
  return Math.min(Infinity, ...log.map(({ fromSeq }) => fromSeq));
}

function holding(hold: Hold): () => void {
  holds.add(hold);
  return () => holds.delete(hold);
}

function heldIn(archive: Archive, place: ArchivePlace): Hold[] {
  const key = keyOf(archive, place);
  return [...holds].filter((hold) => hold.place === key);
}

/** An archive is opened anew by everyone who uses it: its address says that it is the same. */
function keyOf(archive: Archive, place: ArchivePlace): string {
  return `${archive.describe()}\n${placePrefix(place)}`;
}
