// The way into the log of a replica: bytes as the master wrote them, verified record by record against
// the chain (P4, P5) and written at the same offsets, so that both logs are byte for byte the same.
import {
  PaminaError,
  checkRecord,
  crc32,
  newRecordHeader,
  decodeSegmentHeader,
  decodeSegmentTrailer,
  isSegmentTrailer,
  segmentHeaderBytes,
  segmentTrailerBytes,
  toPaminaError,
  type SegmentHeader,
  type SegmentTrailer,
} from '@pamina/format';
import type { Disk } from '@pamina/env';
import { Carry } from './carry.js';
import { type ChainPoint, type RecordBatch } from './record-batch.js';
import { segmentOf, type Segment } from './segment-list.js';
import type { OpenTail } from './log-recovery.js';
import { SegmentPreparer } from './segment-preparer.js';
import { SegmentWriter, isWriteOnFullDisk, reserveForBytesMax } from './segment-writer.js';

/** A run of bytes of a segment file, as a cursor reads it and a channel carries it. */
export interface ReceivedChunk {
  /** Name below the log folder; decides where a segment that begins with this chunk is kept. */
  readonly name: string;
  /** Offset of the first byte in the segment file. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface ReceiverOptions {
  readonly disk: Disk;
  readonly folder: string;
  readonly segmentBytes: number;
  readonly point: ChainPoint;
  readonly tail: OpenTail | null;
  readonly pattern: () => string | null;
  /** Throws if a segment with this header may not follow (another pattern, an unknown timeline). */
  readonly mayFollow: (header: SegmentHeader) => void;
  readonly onSegment: (segment: Segment) => void;
  readonly onDurable: (point: ChainPoint, segment: Segment, offset: number) => void;
  readonly onSegmentClosed: (segment: Segment) => void;
}

interface Scan {
  /** The whole records stand in bytes[0, end). */
  readonly end: number;
  readonly point: ChainPoint;
  readonly trailer: SegmentTrailer | null;
}

