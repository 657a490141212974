// Reads the log in order as raw file bytes, across segments and up to what is durable: what a feed
// ships. It never decodes a body; it follows the lengths, so that a chunk ends with a whole record.
import {
  PaminaError,
  readRecordHeader,
  newRecordHeader,
  recordHeaderBytes,
  segmentHeaderBytes,
  segmentTrailerBytes,
} from '@pamina/format';
import type { SegmentHeader } from '@pamina/format';
import type { Disk, DiskFile } from '@pamina/env';
import { loadHeader, openSegment, type Segment } from './segment-list.js';
import { damaged } from './segment-scan.js';

export interface LogChunk {
  /** Name of the segment below the log folder. */
  readonly name: string;
  readonly segment: SegmentHeader;
  /** Offset of the first byte in the file; 0 means that the chunk begins with the segment's header. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** The chunk ends with the trailer. */
  readonly endsSegment: boolean;
  /** Last record that is complete at the end of this chunk. */
  readonly lastSeq: number;
}

/** What a cursor needs to know of its log. */
export interface CursorSource {
  readonly disk: Disk;
  segments(): readonly Segment[];
  readonly durableSeq: number;
}

export interface CursorPlace {
  readonly segment: Segment;
  readonly offset: number;
  /** Last record before the offset. */
  readonly seq: number;
}

/** Finds where record `seq` begins, null if its segment does not exist yet; at the first record of a segment that is offset 0, its header. */
export async function locate(source: CursorSource, seq: number): Promise<CursorPlace | null> {
  if (seq > source.durableSeq + 1) {
    throw new PaminaError('POSITION_AHEAD', `record ${seq} is not in this log yet`, {
      context: { seq, durable: source.durableSeq },
    });
  }
  const last = source.segments().at(-1);
  const isNext = seq === source.durableSeq + 1;
  if (isNext && (last === undefined || (last.closed && last.firstSeq < seq))) return null;
  const segment = segmentWith(source.segments(), seq);
  if (segment === null) {
    throw new PaminaError('LOG_GONE', `record ${seq} is no longer in this log`, {
      context: { seq, first: source.segments()[0]?.firstSeq ?? source.durableSeq + 1 },
    });
  }
  if (segment.firstSeq === seq) return { segment, offset: 0, seq: seq - 1 };
  const offset = await offsetOf(source.disk, segment, seq);
  return { segment, offset, seq: seq - 1 };
}

/** The segment that holds a record, or, for the record after the last one, the open segment. */
export function segmentWith(segments: readonly Segment[], seq: number): Segment | null {
  let low = 0;
  let high = segments.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const segment = segments[middle]!;
    if (segment.firstSeq > seq) high = middle - 1;
    else if (middle === segments.length - 1 || segments[middle + 1]!.firstSeq > seq) return segment;
    else low = middle + 1;
  }
  return null;
}

/** Where record `seq` begins in the file; the end of the records if it is the one after the last. */
async function offsetOf(disk: Disk, segment: Segment, seq: number): Promise<number> {
  const file = await openSegment(disk, segment);
  try {
    const walker = new HeaderWalker(file, segment);
    while (walker.nextSeq < seq) {
      if (!(await walker.step())) throw broken(segment, walker.offset);
    }
    return walker.offset;
  } finally {
    await file.close();
  }
}

/** The record that begins at a file offset; the one after the last at the end of the records; else null. */
export async function seqAt(disk: Disk, segment: Segment, offset: number): Promise<number | null> {
  const file = await openSegment(disk, segment);
  try {
    const walker = new HeaderWalker(file, segment);
    while (walker.offset < offset) {
      if (!(await walker.step())) break;
    }
    return walker.offset === offset ? walker.nextSeq : null;
  } finally {
    await file.close();
  }
}

