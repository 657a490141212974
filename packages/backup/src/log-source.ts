// Where log is read from for recovery: a database's own log, the segments of incremental backups, an
// archive. Whoever reads trusts nothing that a source delivers before its checksums are right.
import {
  PaminaError,
  decodeSegmentHeader,
  decodeSegmentTrailer,
  isPaminaError,
  isSegmentTrailer,
  segmentHeaderBytes,
  segmentTrailerBytes,
  viewOf,
  type SegmentHeader,
  type SegmentTrailer,
} from '@pamina/format';
import type { UnreadBackup } from './read-failure.js';

/** One segment as a listing tells it. What its header and trailer say is asked for with `segmentFacts`. */
export interface SegmentEntry {
  /** Names it within its source, for messages and for the source itself. */
  readonly name: string;
  readonly timeline: number;
  /** 16 lowercase hex digits. */
  readonly timelineId: string;
  readonly firstSeq: number;
  /** Bytes that can be read of it; reserved zeros at the end of an open one may be among them. */
  readonly bytes: number;
}

export interface SegmentFacts {
  readonly header: SegmentHeader;
  /** null while the segment is open: only its records say where it ends. */
  readonly trailer: SegmentTrailer | null;
}

/** Record `seq` is the last one committed up to `time` (ms since 1970); nothing came in between. */
export interface CompleteUntil {
  readonly seq: number;
  readonly time: number;
  /** Of the writer that says so: on another branch more may have come. Left out: the database's own. */
  readonly timelineId?: string | undefined;
}

export interface LogSource {
  /** Path or address, for messages. */
  describe(): string;
  /** What is there, by first record, ascending; of two with one first record the newer timeline's last. */
  segments(): Promise<readonly SegmentEntry[]>;
  /** The bytes of one from `offset` on, in pieces as they come. LOG_GONE if it was deleted. */
  read(entry: SegmentEntry, offset: number): AsyncIterable<Uint8Array>;
  /** For a source that knows header and trailer at less cost than by reading both ends. */
  facts?(entry: SegmentEntry): Promise<SegmentFacts>;
  /** A time up to which nothing later than a record was committed (heartbeat), if the source has one. */
  completeUntil?(): Promise<CompleteUntil | null>;
  /** Last record that is sure to stay, of a log that is being written to; what is behind it is not looked at. */
  settledSeq?(): number;
  /** Last record that is known to have been there once: a log that ends before it is damaged. */
  knownSeq?(): number;
  /** Backups that may hold more of it, and could not be read when the segments were asked for. */
  unread?(): readonly UnreadBackup[];
  /** Keeps the log from record `fromSeq` on from being deleted by this process until the function is called. */
  hold?(fromSeq: number): () => void;
}

/** Header and trailer, verified. LOG_GONE, LOG_DAMAGED with the name, FORMAT_UNKNOWN. */
export async function segmentFacts(source: LogSource, entry: SegmentEntry): Promise<SegmentFacts> {
  try {
    if (source.facts !== undefined) return checked(entry, await source.facts(entry));
    const header = decodeSegmentHeader(await readUpTo(source, entry, 0, segmentHeaderBytes));
    return checked(entry, { header, trailer: await readTrailer(source, entry) });
  } catch (cause) {
    if (isPaminaError(cause, 'SEGMENT_INVALID')) throw damagedEntry(source, entry, cause.message);
    throw cause;
  }
}

async function readTrailer(source: LogSource, entry: SegmentEntry): Promise<SegmentTrailer | null> {
  const at = entry.bytes - segmentTrailerBytes;
  if (at < segmentHeaderBytes) return null;
  const bytes = await readUpTo(source, entry, at, segmentTrailerBytes);
  return isSegmentTrailer(bytes, viewOf(bytes), 0) ? decodeSegmentTrailer(bytes) : null;
}

/**
 * The name of a segment, its header and its trailer say the same; but the copy of an older timeline's
 * open segment that a promotion closed on its own timeline keeps the older one's header.
 */
function checked(entry: SegmentEntry, facts: SegmentFacts): SegmentFacts {
  const { header, trailer } = facts;
  const isOwn = header.timeline === entry.timeline && header.timelineId === entry.timelineId;
  const fits =
    header.firstSeq === entry.firstSeq &&
    (isOwn || header.timeline < entry.timeline) &&
    (trailer === null || trailer.lastSeq >= header.firstSeq - 1);
  if (fits) return facts;
  const message = `${entry.name}: name, header and trailer do not agree`;
  throw new PaminaError('SEGMENT_INVALID', message);
}

async function readUpTo(
  source: LogSource,
  entry: SegmentEntry,
  offset: number,
  count: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  let held = 0;
  for await (const piece of source.read(entry, offset)) {
    const taken = piece.subarray(0, count - held);
    bytes.set(taken, held);
    held += taken.length;
    if (held === count) break;
  }
  return bytes.subarray(0, held);
}

export function damagedEntry(
  source: LogSource,
  entry: SegmentEntry,
  what: string,
  offset = 0,
): PaminaError {
  const file = `${source.describe()}/${entry.name}`;
  return new PaminaError('LOG_DAMAGED', `${file}, offset ${offset}: ${what}`, {
    context: { file, offset },
  });
}