export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #preparer: SegmentPreparer;
  #writer: SegmentWriter | null = null;
  #tail: OpenTail | null;
  #point: ChainPoint;
  readonly #carry = new Carry();
  /** A failed sync: nothing is received until the log is opened again (P7). */
  #broken: PaminaError | null = null;
  /** What went wrong behind records that were handed on: the next call says it. */
  #owed: PaminaError | null = null;
  #isClosed = false;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#preparer = new SegmentPreparer(options.disk, options.folder, options.segmentBytes);
    this.#point = options.point;
    this.#tail = options.tail;
  }

  /** Where the next byte is expected: in the open segment, or null at the start of the next one. */
  get resumeAt(): { name: string; offset: number } | null {
    if (this.#writer !== null) {
      return { name: this.#writer.segment.name, offset: this.#writer.offset };
    }
    return this.#tail === null
      ? null
      : { name: this.#tail.segment.name, offset: this.#tail.offset };
  }

  /** Set once the log can no longer say what is on the disk (P7); it must be opened again. */
  get failure(): PaminaError | null {
    return this.#broken;
  }

  /** A connection ended: the next one starts again behind the last whole record. */
  forgetPartialRecord(): void {
    this.#carry.clear();
  }

  /**
   * Verifies, writes and syncs. Returns the records that became whole; null if none did. One call at a
   * time. After an error the next byte expected is the one behind the last whole record: `resumeAt`.
   */
  async receive(chunk: ReceivedChunk): Promise<RecordBatch | null> {
    try {
      return await this.#receive(chunk);
    } catch (error) {
      this.#carry.clear();
      throw error;
    }
  }

  /** Lets go of the open segment; it goes on after the next open. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#preparer.close();
    const writer = this.#writer;
    this.#writer = null;
    if (writer === null) return;
    if (this.#broken === null) await writer.release();
    else await writer.abandon();
  }

  async #receive(chunk: ReceivedChunk): Promise<RecordBatch | null> {
    this.#requireReady();
    const header = chunk.offset === 0 ? this.#checkNew(chunk) : this.#checkNext(chunk);
    const rest = header === null ? chunk.bytes : chunk.bytes.subarray(segmentHeaderBytes);
    const bytes = this.#carry.join(rest);
    const scan =
      bytes.length < this.#carry.needed
        ? { end: 0, point: this.#point, trailer: null }
        : this.#scan(bytes);
    if (scan.trailer !== null) this.#requireFits(scan.trailer, chunk, bytes.subarray(0, scan.end));
    if (header !== null) await this.#begin(chunk.name, header);
    await this.#resumeTail();
    const writer = this.#writer!;
    let batch: RecordBatch | null = null;
    if (scan.end > 0) {
      await this.#write(writer, () => writer.append(bytes.subarray(0, scan.end)));
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const firstSeq = this.#point.seq + 1;
      batch = { bytes, view, start: 0, end: scan.end, firstSeq, point: scan.point };
      this.#point = scan.point;
      this.#options.onDurable(scan.point, writer.segment, writer.offset);
      const isSmall = scan.end <= reserveForBytesMax;
      if (isSmall && writer.offset > this.#options.segmentBytes / 2) this.#preparer.start();
    }
    if (scan.trailer === null) this.#carry.keep(bytes, scan.end);
    else await this.#closeSegment(writer, batch !== null);
    return batch;
  }

  #requireReady(): void {
    if (this.#broken !== null) throw this.#broken;
    if (this.#isClosed) throw new PaminaError('DATABASE_OFFLINE', 'the log is closed');
    const owed = this.#owed;
    this.#owed = null;
    if (owed !== null) throw owed;
  }

  #checkNew(chunk: ReceivedChunk): SegmentHeader {
    if (this.resumeAt !== null) {
      const message = `a new segment was sent while ${this.resumeAt.name} is open`;
      throw new PaminaError('RECORD_GAP', message, { context: { name: chunk.name } });
    }
    const header = decodeSegmentHeader(chunk.bytes.subarray(0, segmentHeaderBytes));
    const pattern = this.#options.pattern();
    if (header.pattern !== pattern) {
      const message = `the segment bears the pattern ${header.pattern}, this database ${pattern}`;
      throw new PaminaError('PATTERN_MISMATCH', message);
    }
    if (header.firstSeq !== this.#point.seq + 1) {
      const message = `expected record ${this.#point.seq + 1}, the segment starts with ${header.firstSeq}`;
      const context = { expected: this.#point.seq + 1, received: header.firstSeq };
      throw new PaminaError('RECORD_GAP', message, { context });
    }
    if (header.chainBefore !== this.#point.chain) {
      const message = `the segment does not continue the history at record ${this.#point.seq}`;
      throw new PaminaError('DIVERGED', message, { context: { seq: this.#point.seq } });
    }
    requireNameFits(segmentOf(this.#options.folder, chunk.name), header);
    this.#options.mayFollow(header);
    return header;
  }

  #checkNext(chunk: ReceivedChunk): null {
    const open = this.resumeAt;
    const expected = open === null ? 0 : open.offset + this.#carry.length;
    if (open !== null && chunk.offset === expected) return null;
    const message = `expected offset ${expected} of ${open?.name ?? 'a new segment'}, got ${chunk.offset} of ${chunk.name}`;
    throw new PaminaError('RECORD_GAP', message, {
      context: { expected, received: chunk.offset },
    });
  }

  /** Finds the whole records; throws if what stands behind them can become neither record nor trailer. */
  #scan(bytes: Uint8Array): Scan {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const header = newRecordHeader();
    let { seq, chain, time } = this.#point;
    let at = 0;
    let status = checkRecord(bytes, view, at, bytes.length, seq + 1, chain, header);
    while (status === 'record') {
      ({ seq, checksum: chain, time } = header);
      at += header.length;
      status = checkRecord(bytes, view, at, bytes.length, seq + 1, chain, header);
    }
    const point = at === 0 ? this.#point : { seq, chain, time };
    const left = bytes.length - at;
    this.#carry.needed = status === 'partial' ? header.length : 0;
    if (left >= segmentTrailerBytes && isSegmentTrailer(bytes, view, at)) {
      const trailer = decodeSegmentTrailer(bytes.subarray(at, at + segmentTrailerBytes));
      const fits =
        left === segmentTrailerBytes &&
        trailer.lastSeq === seq &&
        trailer.chain === chain &&
        trailer.lastTime === time;
      if (!fits) throw misfit(point);
      return { end: at, point, trailer };
    }
    // Fewer bytes than a trailer may be the beginning of one.
    if (left > 0 && status !== 'partial' && left >= segmentTrailerBytes) {
      const message = `received bytes after record ${seq} are not the record that follows it`;
      throw new PaminaError('RECORD_INVALID', message, { context: { seq: seq + 1 } });
    }
    return { end: at, point, trailer: null };
  }

  async #begin(name: string, header: SegmentHeader): Promise<void> {
    const { disk, folder, segmentBytes } = this.#options;
    const segment = segmentOf(folder, name);
    segment.header = header;
    // A file that another connection or a crash left without a whole record is begun again.
    await disk.removeTree(segment.path);
    this.#writer = await SegmentWriter.create(disk, segment, header, segmentBytes, (path) =>
      this.#preparer.take(path),
    );
    this.#options.onSegment(segment);
  }

  async #resumeTail(): Promise<void> {
    if (this.#writer !== null || this.#tail === null) return;
    const { segment, offset, checksum } = this.#tail;
    const state = { offset, checksum, segmentBytes: this.#options.segmentBytes };
    this.#writer = await SegmentWriter.resume(this.#options.disk, segment, state);
    this.#tail = null;
  }

  /** As on a master: erased and synced, or broken until the log is opened again (P7). */
  async #write(writer: SegmentWriter, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      try {
        if (!isWriteOnFullDisk(toPaminaError(error))) throw error;
        await writer.erase();
      } catch (cause) {
        this.#broken = new PaminaError('DATABASE_FAILED', 'the log could not be written', {
          cause,
        });
        throw this.#broken;
      }
      throw error;
    }
  }

  /** Records that came with the trailer are durable whatever becomes of it: then the next call fails. */
  async #closeSegment(writer: SegmentWriter, hasBatch: boolean): Promise<void> {
    this.#carry.clear();
    try {
      await this.#write(writer, () => writer.close(this.#point));
    } catch (error) {
      if (!hasBatch) throw error;
      this.#owed = toPaminaError(error);
      return;
    }
    this.#writer = null;
    this.#options.onSegmentClosed(writer.segment);
  }

  /** Holds a trailer against the segment as it will be with `records`, before any of them is written. */
  #requireFits(trailer: SegmentTrailer, chunk: ReceivedChunk, records: Uint8Array): void {
    let { offset, checksum } = { offset: 0, checksum: 0 };
    if (chunk.offset === 0) {
      offset = segmentHeaderBytes;
      checksum = crc32(chunk.bytes.subarray(0, segmentHeaderBytes));
    } else {
      ({ offset, checksum } = this.#writer ?? this.#tail!);
    }
    const isWhole =
      trailer.bytes === offset + records.length && trailer.checksum === crc32(records, checksum);
    if (!isWhole) throw misfit(this.#point);
  }
}

/** A segment stands where its header says, or, closed by a promotion, on the timeline that made the copy. */
function requireNameFits(segment: Segment, header: SegmentHeader): void {
  const { timeline, timelineId, session, firstSeq, lastSeq } = segment.place;
  const isOwnPlace = timeline === header.timeline && timelineId === header.timelineId;
  const fits =
    firstSeq === header.firstSeq && session === header.session && (isOwnPlace || lastSeq !== null);
  if (fits) return;
  throw new PaminaError('SEGMENT_INVALID', `${segment.name} is not the place of its header`, {
    context: { name: segment.name },
  });
}

function misfit(point: ChainPoint): PaminaError {
  const message = `the trailer that was received does not fit the records up to ${point.seq}`;
  return new PaminaError('RECORD_INVALID', message, { context: { seq: point.seq } });
}
