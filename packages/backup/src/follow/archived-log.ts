// Archived log as a replica receives it: the bytes of each segment from where the replica's own log ends,
// proved record by record against its chain before any is handed on (P4, P5). Whatever an archive delivers,
// nothing of it is believed for its name.
import {
  encodeSegmentHeader,
  encodeSegmentTrailer,
  isPaminaError,
  PaminaError,
  parseSegmentPath,
  segmentHeaderBytes,
  segmentPath,
  type SegmentHeader,
  type SegmentTrailer,
  type Timeline,
} from '@pamina/format';
import {
  scanSegment,
  splitBatch,
  type ChainPoint,
  type RecordBatch,
  type ScanEnd,
} from '@pamina/log';
import type { Archive } from '@pamina/archive';
import type { ArchivePlace } from '../archiver/archive-layout.js';
import {
  isReached,
  isSameLog,
  readAnnouncement,
  type Announcement,
} from '../archiver/announcement.js';
import { readHeartbeat } from '../archiver/heartbeat.js';
import type { CompleteUntil } from '../log-source.js';
import { PieceReader, pointIn } from '../recover/segment-stream.js';
import { ArchivedLine, type ListedSegment, onHistory } from './archived-line.js';
import { FolderWatch } from './folder-watch.js';

/** Where a replica's log ends. */
export interface ReplicaEnd {
  readonly timelines: readonly Timeline[];
  readonly point: ChainPoint;
  /** The segment that it has the beginning of, and how much of it; null between two. */
  readonly segment: { readonly name: string; readonly offset: number } | null;
}

/** As a channel carries them; see SegmentBytes in wire. */
export interface ArchivedBytes {
  readonly name: string;
  readonly segment: SegmentHeader;
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly endsSegment: boolean;
  readonly lastSeq: number;
}

export interface ArchivedChunk {
  readonly chunk: ArchivedBytes;
  /** What the replica takes over as its history before the chunk; null where it has it already. */
  readonly timelines: readonly Timeline[] | null;
}

interface Cursor {
  point: ChainPoint;
  /** First record of the segment that is open here, and where the next byte goes; null between two. */
  inside: { readonly firstSeq: number; offset: number } | null;
  /** Whether the replica has the history that it goes on with. */
  isAdopted: boolean;
}

/** A segment that goes on where the replica ends. */
interface Next {
  readonly listed: ListedSegment;
  readonly header: SegmentHeader;
  readonly trailer: SegmentTrailer | null;
  /** Last record of it that is on the history. */
  readonly limit: number;
}

/**
 * So many looks in a row go without a list: what an archiver of an earlier version puts is announced by nobody, and
 * of two that archive to one place one can overwrite what the other has announced.
 */
const idleLooksMax = 60;

export class ArchivedLog {
  readonly #archive: Archive;
  readonly #place: ArchivePlace;
  readonly #line: ArchivedLine;
  readonly #watch: FolderWatch;
  /** What was announced before the last look that found all there was; null where the next one lists. */
  #seen: Announcement | null = null;
  /** Looks since that did not list. */
  #idleLooks = 0;
  #isHinted = false;
  #complete: CompleteUntil | null = null;

  constructor(archive: Archive, place: ArchivePlace) {
    this.#archive = archive;
    this.#place = place;
    this.#line = new ArchivedLine(archive, place);
    this.#watch = new FolderWatch(archive, place);
  }

  describe(): string {
    return this.#line.describe();
  }