/** Follows record lengths through a file, reading it in large steps. */
export class HeaderWalker {
  readonly header = newRecordHeader();
  offset = segmentHeaderBytes;
  nextSeq: number;
  readonly #file: DiskFile;
  readonly #segment: Segment;
  readonly #buffer = new Uint8Array(256 * 1024);
  readonly #view = new DataView(this.#buffer.buffer);
  #bufferAt = 0;
  #held = 0;

  constructor(file: DiskFile, segment: Segment) {
    this.#file = file;
    this.#segment = segment;
    this.nextSeq = segment.firstSeq;
  }

  /** Moves behind the next record; false at the end of the records. */
  async step(): Promise<boolean> {
    const end = this.offset + recordHeaderBytes;
    if (end > this.#segment.bytes) return false;
    if (end > this.#bufferAt + this.#held || this.offset < this.#bufferAt) {
      this.#held = await this.#file.read(this.#buffer, this.offset);
      this.#bufferAt = this.offset;
      if (this.#held < recordHeaderBytes) return false;
    }
    readRecordHeader(this.#view, this.offset - this.#bufferAt, this.header);
    const isNext = this.header.seq === this.nextSeq && this.header.length >= recordHeaderBytes;
    if (!isNext || this.offset + this.header.length > this.#segment.bytes) return false;
    this.offset += this.header.length;
    this.nextSeq++;
    return true;
  }
}

export interface CursorOptions {
  /** The bytes of a chunk are only its own until the next one is asked for: what ships them copies them anyway. */
  readonly sharesBuffer?: boolean;
}

export class LogCursor {
  readonly #source: CursorSource;
  readonly #sharesBuffer: boolean;
  #buffer = new Uint8Array(0);
  #place: CursorPlace | null;
  #nextSeq: number;
  #file: { file: DiskFile; segment: Segment } | null = null;
  /** File offset at which the next record begins. */
  #recordAt: number;
  /** End of a record that is larger than a chunk and is handed out in parts. */
  #cutRecordEnd: number | null = null;

  constructor(
    source: CursorSource,
    place: CursorPlace | null,
    nextSeq: number,
    options: CursorOptions = {},
  ) {
    this.#source = source;
    this.#sharesBuffer = options.sharesBuffer ?? false;
    this.#place = place;
    this.#nextSeq = nextSeq;
    this.#recordAt = Math.max(place?.offset ?? 0, segmentHeaderBytes);
  }

  /**
   * Up to `bytesMax` durable bytes (128 if that is less): whole records, or a part of one that is larger.
   * null if nothing durable lies beyond. LOG_GONE if the log was deleted under it. One call at a time.
   */
  async next(bytesMax: number): Promise<LogChunk | null> {
    for (;;) {
      const place = this.#place ?? (await this.#begin());
      if (place === null) return null;
      const { segment, offset } = place;
      // What the segment is at this moment; it may grow or be closed while it is read.
      const { closed, bytes: end } = segment;
      if (end > segmentHeaderBytes && end > offset) {
        const length = Math.min(end - offset, Math.max(bytesMax, segmentHeaderBytes));
        return this.#chunk(segment, offset, length, { end, closed });
      }
      if (!this.#advance(segment, closed)) return null;
    }
  }

  async #chunk(
    segment: Segment,
    offset: number,
    length: number,
    state: { readonly end: number; readonly closed: boolean },
  ): Promise<LogChunk> {
    // What a feed sends behind its master's writers was written a moment ago.
    const isRecent = !state.closed && offset + length === state.end;
    const bytes = await this.#read(segment, offset, length, isRecent);
    const header = await loadHeader(this.#source.disk, segment);
    const used = this.#follow(segment, bytes, offset, state);
    this.#place = { segment, offset: offset + used, seq: this.#nextSeq - 1 };
    return {
      name: segment.name,
      segment: header,
      offset,
      bytes: bytes.subarray(0, used),
      endsSegment: state.closed && offset + used === state.end,
      lastSeq: this.#nextSeq - 1,
    };
  }

  async close(): Promise<void> {
    const open = this.#file;
    this.#file = null;
    if (open !== null) await open.file.close();
  }

  async #begin(): Promise<CursorPlace | null> {
    const place = await locate(this.#source, this.#nextSeq);
    this.#place = place;
    if (place !== null) this.#recordAt = Math.max(place.offset, segmentHeaderBytes);
    return place;
  }

  /** Moves on from a segment that has no more bytes; false if there is nothing to move on to yet. */
  #advance(segment: Segment, closed: boolean): boolean {
    const segments = this.#source.segments();
    const index = segments.indexOf(segment);
    if (index < 0) {
      // Deleted by retention, or taken back before a record of it was durable.
      this.#place = null;
      return this.#nextSeq <= this.#source.durableSeq;
    }
    const next = segments[index + 1];
    if (!closed || next === undefined) return false;
    if (next.firstSeq !== this.#nextSeq) {
      const missing = `records ${this.#nextSeq} to ${next.firstSeq - 1} are missing before ${next.path}`;
      throw new PaminaError('LOG_GONE', missing, {
        context: { seq: this.#nextSeq, file: next.path },
      });
    }
    this.#place = { segment: next, offset: 0, seq: next.firstSeq - 1 };
    this.#recordAt = segmentHeaderBytes;
    return true;
  }

  /** Counts the records in the chunk; returns how much of it to hand out: whole records, where one fits. */
  #follow(
    segment: Segment,
    bytes: Uint8Array,
    offset: number,
    { end, closed }: { readonly end: number; readonly closed: boolean },
  ): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const header = newRecordHeader();
    const chunkEnd = offset + bytes.length;
    const recordsEnd = closed ? end - segmentTrailerBytes : end;
    if (this.#cutRecordEnd !== null) {
      if (this.#cutRecordEnd > chunkEnd) return bytes.length;
      this.#recordAt = this.#cutRecordEnd;
      this.#cutRecordEnd = null;
      this.#nextSeq++;
    }
    while (this.#recordAt < recordsEnd && this.#recordAt + recordHeaderBytes <= chunkEnd) {
      readRecordHeader(view, this.#recordAt - offset, header);
      const recordEnd = this.#recordAt + header.length;
      const isNext = header.seq === this.#nextSeq && header.length >= recordHeaderBytes;
      if (!isNext || recordEnd > recordsEnd) throw broken(segment, this.#recordAt);
      if (recordEnd > chunkEnd) {
        if (this.#recordAt > offset) break;
        this.#cutRecordEnd = recordEnd;
        return bytes.length;
      }
      this.#recordAt = recordEnd;
      this.#nextSeq++;
    }
    // A trailer is handed out whole.
    if (this.#recordAt === recordsEnd && chunkEnd === end) return bytes.length;
    if (this.#recordAt === offset) throw broken(segment, offset);
    return this.#recordAt - offset;
  }

  async #read(
    segment: Segment,
    offset: number,
    length: number,
    isRecent: boolean,
  ): Promise<Uint8Array> {
    if (this.#file?.segment !== segment) {
      await this.close();
      this.#file = { file: await openSegment(this.#source.disk, segment), segment };
    }
    const bytes = this.#room(length);
    let held = 0;
    while (held < length) {
      const count = await this.#file.file.read(bytes.subarray(held), offset + held, isRecent);
      if (count === 0) {
        throw new PaminaError('LOG_DAMAGED', `${segment.path} is shorter than it was`, {
          context: { file: segment.path, offset: offset + held },
        });
      }
      held += count;
    }
    return bytes;
  }

  /** A megabyte a chunk would keep the collector of garbage busier than the feed itself. */
  #room(length: number): Uint8Array {
    if (!this.#sharesBuffer) return new Uint8Array(length);
    if (this.#buffer.length < length) this.#buffer = new Uint8Array(length);
    return this.#buffer.subarray(0, length);
  }
}

function broken(segment: Segment, offset: number): PaminaError {
  return damaged(segment.path, offset, 'the records break off here');
}