  /**
   * What leads on from the end of a replica's log, in order; ends where the archive has no more. LOG_GONE
   * where the archive goes on later only, DIVERGED, PATTERN_MISMATCH, LOG_DAMAGED, ARCHIVE_UNAVAILABLE.
   */
  async *read(
    end: ReplicaEnd,
    signal: AbortSignal,
  ): AsyncGenerator<ArchivedChunk, void, undefined> {
    try {
      // Before the list: what comes behind it is news for the next look.
      const announced = await readAnnouncement(this.#archive, this.#place, signal);
      if (this.#isIdle(announced, end)) return;
      this.#seen = null;
      this.#idleLooks = 0;
      this.#isHinted = false;
      yield* this.#read(end, signal);
      this.#seen = announced;
    } catch (error) {
      throw unlessMoved(error);
    }
  }

  /** Nothing new was announced, and all that was is here. */
  #isIdle(announced: Announcement | null, end: ReplicaEnd): boolean {
    const seen = this.#seen;
    if (seen === null || announced === null || this.#isHinted) return false;
    if (!isSameLog(seen, announced) || !isReached(announced, end)) return false;
    if (this.#idleLooks >= idleLooksMax) return false;
    this.#idleLooks += 1;
    const { completeUntil: time, seq } = announced;
    if (time !== null) this.#complete = { seq, time };
    return true;
  }

  async *#read(
    end: ReplicaEnd,
    signal: AbortSignal,
  ): AsyncGenerator<ArchivedChunk, void, undefined> {
    const place = end.segment === null ? null : parseSegmentPath(end.segment.name);
    const cursor: Cursor = {
      point: end.point,
      inside:
        end.segment === null || place === null
          ? null
          : { firstSeq: place.firstSeq, offset: end.segment.offset },
      isAdopted: false,
    };
    const listed = await this.#line.list(signal);
    this.#watch.noteNewest(listed.map(({ entry }) => entry));
    const history = await this.#line.historyFor(end.timelines, end.point.seq, listed, signal);
    cursor.isAdopted = history.length === end.timelines.length;
    for (;;) {
      const next = await this.#next(cursor, history, listed, signal);
      if (next === null) return;
      const before = `${cursor.point.seq}/${cursor.inside?.offset}`;
      for await (const chunk of this.#chunksOf(next, cursor, signal)) {
        signal.throwIfAborted();
        const timelines = cursor.isAdopted ? null : history;
        cursor.isAdopted = true;
        yield { chunk, timelines };
      }
      if (`${cursor.point.seq}/${cursor.inside?.offset}` === before) return;
    }
  }

  /** Up to when nothing is missing here, as the archive's heartbeat says; null where it says nothing. */
  async completeUntil(signal: AbortSignal): Promise<CompleteUntil | null> {
    // A look that did not list has it from what was announced.
    if (this.#idleLooks > 0) return this.#complete;
    const heartbeat = await readHeartbeat(this.#archive, this.#place, signal);
    this.#complete = heartbeat === null ? null : { seq: heartbeat.seq, time: heartbeat.time };
    return this.#complete;
  }

  /** Calls after something came, where the archive can tell: a hint. Called again it changes what is watched. */
  watch(onChange: () => void): Promise<void> {
    return this.#watch.start(() => {
      this.#isHinted = true;
      onChange();
    });
  }

  close(): Promise<void> {
    return this.#watch.close();
  }

  /** null where there is nothing behind the replica's end. */
  async #next(
    cursor: Cursor,
    history: readonly Timeline[],
    listed: readonly ListedSegment[],
    signal: AbortSignal,
  ): Promise<Next | null> {
    const { inside, point } = cursor;
    const firstSeq = inside?.firstSeq ?? point.seq + 1;
    const onLine = onHistory(listed, history);
    let best: Next | null = null;
    for (const one of onLine.filter(({ entry }) => entry.firstSeq === firstSeq)) {
      const sized = await this.#line.sized(one, signal);
      if (sized.entry.bytes <= (inside?.offset ?? 0)) continue;
      const { header, trailer } = await this.#line.facts(sized, signal);
      const found = { listed: sized, header, trailer, limit: one.limit };
      if (leadsOn(found, point.seq) && reachOf(found) >= reachOf(best)) best = found;
    }
    if (best === null) await this.#refuseGap(point, onLine, signal);
    return best;
  }

  /** Whether the replica needs something that the archive no longer has: then waiting is in vain. LOG_GONE. */
  async #refuseGap(
    { seq }: ChainPoint,
    onLine: ReturnType<typeof onHistory>,
    signal: AbortSignal,
  ): Promise<void> {
    const behind = onLine.find(({ entry }) => entry.firstSeq > seq + 1);
    if (behind !== undefined) throw this.#gone(seq, behind.entry.firstSeq);
    const around = onLine.findLast(({ entry }) => entry.firstSeq <= seq);
    if (around === undefined || around.pieces !== null) return;
    const { trailer } = await this.#line.facts(await this.#line.sized(around, signal), signal);
    const lastSeq = Math.min(trailer?.lastSeq ?? 0, around.limit);
    if (lastSeq > seq) throw this.#gone(seq, lastSeq + 1);
  }

  #gone(seq: number, from: number): PaminaError {
    const message = `${this.describe()} does not have the log from record ${seq + 1} on in a way that this replica can go on with; it goes on at ${from}`;
    return new PaminaError('LOG_GONE', message, { context: { seq, from } });
  }

  async *#chunksOf(
    next: Next,
    cursor: Cursor,
    signal: AbortSignal,
  ): AsyncGenerator<ArchivedBytes, void, undefined> {
    const { header, limit, listed, trailer } = next;
    const { entry } = listed;
    const chunkAt = chunkMaker(next);
    let head: Uint8Array | null = null;
    if (cursor.inside === null) {
      this.#requireContinues(header, cursor.point, entry.name);
      head = encodeSegmentHeader(header);
      cursor.inside = { firstSeq: header.firstSeq, offset: segmentHeaderBytes };
    }
    const at = cursor.inside;
    const chunkOf = (bytes: Uint8Array, lastSeq: number, endsSegment: boolean): ArchivedBytes => {
      const begin = head;
      head = null;
      const isFirst = begin !== null;
      const all = isFirst ? Buffer.concat([begin, bytes]) : bytes;
      return chunkAt({ offset: isFirst ? 0 : at.offset, bytes: all, lastSeq, endsSegment });
    };
    const batches = this.#scan(next, cursor, signal);
    let end: ScanEnd;
    for (;;) {
      const step = await batches.next();
      if (step.done === true) {
        end = step.value;
        break;
      }
      const batch = upTo(step.value, limit);
      if (batch !== null) {
        const bytes = batch.bytes.subarray(batch.start, batch.end);
        const chunk = chunkOf(bytes, batch.point.seq, false);
        at.offset += bytes.length;
        cursor.point = batch.point;
        yield chunk;
      }
      // What stands behind is of a history that was left.
      if (batch !== step.value) {
        await batches.return(nothing);
        return;
      }
    }
    const isEnd = trailer === null ? end.reason === 'end-of-file' : fits(trailer, end);
    if (!isEnd) throw await this.#misfit(next, end, signal);
    if (trailer === null || trailer.lastSeq > limit) return;
    const chunk = chunkOf(encodeSegmentTrailer(trailer), trailer.lastSeq, true);
    cursor.inside = null;
    yield chunk;
  }

  #scan(next: Next, cursor: Cursor, signal: AbortSignal) {
    const { listed } = next;
    const offset = cursor.inside?.offset ?? segmentHeaderBytes;
    const pieces = this.#line.source(listed, signal).read(listed.entry, offset);
    const file = new PieceReader(pieces, offset);
    const start = { offset, point: cursor.point, checksum: 0, limit: Number.MAX_SAFE_INTEGER };
    return closing(scanSegment(file, { ...start, expectedEnd: listed.entry.bytes }), file);
  }

  #requireContinues(header: SegmentHeader, { chain, seq }: ChainPoint, name: string): void {
    if (header.chainBefore === chain) return;
    const message = `${name} in ${this.describe()} does not continue the history of this replica at record ${seq}`;
    throw new PaminaError('DIVERGED', message, { context: { seq, file: name } });
  }

  /** Records that do not follow are damage, unless the archive is whole and tells another history. */
  async #misfit(next: Next, end: ScanEnd, signal: AbortSignal): Promise<PaminaError> {
    const { header, listed } = next;
    const { entry } = listed;
    const { chain, seq } = end.point;
    const source = this.#line.source(listed, signal);
    const there = await pointIn({ source, entry, header }, seq);
    if (there.seq === seq && there.chain !== chain) {
      const message = `${entry.name} in ${this.describe()} tells another history than this replica has at record ${seq}`;
      return new PaminaError('DIVERGED', message, { context: { seq, file: entry.name } });
    }
    const message = `${this.describe()}, object ${entry.name}, offset ${end.offset}: what stands there does not continue record ${seq}`;
    return new PaminaError('ARCHIVE_DAMAGED', message, {
      context: { object: entry.name, offset: end.offset },
    });
  }
}

const nothing: ScanEnd = {
  reason: 'end-of-file',
  offset: 0,
  checksum: 0,
  point: { seq: 0, chain: 0, time: 0 },
};

/** Of several with the same beginning the one that goes furthest, a closed one before pieces of it. */
function reachOf(next: Next | null): number {
  if (next === null) return -1;
  const { limit, trailer } = next;
  if (trailer === null) return 0;
  return Math.min(trailer.lastSeq, limit) + (trailer.lastSeq <= limit ? 1 : 0);
}

/** A closed one that is cut at the end of its timeline ends there, without its trailer. */
function leadsOn({ limit, trailer }: Next, seq: number): boolean {
  return limit > seq || (trailer !== null && trailer.lastSeq <= limit);
}

function fits(trailer: SegmentTrailer, end: ScanEnd): boolean {
  const { chain, seq } = end.point;
  return (
    end.reason === 'trailer' &&
    trailer.bytes === end.offset &&
    trailer.lastSeq === seq &&
    trailer.chain === chain
  );
}

/** The same batch where all of it is; null where nothing of it is. */
function upTo<Batch extends RecordBatch>(batch: Batch, limit: number): RecordBatch | null {
  if (batch.point.seq <= limit) return batch;
  return batch.firstSeq > limit ? null : splitBatch(batch, limit)[0];
}

/** Where the master keeps it: a part that a promotion cut off stands on the promotion's timeline. */
function chunkMaker({ header, listed, trailer }: Next) {
  const { firstSeq, timeline, timelineId } = listed.entry;
  const isCopy = header.timelineId !== timelineId;
  const lastSeq = isCopy ? (trailer?.lastSeq ?? null) : null;
  const name = segmentPath({ timeline, timelineId, session: header.session, firstSeq, lastSeq });
  return (part: Omit<ArchivedBytes, 'name' | 'segment'>): ArchivedBytes => ({
    name,
    segment: header,
    ...part,
  });
}

async function* closing<Yielded, End>(
  scan: AsyncGenerator<Yielded, End, undefined>,
  file: PieceReader,
): AsyncGenerator<Yielded, End, undefined> {
  try {
    return yield* scan;
  } finally {
    await file.close();
  }
}

/** An object that went away between the list and the reading: the next look finds what took its place. */
function unlessMoved(error: unknown): unknown {
  const isMoved =
    isPaminaError(error, 'LOG_GONE') && isPaminaError(error.cause, 'ARCHIVE_OBJECT_NOT_FOUND');
  if (!isMoved) return error;
  return new PaminaError('ARCHIVE_UNAVAILABLE', error.message, { cause: error });
}
